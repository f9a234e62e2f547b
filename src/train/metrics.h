#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
};

enum class MetricFunction : uint8_t {
  kBinaryAccuracy,
  kCategoricalAccuracy,
  kTopKAccuracy,
  kMeanSquaredError,
  kMeanAbsoluteError,
};

// A mean over all that it was shown since the last reset, as Keras streams metrics over an epoch.
// The sum is kept in double and in the order of the samples, so that it depends on no thread.
//   binary accuracy       share of elements where (prediction > 0.5) is the label
//   categorical accuracy  share of rows whose largest prediction (the first of equals) is at the
//                         label's class: the class number, or the largest element of the one-hot
//                         row. Keras's sparse_ and categorical_ flavours differ only in that.
//   top-k accuracy        share of rows where fewer than k predictions exceed that at the label's
//                         class; never where that is not finite
//   squared, absolute     mean over all elements of the difference's square or size
class Metric {
 public:
  // `name` is how it is logged: what the user called it.
  Metric(std::string name, MetricFunction function, int64_t k = 0)
      : name_(std::move(name)), function_(function), k_(k) {}

  const std::string& name() const { return name_; }
  void rename(std::string name) { name_ = std::move(name); }
  MetricFunction function() const { return function_; }
  void reset();
  void update(const Predicted& batch);
  // 0 before the first update.
  double result() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

 private:
  std::string name_;
  MetricFunction function_;
  int64_t k_;
  double sum_ = 0;
  int64_t count_ = 0;
};

// Throws ArgumentError, listing the known ones, unless all are names of metrics.
void check_metric_names(std::span<const std::string> names);

// The metrics of these names for such labels. "accuracy" and "acc" are Keras's automatic choice:
// binary for a single output, else categorical. Names that come twice are numbered as in Keras
// ("accuracy", "accuracy_1"). Throws ArgumentError where a metric doesn't suit the labels.
std::vector<Metric> make_metrics(std::span<const std::string> names, LabelKind kind,
                                 int64_t classes);

}  // namespace pronghorn::train
