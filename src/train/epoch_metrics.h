#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pronghorn/callbacks.h"
#include "train/metrics/make_metrics.h"
#include "train/output_plan.h"
#include "train/steps.h"

namespace pronghorn::train {

// Loss and metrics of a pass over data, as Keras logs them: a loss is the mean of the batches'
// losses weighted by their sizes. Of several losses each is logged by its output's name, without
// its weight in the total.
class EpochMetrics {
 public:
  // `kinds` are those of the outputs' labels. Throws ArgumentError where a metric doesn't suit its
  // output.
  EpochMetrics(const std::vector<OutputPlan>& plans, const std::vector<LabelKind>& kinds);

  void reset();
  // Takes in what the step computed, and what its labels were; allocates nothing. `weighted`: the
  // samples have weights, which the weighted metrics use.
  void add(const CompiledStep& step, bool weighted);

  // A log for each loss and each number of a metric, sorted by name, with this prefix and no value
  // yet.
  Logs names(const std::string& prefix) const;
  // Sets the values of those logs, which stand in `logs` from place `first` on.
  void write(Logs& logs, size_t first) const;

 private:
  struct OutputMetric {
    std::unique_ptr<MetricState> state;
    size_t output;
    LabelKind kind;
    bool weighted;
  };
  // What a log shows: a number of a metric, or of losses (the total first) where metric is -1.
  struct Source {
    std::string name;
    int metric;
    size_t index;
  };
  double value(const Source& source) const;

  std::vector<OutputMetric> metrics_;
  // Of the total, then of each output that has one where there are several.
  std::vector<double> loss_sums_;
  std::vector<size_t> loss_outputs_;
  int64_t samples_ = 0;
  std::vector<Source> sources_;  // sorted by name
};

}  // namespace pronghorn::train
