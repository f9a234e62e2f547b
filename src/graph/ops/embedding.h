#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// Rows of a table by their numbers, Keras's Embedding:
//   embedding           indices (N, ...), table (V, D) -> dst (N, ..., D)
//   embedding_backward  indices, diff_dst -> diff_table (V, D); attribute rows: V
// The indices are whole numbers, as floats or integers. One outside of [0, V) gives a row of NaNs,
// as jax.numpy.take does, and has no gradient. A row that several indices name gets the sum of
// their gradients, added up in the indices' order.
const OpKind& embedding_kind();
const OpKind& embedding_backward_kind();
ValueId embedding(Builder& builder, ValueId indices, ValueId table);

}  // namespace pronghorn::graph
