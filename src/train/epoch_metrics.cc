#include "train/epoch_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

namespace pronghorn::train {
namespace {

constexpr std::string_view kLoss = "loss";

// x86 makes negative NaNs, which would print as "-nan"; Python has one nan.
double unsigned_nan(double value) {
  return std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value;
}

bool by_name(const Metric& a, const Metric& b) { return a.name() < b.name(); }

}  // namespace

EpochMetrics::EpochMetrics(std::vector<Metric> metrics, LabelKind kind)
    : metrics_(std::move(metrics)), kind_(kind) {
  std::sort(metrics_.begin(), metrics_.end(), by_name);
  loss_place_ =
      static_cast<size_t>(std::count_if(metrics_.begin(), metrics_.end(), [](const Metric& metric) {
        return metric.name() < kLoss;
      }));
}

void EpochMetrics::reset() {
  loss_sum_ = 0;
  samples_ = 0;
  for (Metric& metric : metrics_) metric.reset();
}

void EpochMetrics::add(const CompiledStep& step, const float* labels) {
  loss_sum_ += static_cast<double>(*step.loss) * static_cast<double>(step.batch);
  samples_ += step.batch;
  const Predicted batch{step.outputs, labels, step.rows, step.classes, kind_};
  for (Metric& metric : metrics_) metric.update(batch);
}

Logs EpochMetrics::names(const std::string& prefix) const {
  Logs logs;
  for (const Metric& metric : metrics_) logs.emplace_back(prefix + metric.name(), 0);
  logs.emplace(logs.begin() + static_cast<ptrdiff_t>(loss_place_), prefix + std::string(kLoss), 0);
  return logs;
}

void EpochMetrics::write(Logs& logs, size_t first) const {
  for (size_t i = 0; i < metrics_.size(); ++i)
    logs[first + i + (i >= loss_place_ ? 1 : 0)].second = unsigned_nan(metrics_[i].result());
  logs[first + loss_place_].second =
      samples_ == 0 ? 0 : unsigned_nan(loss_sum_ / static_cast<double>(samples_));
}

}  // namespace pronghorn::train
