// F-beta and R2: numbers of each output over all rows, then their average
// (keras/src/metrics/f_score_metrics.py and regression_metrics.py).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "pronghorn/error.h"
#include "train/metrics/metric_state.h"

namespace pronghorn::train {
namespace {

constexpr double kEpsilon = 1e-7;

enum class Average : uint8_t { kNone, kMicro, kMacro, kWeighted };

class FBetaScore final : public MetricState {
 public:
  FBetaScore(Average average, double beta, std::optional<double> threshold, int64_t classes)
      : average_(average),
        beta_(beta),
        threshold_(threshold),
        counts_(average == Average::kMicro ? 1 : static_cast<size_t>(classes)) {}

  void reset() override { std::fill(counts_.begin(), counts_.end(), Counts{}); }

  void update(const Predicted& batch) override {
    for (int64_t row = 0; row < batch.rows; ++row) {
      const float* p = batch.predictions_of(row);
      const float largest = *std::max_element(p, p + batch.classes);
      for (int64_t c = 0; c < batch.classes; ++c) {
        const bool positive = threshold_ ? p[c] > static_cast<float>(*threshold_)
                                         : p[c] >= largest && std::abs(p[c]) > 1e-9f;
        const double y = static_cast<double>(batch.labels_of(row)[c]), w = batch.weight(row);
        Counts& counts = counts_[average_ == Average::kMicro ? 0 : static_cast<size_t>(c)];
        if (positive) {
          counts.true_positives += w * y;
          counts.false_positives += w * (1 - y);
        } else {
          counts.false_negatives += w * y;
        }
        counts.weight += w * y;
      }
    }
  }

  size_t size() const override { return average_ == Average::kNone ? counts_.size() : 1; }

  double result(size_t index) const override {
    if (average_ == Average::kNone) return score(counts_[index]);
    double sum = 0, weights = 0;
    for (const Counts& counts : counts_) {
      const double weight = average_ == Average::kWeighted ? counts.weight : 1;
      sum += score(counts) * weight;
      weights += weight;
    }
    return average_ == Average::kWeighted ? sum / (weights + kEpsilon) : sum / weights;
  }

 private:
  struct Counts {
    double true_positives = 0, false_positives = 0, false_negatives = 0, weight = 0;
  };
  double score(const Counts& counts) const {
    const double precision =
        counts.true_positives / (counts.true_positives + counts.false_positives + kEpsilon);
    const double recall =
        counts.true_positives / (counts.true_positives + counts.false_negatives + kEpsilon);
    return precision * recall / (beta_ * beta_ * precision + recall + kEpsilon) *
           (1 + beta_ * beta_);
  }

  Average average_;
  double beta_;
  std::optional<double> threshold_;
  std::vector<Counts> counts_;
};

enum class Aggregation : uint8_t { kNone, kUniform, kVarianceWeighted };

class R2Score final : public MetricState {
 public:
  R2Score(Aggregation aggregation, int64_t regressors, int64_t classes)
      : aggregation_(aggregation), regressors_(regressors), sums_(static_cast<size_t>(classes)) {}

  void reset() override {
    std::fill(sums_.begin(), sums_.end(), Sums{});
    elements_ = 0;
  }
  void update(const Predicted& batch) override {
    for (int64_t row = 0; row < batch.rows; ++row)
      for (int64_t c = 0; c < batch.classes; ++c) {
        const double w = batch.weight(row), y = static_cast<double>(batch.labels_of(row)[c]);
        const double d = y - static_cast<double>(batch.predictions_of(row)[c]);
        Sums& sums = sums_[static_cast<size_t>(c)];
        sums.label += w * y;
        sums.square += w * y * y;
        sums.residual += w * d * d;
        sums.weight += w;
      }
    elements_ += batch.rows * batch.classes;
  }
  size_t size() const override { return aggregation_ == Aggregation::kNone ? sums_.size() : 1; }

  double result(size_t index) const override {
    if (aggregation_ == Aggregation::kNone) return adjusted(score(sums_[index]));
    double sum = 0, weights = 0;
    for (const Sums& sums : sums_) {
      const double weight = aggregation_ == Aggregation::kUniform ? 1 : total(sums);
      sum += score(sums) * weight;
      weights += weight;
    }
    return adjusted(sum / weights);
  }

 private:
  struct Sums {
    double label = 0, square = 0, residual = 0, weight = 0;
  };
  static double total(const Sums& sums) {
    return sums.square - sums.label * sums.label / sums.weight;
  }
  static double score(const Sums& sums) {
    if (sums.weight == 0) return 0;
    const double score = 1 - sums.residual / total(sums);
    return std::isinf(score) ? 0 : score;
  }
  // For the number of regressors, where there are enough samples.
  double adjusted(double score) const {
    const double samples = static_cast<double>(elements_), p = static_cast<double>(regressors_);
    if (regressors_ == 0 || p >= samples - 1) return score;
    return 1 - (1 - score) * (samples - 1) / (samples - p - 1);
  }

  Aggregation aggregation_;
  int64_t regressors_;
  std::vector<Sums> sums_;
  int64_t elements_ = 0;
};

Average average_of(const Metric& metric) {
  const std::string& name = metric.average;
  if (name.empty()) return Average::kNone;
  if (name == "micro") return Average::kMicro;
  if (name == "macro") return Average::kMacro;
  if (name == "weighted") return Average::kWeighted;
  throw ArgumentError(
      fmt::format("metric '{}': average '{}'; micro, macro, weighted, or none would be right",
                  metric.name, name));
}

Aggregation aggregation_of(const Metric& metric) {
  const std::string& name = metric.class_aggregation;
  if (name.empty()) return Aggregation::kNone;
  if (name == "uniform_average") return Aggregation::kUniform;
  if (name == "variance_weighted_average") return Aggregation::kVarianceWeighted;
  throw ArgumentError(
      fmt::format("metric '{}': class_aggregation '{}'; uniform_average, "
                  "variance_weighted_average, or none would be right",
                  metric.name, name));
}

}  // namespace

MadeMetric make_score_metric(const std::string& name, const Metric& metric, int64_t classes) {
  if (name == "r2_score") {
    if (metric.num_regressors < 0)
      throw ArgumentError(fmt::format("metric '{}': num_regressors is {}; it must be 0 or more",
                                      metric.name, metric.num_regressors));
    return {std::make_unique<R2Score>(aggregation_of(metric), metric.num_regressors, classes),
            Labels::kRows};
  }
  if (name != "f1_score" && name != "fbeta_score") return {};
  const double beta = name == "f1_score" ? 1 : metric.beta;
  if (!(beta > 0))
    throw ArgumentError(
        fmt::format("metric '{}': beta is {}; it must be above 0", metric.name, beta));
  if (metric.threshold && !(*metric.threshold > 0 && *metric.threshold <= 1))
    throw ArgumentError(fmt::format("metric '{}': threshold is {}; it must be in (0, 1]",
                                    metric.name, *metric.threshold));
  return {std::make_unique<FBetaScore>(average_of(metric), beta, metric.threshold, classes),
          Labels::kRows};
}

}  // namespace pronghorn::train
