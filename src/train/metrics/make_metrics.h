#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pronghorn/metric.h"
#include "train/metrics/metric_state.h"

namespace pronghorn::train {

// A metric as an epoch logs it: a name for each of its numbers.
struct NamedMetric {
  std::string name;
  std::unique_ptr<MetricState> state;
};

// Throws ArgumentError, listing the known ones, unless all have names of metrics.
void check_metric_names(std::span<const Metric> metrics);

// The metrics for such labels. Throws ArgumentError where one doesn't suit the labels or has an
// argument out of its range.
std::vector<NamedMetric> make_metrics(std::span<const Metric> metrics, LabelKind kind,
                                      int64_t classes);

}  // namespace pronghorn::train
