#include "train/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "pronghorn/compile_config.h"
#include "pronghorn/error.h"

namespace pronghorn {
namespace train {
namespace {

struct Named {
  std::string_view name;
  MetricFunction function;
};
// Keras's names; the sparse flavours are the same functions (see Metric).
constexpr std::array<Named, 9> kMetrics = {{
    {"binary_accuracy", MetricFunction::kBinaryAccuracy},
    {"categorical_accuracy", MetricFunction::kCategoricalAccuracy},
    {"sparse_categorical_accuracy", MetricFunction::kCategoricalAccuracy},
    {"top_k_categorical_accuracy", MetricFunction::kTopKAccuracy},
    {"sparse_top_k_categorical_accuracy", MetricFunction::kTopKAccuracy},
    {"mean_squared_error", MetricFunction::kMeanSquaredError},
    {"mean_absolute_error", MetricFunction::kMeanAbsoluteError},
    {"mse", MetricFunction::kMeanSquaredError},
    {"mae", MetricFunction::kMeanAbsoluteError},
}};
constexpr size_t kListed = 7;  // the rest are aliases

constexpr int64_t kKerasTopK = 5;

bool is_automatic(std::string_view name) { return name == "accuracy" || name == "acc"; }

// The k of "top_3_categorical_accuracy", with "sparse_" in front or not.
std::optional<int64_t> k_in_name(std::string_view name) {
  constexpr std::string_view kSparse = "sparse_", kBegin = "top_", kEnd = "_categorical_accuracy";
  if (name.starts_with(kSparse)) name.remove_prefix(kSparse.size());
  if (!name.starts_with(kBegin) || !name.ends_with(kEnd) ||
      name.size() <= kBegin.size() + kEnd.size() - 1)
    return std::nullopt;
  name = name.substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size());
  int64_t k = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), k);
  if (error != std::errc() || end != name.data() + name.size() || k < 1) return std::nullopt;
  return k;
}

std::optional<Metric> named_metric(const std::string& name) {
  for (const Named& metric : kMetrics)
    if (metric.name == name) return Metric(name, metric.function, kKerasTopK);
  if (const auto k = k_in_name(name)) return Metric(name, MetricFunction::kTopKAccuracy, *k);
  return std::nullopt;
}

// numpy's argmax: the first of equals, and a NaN is larger than all else.
int64_t argmax(const float* values, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (std::isnan(values[i])) return i;
    if (values[i] > values[best]) best = i;
  }
  return best;
}

int64_t true_class(const Predicted& batch, int64_t row) {
  return batch.kind == LabelKind::kClassNumbers
             ? static_cast<int64_t>(batch.labels[row])
             : argmax(batch.labels + row * batch.classes, batch.classes);
}

double categorical_hits(const Predicted& batch) {
  double hits = 0;
  for (int64_t row = 0; row < batch.rows; ++row)
    hits +=
        argmax(batch.predictions + row * batch.classes, batch.classes) == true_class(batch, row);
  return hits;
}

double top_k_hits(const Predicted& batch, int64_t k) {
  double hits = 0;
  for (int64_t row = 0; row < batch.rows; ++row) {
    const float* predictions = batch.predictions + row * batch.classes;
    const float target = predictions[true_class(batch, row)];
    const auto larger = std::count_if(predictions, predictions + batch.classes,
                                      [&](float value) { return value > target; });
    hits += std::isfinite(target) && larger < k;
  }
  return hits;
}

// Sums difference(prediction, label) over all elements.
template <class Difference>
double element_sum(const Predicted& batch, Difference difference) {
  double sum = 0;
  for (int64_t i = 0; i < batch.rows * batch.classes; ++i)
    sum += difference(batch.predictions[i], batch.labels[i]);
  return sum;
}

}  // namespace

void Metric::reset() {
  sum_ = 0;
  count_ = 0;
}

void Metric::update(const Predicted& batch) {
  switch (function_) {
    case MetricFunction::kCategoricalAccuracy:
      sum_ += categorical_hits(batch);
      count_ += batch.rows;
      return;
    case MetricFunction::kTopKAccuracy:
      sum_ += top_k_hits(batch, k_);
      count_ += batch.rows;
      return;
    case MetricFunction::kBinaryAccuracy:
      sum_ += element_sum(batch, [](float prediction, float label) {
        return (prediction > 0.5f ? 1.0f : 0.0f) == label ? 1.0 : 0.0;
      });
      break;
    case MetricFunction::kMeanSquaredError:
      sum_ += element_sum(batch, [](double prediction, double label) {
        return (prediction - label) * (prediction - label);
      });
      break;
    case MetricFunction::kMeanAbsoluteError:
      sum_ += element_sum(
          batch, [](double prediction, double label) { return std::abs(prediction - label); });
      break;
  }
  count_ += batch.rows * batch.classes;
}

void check_metric_names(std::span<const std::string> names) {
  for (const std::string& name : names) {
    if (is_automatic(name) || named_metric(name)) continue;
    throw ArgumentError(fmt::format(
        "unknown metric '{}'; known are {} and top_3_categorical_accuracy with any number for 3",
        name, fmt::join(metric_names(), ", ")));
  }
}

std::vector<Metric> make_metrics(std::span<const std::string> names, LabelKind kind,
                                 int64_t classes) {
  check_metric_names(names);
  std::vector<Metric> metrics;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto before =
        std::count(names.begin(), names.begin() + static_cast<ptrdiff_t>(i), names[i]);
    const Metric metric =
        is_automatic(names[i])
            ? Metric(names[i], classes == 1 ? MetricFunction::kBinaryAccuracy
                                            : MetricFunction::kCategoricalAccuracy)
            : *named_metric(names[i]);
    const bool by_class = metric.function() == MetricFunction::kCategoricalAccuracy ||
                          metric.function() == MetricFunction::kTopKAccuracy;
    if (kind == LabelKind::kClassNumbers && !by_class && classes > 1) {
      throw ArgumentError(fmt::format(
          "metric '{}' compares each of the {} outputs with a label, but the loss takes "
          "class numbers; use accuracy, or one-hot labels and another loss",
          names[i], classes));
    }
    metrics.push_back(metric);
    if (before > 0) metrics.back().rename(fmt::format("{}_{}", names[i], before));
  }
  return metrics;
}

}  // namespace train

std::vector<std::string> metric_names() {
  std::vector<std::string> names = {"accuracy"};
  for (size_t i = 0; i < train::kListed; ++i) names.emplace_back(train::kMetrics[i].name);
  return names;
}

}  // namespace pronghorn
