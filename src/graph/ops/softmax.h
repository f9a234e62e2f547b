#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// Softmax over the last axis, the maximum subtracted first:
//   softmax           src                 -> dst:      exp(x - max) / sum of exp(x - max)
//   softmax_backward  dst, diff_dst       -> diff_src: dst (diff_dst - sum of dst diff_dst)
// With the attribute causal (1) row t of each matrix of the last two axes is over its first t + 1
// elements, and zero behind them: step t of a sequence does not see those after it.
const OpKind& softmax_kind();
const OpKind& softmax_backward_kind();
ValueId softmax(Builder& builder, ValueId src);
ValueId causal_softmax(Builder& builder, ValueId src);

// How many elements of a row the softmax is over.
int64_t softmax_columns(const Graph& graph, const Op& op, int64_t row);

// Its logarithm, dst = src - log(sum of exp(src)), and the gradient, diff_src = diff_dst -
// exp(dst) (sum of diff_dst).
const OpKind& log_softmax_kind();
const OpKind& log_softmax_backward_kind();  // dst, diff_dst -> diff_src
ValueId log_softmax(Builder& builder, ValueId src);

}  // namespace pronghorn::graph
