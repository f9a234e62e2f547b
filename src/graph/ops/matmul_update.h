#pragma once

#include "graph/op_kind.h"
#include "graph/ops/matmul.h"

namespace pronghorn::graph {

// The update of a weight whose gradient is a product, gradient = a^T diff_dst, that nobody else
// reads: parameter, a, diff_dst, slots... -> parameter, slots... A kernel that updates a block of
// the weight as soon as its gradient is summed reads and writes the weight once and the gradient
// never. Its attributes are those of the update (graph/ops/optimizer_update.h). compiler/fusion.cc
// makes it of a matmul and an optimizer_update.
const OpKind& matmul_update_kind();

// The place of the first slot among the inputs.
inline constexpr int kFirstSlotOfMatmulUpdate = 3;

// `product` with `update`, which must be its only reader, behind it.
Op matmul_update(const Op& product, const Op& update);

// The two again: a graph of the op's inputs and outputs under their own ids, the gradient as one
// value more, and the ops 0, the product, and 1, the update.
Graph parts_of_update(const Graph& graph, const Op& op);

// Of the product.
MatmulGeometry gradient_geometry(const Graph& graph, const Op& op);

// Whether the op gives a parameter its next contents; input 0 and output 0 are the parameter then.
bool updates_parameter(const Op& op);

}  // namespace pronghorn::graph
