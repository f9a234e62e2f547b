#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// Keras's gradient_accumulation_steps, in place. Of the attribute `steps`, all but the last add:
//
//   accumulator, gradient -> accumulator          accumulator += gradient
//
// and the last, with the attribute `last`, gives the mean and begins anew:
//
//   accumulator, gradient -> accumulator, mean    mean = (gradient + accumulator) / steps;
//                                                 accumulator = 0
const OpKind& accumulate_gradient_kind();

void add_to_accumulator(Builder& builder, ValueId accumulator, ValueId gradient, int64_t steps);
// The mean.
ValueId take_from_accumulator(Builder& builder, ValueId accumulator, ValueId gradient,
                              int64_t steps);

}  // namespace pronghorn::graph
