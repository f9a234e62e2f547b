#include "cost/interpolation.h"

#include <algorithm>
#include <cmath>

namespace pronghorn::cost {
namespace {

// In units of the variables, which are octaves: longer than the distance between any two samples
// that matter to each other, so that between them the function is nearly straight.
constexpr double kRange = 16;
// Two samples at one point, measured twice, must not make the system singular.
constexpr double kNugget = 1e-4;

double covariance(const std::vector<double>& a, const std::vector<double>& b) {
  double square = 0;
  for (size_t i = 0; i < a.size(); ++i) square += (a[i] - b[i]) * (a[i] - b[i]);
  return std::exp(-std::sqrt(square) / kRange);
}

// Solves A x = b for a symmetric positive definite A, by Cholesky's A = L L^T, in place.
std::vector<double> solve(std::vector<double> a, std::vector<double> b) {
  const size_t n = b.size();
  for (size_t j = 0; j < n; ++j) {
    for (size_t k = 0; k < j; ++k)
      for (size_t i = j; i < n; ++i) a[i * n + j] -= a[i * n + k] * a[j * n + k];
    const double root = std::sqrt(a[j * n + j]);
    for (size_t i = j; i < n; ++i) a[i * n + j] /= root;
  }
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
  return b;
}

}  // namespace

Interpolation::Interpolation(std::vector<Sample> samples) : samples_(std::move(samples)) {
  const size_t n = samples_.size();
  low_ = high_ = samples_.front().at;
  least_ = greatest_ = samples_.front().value;
  for (const Sample& sample : samples_) {
    mean_ += sample.value / static_cast<double>(n);
    least_ = std::min(least_, sample.value);
    greatest_ = std::max(greatest_, sample.value);
    for (size_t i = 0; i < low_.size(); ++i) {
      low_[i] = std::min(low_[i], sample.at[i]);
      high_[i] = std::max(high_[i], sample.at[i]);
    }
  }
  std::vector<double> matrix(n * n), residual(n);
  for (size_t i = 0; i < n; ++i) {
    residual[i] = samples_[i].value - mean_;
    for (size_t j = 0; j < n; ++j)
      matrix[i * n + j] = covariance(samples_[i].at, samples_[j].at) + (i == j ? kNugget : 0);
  }
  weights_ = solve(std::move(matrix), std::move(residual));
}

double Interpolation::operator()(std::vector<double> at) const {
  for (size_t i = 0; i < low_.size(); ++i) at[i] = std::clamp(at[i], low_[i], high_[i]);
  double value = mean_;
  for (size_t i = 0; i < samples_.size(); ++i)
    value += weights_[i] * covariance(samples_[i].at, at);
  return std::clamp(value, least_, greatest_);
}

double Interpolation::without(size_t index) const {
  std::vector<Sample> others = samples_;
  others.erase(others.begin() + static_cast<ptrdiff_t>(index));
  return others.empty() ? samples_[index].value
                        : Interpolation(std::move(others))(samples_[index].at);
}

}  // namespace pronghorn::cost
