#pragma once

#include <vector>

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// y = the stages in op.epilogue applied to inputs[0], one after the other (graph/stage.h says what
// each is). The builder makes ops of one stage; compiler/fusion.cc joins them, or moves them into
// the epilogue of the op before.
const OpKind& elementwise_kind();

// One stage. `operand` is kNoValue for a stage that has none.
ValueId elementwise(Builder& builder, ValueId src, Stage stage, ValueId operand = kNoValue);

ValueId bias_add(Builder& builder, ValueId src, ValueId bias);
ValueId add(Builder& builder, ValueId a, ValueId b);
ValueId subtract(Builder& builder, ValueId a, ValueId b);
ValueId multiply(Builder& builder, ValueId a, ValueId b);
ValueId scale(Builder& builder, ValueId src, double factor);
ValueId shift(Builder& builder, ValueId src, double addend);
ValueId dropout(Builder& builder, ValueId src, double rate, uint64_t stream);

}  // namespace pronghorn::graph
