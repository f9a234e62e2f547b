#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace pronghorn {

// The median of what was measured, and between what its middle half lay: the first and the third
// quartile. Seconds.
struct Spread {
  double median = 0;
  double low = 0;
  double high = 0;
};

// One op of a compiled step, as it was measured in place.
struct OpTime {
  std::string kind;   // "conv2d_backward_data"
  std::string layer;  // the Keras layer that it came from; empty for what belongs to none
  std::string phase;  // "forward", "backward to data", "backward to weights" or "update"
  std::string kernel;
  Spread seconds;
};

// A stretch of work on one thread: a part of an op's loop.
struct TraceEvent {
  size_t op;  // its number in StepProfile::ops
  int64_t step;
  int thread;    // 0 is the one that runs the step
  double begin;  // seconds since the first traced step began
  double end;
};

// What the steps of one compiled training step took.
struct StepProfile {
  int64_t batch_size = 0;
  int threads = 0;
  // How many steps the medians are of.
  int64_t steps = 0;
  // Of the whole step, by another clock around it.
  Spread step_seconds;
  // In the order in which they run; views, for which nothing runs, are left out.
  std::vector<OpTime> ops;
  // The sum of all ops' times as a share of the wall time of the steps that they were measured in;
  // what is missing is the loop between ops.
  double coverage = 0;
  // Events of the CPU per step over all threads ("instructions", "cycles", "cache misses"), where
  // the operating system lets a program count them; empty elsewhere.
  std::vector<std::pair<std::string, double>> counters;
  // Of the first steps, where a trace was asked for.
  std::vector<TraceEvent> trace;
};

}  // namespace pronghorn
