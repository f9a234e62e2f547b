#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// src -> dst (): absolute sum |x| + square sum x^2 over all elements, with the attributes
// `absolute` and `square`; a regularizer's penalty, and what a norm is the root of. Sums of
// kSumOfPowersBlock elements in single precision, added in double along the reduction tree.
//
// A penalty is a loss: differentiation starts at it, and its gradient is 2 square x +
// absolute sign(x).
const OpKind& sum_of_powers_kind();
ValueId sum_of_powers(Builder& builder, ValueId src, double absolute, double square);

// The leaves of the tree: a function of nothing, so that no result depends on threads.
inline constexpr int64_t kSumOfPowersBlock = 4096;

}  // namespace pronghorn::graph
