// Intersections over unions, from a confusion matrix of all rows or elements
// (keras/src/metrics/iou_metrics.py).
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "pronghorn/error.h"
#include "train/metrics/metric_state.h"

namespace pronghorn::train {
namespace {

class Iou final : public MetricState {
 public:
  struct Options {
    int64_t num_classes;
    std::vector<int64_t> targets;
    std::optional<int64_t> ignore_class;
    // Each prediction (label) is a class number; else the largest of a row is at its class.
    bool sparse_y_true, sparse_y_pred;
    // Predictions that reach it are class 1, others 0.
    std::optional<float> threshold;
  };
  explicit Iou(Options options)
      : options_(std::move(options)),
        matrix_(static_cast<size_t>(options_.num_classes * options_.num_classes)) {}

  void reset() override { std::fill(matrix_.begin(), matrix_.end(), int64_t{0}); }

  void update(const Predicted& batch) override {
    const int64_t columns = options_.sparse_y_pred ? batch.classes : 1;
    for (int64_t row = 0; row < batch.rows; ++row)
      for (int64_t c = 0; c < columns; ++c)
        // Keras counts in whole numbers, and takes weights as such.
        add(label(batch, row, c), prediction(batch, row, c),
            batch.weights == nullptr ? 1 : static_cast<int64_t>(batch.weights[row]));
  }

  double result(size_t) const override {
    double sum = 0, valid = 0;
    for (const int64_t target : options_.targets) {
      int64_t row = 0, column = 0;
      for (int64_t other = 0; other < options_.num_classes; ++other) {
        row += at(target, other);
        column += at(other, target);
      }
      const int64_t both = at(target, target), all = row + column - both;
      if (all <= 0) continue;
      sum += static_cast<double>(both) / (static_cast<double>(all) + 1e-7);
      valid += 1;
    }
    return sum / (valid + 1e-7);
  }

 private:
  int64_t at(int64_t label, int64_t prediction) const {
    return matrix_[static_cast<size_t>(label * options_.num_classes + prediction)];
  }
  int64_t label(const Predicted& batch, int64_t row, int64_t c) const {
    if (batch.kind == LabelKind::kClassNumbers || !options_.sparse_y_true)
      return true_class(batch, row);
    return static_cast<int64_t>(batch.labels_of(row)[c]);
  }
  int64_t prediction(const Predicted& batch, int64_t row, int64_t c) const {
    if (!options_.sparse_y_pred) return argmax(batch.predictions_of(row), batch.classes);
    const float p = batch.predictions_of(row)[c];
    return options_.threshold ? p >= *options_.threshold : static_cast<int64_t>(p);
  }
  void add(int64_t label, int64_t prediction, int64_t weight) {
    const auto is_class = [&](int64_t number) {
      return number >= 0 && number < options_.num_classes;
    };
    if (!is_class(label) || !is_class(prediction) || label == options_.ignore_class) return;
    matrix_[static_cast<size_t>(label * options_.num_classes + prediction)] += weight;
  }

  Options options_;
  std::vector<int64_t> matrix_;
};

}  // namespace

MadeMetric make_iou_metric(const std::string& name, const Metric& metric, LabelKind kind,
                           int64_t classes) {
  const bool binary = name == "binary_iou";
  const bool one_hot = name == "one_hot_iou" || name == "one_hot_mean_iou";
  const bool mean = name == "mean_iou" || name == "one_hot_mean_iou";
  if (!binary && !one_hot && !mean && name != "iou") return {};

  Iou::Options options{binary ? 2 : metric.num_classes,
                       metric.target_class_ids,
                       binary ? std::nullopt : metric.ignore_class,
                       !one_hot && metric.sparse_y_true,
                       metric.sparse_y_pred,
                       std::nullopt};
  if (binary) {
    options.threshold = static_cast<float>(metric.threshold.value_or(0.5));
    options.sparse_y_pred = true;
    if (options.targets.empty()) options.targets = {0, 1};
  }
  // Larger matrices are no count of classes; their memory is asked for here.
  constexpr int64_t kMostClasses = 1 << 14;
  if (options.num_classes < 1 || options.num_classes > kMostClasses)
    throw ArgumentError(fmt::format("metric '{}': num_classes is {}; it must be from 1 to {}",
                                    metric.name, options.num_classes, kMostClasses));
  if (mean) {
    options.targets.resize(static_cast<size_t>(options.num_classes));
    std::iota(options.targets.begin(), options.targets.end(), int64_t{0});
  }
  if (options.targets.empty())
    throw ArgumentError(fmt::format("metric '{}' needs target_class_ids", metric.name));
  for (const int64_t target : options.targets)
    if (target < 0 || target >= options.num_classes)
      throw ArgumentError(fmt::format("metric '{}': target class {} is none of the {} classes",
                                      metric.name, target, options.num_classes));
  const bool row_labels = kind == LabelKind::kClassNumbers || !options.sparse_y_true;
  if (classes > 1 && row_labels && options.sparse_y_pred)
    throw ArgumentError(fmt::format(
        "metric '{}': each of {} predictions is taken for a class number, but a row has "
        "one label; sparse_y_pred=False would be right",
        metric.name, classes));
  if (classes > 1 && !row_labels && !options.sparse_y_pred)
    throw ArgumentError(
        fmt::format("metric '{}': each label is taken for a class number, but {} predictions say "
                    "one; sparse_y_true=False would be right for one-hot labels",
                    metric.name, classes));
  const Labels labels = options.sparse_y_pred ? Labels::kRows : Labels::kAny;
  return {std::make_unique<Iou>(std::move(options)), labels};
}

}  // namespace pronghorn::train
