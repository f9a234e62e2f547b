#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// The same elements, in the same row-major order, under another shape. A view: nothing runs.
const OpKind& reshape_kind();
ValueId reshape(Builder& builder, ValueId src, const Shape& shape);

// The same image tensor in the memory layout of its output value (graph.h, Layout). Put in by the
// compiler where two kernels disagree; the builder never makes it.
const OpKind& reorder_kind();

}  // namespace pronghorn::graph
