// The metrics that are a mean over rows: of a loss, of a hit, of a correlation.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "kernels/reference/loss_formulas.h"
#include "pronghorn/error.h"
#include "train/loss_name.h"
#include "train/metrics/metric_state.h"

namespace pronghorn::train {
namespace {

using graph::LossFunction;
using kernels::reference::Row;

// The weighted mean of a value of each row.
class RowMean : public MetricState {
 public:
  void reset() final { sum_ = weight_ = 0; }
  void update(const Predicted& batch) final {
    begin(batch);
    for (int64_t row = 0; row < batch.rows; ++row) {
      const double weight = batch.weight(row);
      sum_ += weight * value(batch, row);
      weight_ += weight;
    }
  }
  double result(size_t) const override { return mean(); }

 protected:
  double mean() const { return weight_ == 0 ? 0 : sum_ / weight_; }
  // Before the batch's first row.
  virtual void begin(const Predicted&) {}
  virtual double value(const Predicted& batch, int64_t row) const = 0;

 private:
  double sum_ = 0, weight_ = 0;
};

// share of elements where (prediction > threshold) is the label
class BinaryAccuracy final : public RowMean {
 public:
  explicit BinaryAccuracy(double threshold) : threshold_(static_cast<float>(threshold)) {}

 private:
  double value(const Predicted& batch, int64_t row) const override {
    int64_t hits = 0;
    for (int64_t c = 0; c < batch.classes; ++c)
      hits += (batch.predictions_of(row)[c] > threshold_ ? 1.0f : 0.0f) == batch.labels_of(row)[c];
    return static_cast<double>(hits) / static_cast<double>(batch.classes);
  }
  float threshold_;
};

// share of elements that equal their labels
class ExactAccuracy final : public RowMean {
  double value(const Predicted& batch, int64_t row) const override {
    int64_t hits = 0;
    for (int64_t c = 0; c < batch.classes; ++c)
      hits += batch.predictions_of(row)[c] == batch.labels_of(row)[c];
    return static_cast<double>(hits) / static_cast<double>(batch.classes);
  }
};

// Share of rows whose largest prediction (the first of equals) is at the label's class. Keras's
// sparse_ and categorical_ flavours differ only in how the label says it.
class CategoricalAccuracy final : public RowMean {
  double value(const Predicted& batch, int64_t row) const override {
    return argmax(batch.predictions_of(row), batch.classes) == true_class(batch, row);
  }
};

// Share of rows where fewer than k predictions exceed that at the label's class; never where that
// is not finite.
class TopKAccuracy final : public RowMean {
 public:
  explicit TopKAccuracy(int64_t k) : k_(k) {}

 private:
  double value(const Predicted& batch, int64_t row) const override {
    const float* predictions = batch.predictions_of(row);
    const int64_t label = true_class(batch, row);
    if (label < 0 || label >= batch.classes) return 0;
    const float target = predictions[label];
    const auto larger = std::count_if(predictions, predictions + batch.classes,
                                      [&](float other) { return other > target; });
    return std::isfinite(target) && larger < k_;
  }
  int64_t k_;
};

// A loss of each row (graph/ops/loss.h), times `sign`.
class MeanLoss final : public RowMean {
 public:
  MeanLoss(const graph::LossFormula& formula, double sign, std::optional<int64_t> ignore_class)
      : formula_(formula), sign_(sign), ignore_class_(ignore_class) {}

 private:
  // Hinge losses take labels of 0 and 1 for -1 and 1, where a batch has no others.
  void begin(const Predicted& batch) override {
    const bool hinge = formula_.function == LossFunction::kHinge ||
                       formula_.function == LossFunction::kSquaredHinge;
    signed_labels_ = hinge && std::all_of(batch.labels, batch.labels + batch.rows * batch.classes,
                                          [](float label) { return label == 0 || label == 1; });
  }

  double value(const Predicted& batch, int64_t row) const override {
    const bool class_numbers = graph::takes_class_numbers(formula_.function);
    const float number = class_numbers ? class_number(batch, row) : 0;
    if (ignore_class_ && number == static_cast<float>(*ignore_class_)) return 0;
    Row<float> one{batch.predictions_of(row), class_numbers ? &number : batch.labels_of(row),
                   batch.classes, class_numbers};
    const auto smoothing = static_cast<float>(formula_.label_smoothing);
    const bool binary = kernels::reference::is_pointwise(formula_.function);
    one.label_scale = 1 - smoothing;
    one.label_offset = smoothing / static_cast<float>(binary ? 2 : batch.classes);
    if (signed_labels_) one.label_scale = 2, one.label_offset = -1;
    return sign_ * static_cast<double>(kernels::reference::row_loss<float>(formula_, one, nullptr));
  }
  static float class_number(const Predicted& batch, int64_t row) {
    return batch.kind == LabelKind::kClassNumbers ? batch.labels[row]
                                                  : static_cast<float>(true_class(batch, row));
  }

