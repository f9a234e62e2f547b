#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pronghorn/callbacks.h"
#include "train/metrics.h"
#include "train/steps.h"

namespace pronghorn::train {

// Loss and metrics of a pass over data, as Keras logs them: the loss is the mean of the batches'
// losses weighted by their sizes.
class EpochMetrics {
 public:
  EpochMetrics(std::vector<Metric> metrics, LabelKind kind);

  void reset();
  // Takes in what the step computed from what its labels were; allocates nothing. The labels are
  // given apart, since their place in the step serves other values by now.
  void add(const CompiledStep& step, const float* labels);

  // A log for the loss and for each metric, sorted by name, with this prefix and no value yet.
  Logs names(const std::string& prefix) const;
  // Sets the values of those logs, which stand in `logs` from place `first` on.
  void write(Logs& logs, size_t first) const;

 private:
  double loss_sum_ = 0;
  int64_t samples_ = 0;
  std::vector<Metric> metrics_;  // sorted by name
  size_t loss_place_;            // of the loss among their names
  LabelKind kind_;
};

}  // namespace pronghorn::train
