#include "train/metrics/make_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "pronghorn/error.h"
#include "train/loss_name.h"

namespace pronghorn {
namespace train {
namespace {

constexpr std::array kNames = {"accuracy",
                               "exact_accuracy",
                               "binary_accuracy",
                               "categorical_accuracy",
                               "sparse_categorical_accuracy",
                               "top_k_categorical_accuracy",
                               "sparse_top_k_categorical_accuracy",
                               "mean_squared_error",
                               "root_mean_squared_error",
                               "mean_absolute_error",
                               "mean_absolute_percentage_error",
                               "mean_squared_logarithmic_error",
                               "log_cosh_error",
                               "cosine_similarity",
                               "r2_score",
                               "pearson_correlation",
                               "concordance_correlation",
                               "binary_crossentropy",
                               "categorical_crossentropy",
                               "sparse_categorical_crossentropy",
                               "kl_divergence",
                               "poisson",
                               "hinge",
                               "squared_hinge",
                               "categorical_hinge",
                               "true_positives",
                               "true_negatives",
                               "false_positives",
                               "false_negatives",
                               "precision",
                               "recall",
                               "auc",
                               "sensitivity_at_specificity",
                               "specificity_at_sensitivity",
                               "precision_at_recall",
                               "recall_at_precision",
                               "f1_score",
                               "fbeta_score",
                               "iou",
                               "binary_iou",
                               "mean_iou",
                               "one_hot_iou",
                               "one_hot_mean_iou"};
constexpr std::array<std::pair<const char*, const char*>, 7> kAliases = {
    {{"acc", "accuracy"},
     {"mse", "mean_squared_error"},
     {"mae", "mean_absolute_error"},
     {"mape", "mean_absolute_percentage_error"},
     {"msle", "mean_squared_logarithmic_error"},
     {"bce", "binary_crossentropy"},
     {"logcosh", "log_cosh_error"}}};

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

// One of kNames; empty where the name is none.
std::string plain_name(const std::string& name) {
  if (k_in_name(name)) return "top_k_categorical_accuracy";
  const std::string bare = bare_name(name);
  for (const char* known : kNames)
    if (bare == bare_name(known)) return known;
  for (const auto& [alias, known] : kAliases)
    if (bare == alias) return known;
  return {};
}

MadeMetric make_metric(Metric metric, LabelKind kind, int64_t classes) {
  const std::string name = plain_name(metric.name);
  if (const auto k = k_in_name(metric.name)) metric.k = *k;
  MadeMetric made = make_mean_metric(name, metric, kind, classes);
  if (made.state == nullptr) made = make_confusion_metric(name, metric, classes);
  if (made.state == nullptr) made = make_score_metric(name, metric, classes);
  if (made.state == nullptr) made = make_iou_metric(name, metric, kind, classes);
  if (kind == LabelKind::kClassNumbers && made.labels == Labels::kRows && classes > 1) {
    throw ArgumentError(
        fmt::format("metric '{}' compares each of the {} outputs with a label, but the loss takes "
                    "class numbers; use accuracy, or one-hot labels and another loss",
                    metric.name, classes));
  }
  return made;
}

}  // namespace

void check_metric_names(std::span<const Metric> metrics) {
  for (const Metric& metric : metrics) {
    if (!plain_name(metric.name).empty()) continue;
    throw ArgumentError(fmt::format(
        "unknown metric '{}'; known are {} and top_3_categorical_accuracy with any number for 3",
        metric.name, fmt::join(metric_names(), ", ")));
  }
}

std::vector<NamedMetric> make_metrics(std::span<const Metric> metrics, LabelKind kind,
                                      int64_t classes) {
  check_metric_names(metrics);
  std::vector<NamedMetric> made;
  for (const Metric& metric : metrics)
    made.push_back({metric.log_name.empty() ? metric.name : metric.log_name,
                    make_metric(metric, kind, classes).state});
  for (NamedMetric& metric : made) metric.state->reset();
  return made;
}

}  // namespace train

Metric::Metric(std::string_view metric_name) : name(metric_name), log_name(metric_name) {
  // A row of several outputs is a class, unless said otherwise.
  if (train::bare_name(name).starts_with("onehot")) sparse_y_true = sparse_y_pred = false;
}

std::vector<std::string> metric_names() { return {train::kNames.begin(), train::kNames.end()}; }

}  // namespace pronghorn
