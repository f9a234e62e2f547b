#pragma once

#include <utility>

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// The exponential moving average of a weight, Keras's use_ema, in place: parameter, average ->
// parameter, average. In the update number t, from 0 on:
//
//   average = momentum average + (1 - momentum) w, in update 0: average = w
//   w = average, where t + 1 is a multiple of overwrite_frequency (0: never)
//
// Attributes: momentum, overwrite_frequency, accumulation_steps (the steps of an update, of which
// each moves the average).
const OpKind& moving_average_kind();

struct MovingAverage {
  double momentum;
  int64_t overwrite_frequency;
  int64_t accumulation_steps;
};
// Returns the parameter and the average after it.
std::pair<ValueId, ValueId> moving_average(Builder& builder, ValueId parameter, ValueId average,
                                           const MovingAverage& arguments);
MovingAverage moving_average_arguments(const Op& op);

}  // namespace pronghorn::graph
