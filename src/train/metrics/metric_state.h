#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pronghorn/metric.h"
#include "pronghorn/shape.h"

namespace pronghorn::train {

// How the labels of a training are laid out beside its predictions (rows, classes).
enum class LabelKind : uint8_t {
  kClassNumbers,  // one float per row: the class
  kRows,          // as many floats per row as the predictions have: one-hot, or targets
};

// What a model said of one batch, and what it should have said.
struct Predicted {
  const float* predictions;
  const float* labels;
  int64_t rows;
  int64_t classes;
  LabelKind kind;
  // Of each row; null: all are 1.
  const float* weights = nullptr;

  double weight(int64_t row) const {
    return weights == nullptr ? 1.0 : static_cast<double>(weights[row]);
  }
  const float* predictions_of(int64_t row) const { return predictions + row * classes; }
  // Of kRows.
  const float* labels_of(int64_t row) const { return labels + row * classes; }
};

// numpy's argmax: the first of equals, and a NaN is larger than all else.
int64_t argmax(const float* values, int64_t count);
// The class number of a row's label, or where the largest element of its label row is.
int64_t true_class(const Predicted& batch, int64_t row);

// A metric over all that it was shown since the last reset, as Keras streams metrics over an epoch.
// Sums are kept in double and in the order of the samples, so that they depend on no thread.
class MetricState {
 public:
  virtual ~MetricState() = default;
  virtual void reset() = 0;
  // Allocates nothing.
  virtual void update(const Predicted& batch) = 0;
  // How many numbers it has; most have one.
  virtual size_t size() const { return 1; }
  // 0 before the first update where there is no other value.
  virtual double result(size_t index) const = 0;
};

// Whether the metric takes labels that are class numbers beside several predictions.
enum class Labels : uint8_t { kAny, kRows };

struct MadeMetric {
  std::unique_ptr<MetricState> state;
  Labels labels;
};

// Each makes the metric if it is one of its file's; else the state is null. `name` is the plain
// name (metric_name.h). Throw ArgumentError for arguments out of their range.
MadeMetric make_mean_metric(const std::string& name, const Metric& metric, LabelKind kind,
                            int64_t classes);
MadeMetric make_confusion_metric(const std::string& name, const Metric& metric, int64_t classes);
MadeMetric make_score_metric(const std::string& name, const Metric& metric, int64_t classes);
MadeMetric make_iou_metric(const std::string& name, const Metric& metric, LabelKind kind,
                           int64_t classes);

}  // namespace pronghorn::train
