#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// Softmax over the last axis, the maximum subtracted first:
//   softmax           src                 -> dst:      exp(x - max) / sum of exp(x - max)
//   softmax_backward  dst, diff_dst       -> diff_src: dst (diff_dst - sum of dst diff_dst)
const OpKind& softmax_kind();
const OpKind& softmax_backward_kind();
ValueId softmax(Builder& builder, ValueId src);

}  // namespace pronghorn::graph
