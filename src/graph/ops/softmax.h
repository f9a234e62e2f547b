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

// Its logarithm, dst = src - log(sum of exp(src)), and the gradient, diff_src = diff_dst -
// exp(dst) (sum of diff_dst).
const OpKind& log_softmax_kind();
const OpKind& log_softmax_backward_kind();  // dst, diff_dst -> diff_src
ValueId log_softmax(Builder& builder, ValueId src);

}  // namespace pronghorn::graph
