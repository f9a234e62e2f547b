#pragma once

#include <span>
#include <vector>

#include "graph/builder.h"

namespace pronghorn::compiler {

// Reverse-mode differentiation: appends ops that compute the gradients of the graph's losses (the
// ops of kinds loss and softmax_cross_entropy, each by its mean, and sum_of_powers, a penalty) to
// the `wanted` values. Returns one gradient per wanted value, kNoValue where no loss depends on it.
// What each op contributes its kind says (OpKind::gradient); a value that several ops read gets the
// sum, added in the reverse order of those ops. Only what a wanted value needs is computed: the
// first layer gets no gradient to its input.
std::vector<graph::ValueId> differentiate(graph::Builder& builder,
                                          std::span<const graph::ValueId> wanted);

}  // namespace pronghorn::compiler