  graph::LossFormula formula_;
  double sign_;
  std::optional<int64_t> ignore_class_;
  bool signed_labels_ = false;
};

class RootMeanSquaredError final : public RowMean {
  double value(const Predicted& batch, int64_t row) const override {
    double sum = 0;
    for (int64_t c = 0; c < batch.classes; ++c) {
      const double d = static_cast<double>(batch.predictions_of(row)[c]) -
                       static_cast<double>(batch.labels_of(row)[c]);
      sum += d * d;
    }
    return sum / static_cast<double>(batch.classes);
  }
  double result(size_t) const override { return std::sqrt(mean()); }
};

// Of a row's labels and predictions (keras/src/metrics/correlation_metrics.py).
class Correlation final : public RowMean {
 public:
  explicit Correlation(bool concordance) : concordance_(concordance) {}

 private:
  double value(const Predicted& batch, int64_t row) const override {
    const float* p = batch.predictions_of(row);
    const float* y = batch.labels_of(row);
    const double count = static_cast<double>(batch.classes);
    double p_mean = 0, y_mean = 0;
    for (int64_t c = 0; c < batch.classes; ++c) {
      p_mean += static_cast<double>(p[c]) / count;
      y_mean += static_cast<double>(y[c]) / count;
    }
    double p_variance = 0, y_variance = 0, covariance = 0;
    for (int64_t c = 0; c < batch.classes; ++c) {
      const double dp = static_cast<double>(p[c]) - p_mean, dy = static_cast<double>(y[c]) - y_mean;
      p_variance += dp * dp / count;
      y_variance += dy * dy / count;
      covariance += dp * dy / count;
    }
    if (!concordance_) return covariance / std::sqrt(p_variance * y_variance);
    const double distance = y_mean - p_mean;
    return 2 * covariance / (p_variance + y_variance + distance * distance + 1e-7);
  }
  bool concordance_;
};

// Names of metrics that are a loss, where the two aren't called the same.
std::string loss_of_metric(const std::string& name) {
  return name == "log_cosh_error" ? "log_cosh" : name;
}

constexpr const char* kLossMetrics[] = {"mean_squared_error",
                                        "mean_absolute_error",
                                        "mean_absolute_percentage_error",
                                        "mean_squared_logarithmic_error",
                                        "log_cosh_error",
                                        "cosine_similarity",
                                        "binary_crossentropy",
                                        "categorical_crossentropy",
                                        "sparse_categorical_crossentropy",
                                        "kl_divergence",
                                        "poisson",
                                        "hinge",
                                        "squared_hinge",
                                        "categorical_hinge"};

MadeMetric make_mean_loss(const std::string& name, const Metric& metric) {
  graph::LossFormula formula;
  formula.function = parse_loss(loss_of_metric(name));
  formula.from_logits = metric.from_logits && graph::can_take_logits(formula.function);
  if (graph::can_smooth_labels(formula.function)) formula.label_smoothing = metric.label_smoothing;
  const double sign = formula.function == LossFunction::kCosineSimilarity ? -1 : 1;
  const bool class_numbers = graph::takes_class_numbers(formula.function);
  return {
      std::make_unique<MeanLoss>(formula, sign, class_numbers ? metric.ignore_class : std::nullopt),
      class_numbers ? Labels::kAny : Labels::kRows};
}

}  // namespace

int64_t argmax(const float* values, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (std::isnan(values[i])) return i;
    if (values[i] > values[best]) best = i;
  }
  return best;
}

int64_t true_class(const Predicted& batch, int64_t row) {
  return batch.kind == LabelKind::kClassNumbers ? static_cast<int64_t>(batch.labels[row])
                                                : argmax(batch.labels_of(row), batch.classes);
}

MadeMetric make_mean_metric(const std::string& name, const Metric& metric, LabelKind,
                            int64_t classes) {
  if (name == "accuracy") {
    if (classes == 1) return {std::make_unique<BinaryAccuracy>(0.5), Labels::kRows};
    return {std::make_unique<CategoricalAccuracy>(), Labels::kAny};
  }
  if (name == "exact_accuracy") return {std::make_unique<ExactAccuracy>(), Labels::kRows};
  if (name == "binary_accuracy")
    return {std::make_unique<BinaryAccuracy>(metric.threshold.value_or(0.5)), Labels::kRows};
  if (name == "categorical_accuracy" || name == "sparse_categorical_accuracy")
    return {std::make_unique<CategoricalAccuracy>(), Labels::kAny};
  if (name == "top_k_categorical_accuracy" || name == "sparse_top_k_categorical_accuracy") {
    if (metric.k < 1)
      throw ArgumentError(
          fmt::format("metric '{}': k is {}; it must be at least 1", metric.name, metric.k));
    return {std::make_unique<TopKAccuracy>(metric.k), Labels::kAny};
  }
  if (name == "root_mean_squared_error")
    return {std::make_unique<RootMeanSquaredError>(), Labels::kRows};
  if (name == "pearson_correlation" || name == "concordance_correlation")
    return {std::make_unique<Correlation>(name == "concordance_correlation"), Labels::kRows};
  if (std::find(std::begin(kLossMetrics), std::end(kLossMetrics), name) != std::end(kLossMetrics))
    return make_mean_loss(name, metric);
  return {};
}

}  // namespace pronghorn::train
