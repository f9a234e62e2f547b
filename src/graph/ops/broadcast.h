#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

//   broadcast   src -> dst of attribute `shape`: axes on which src has one element repeat it
//   reduce_sum  src -> dst of attribute `shape`: axes on which dst has one element are summed up
//
// as numpy broadcasts, both of one rank; each is the other's gradient. An op changes axes that are
// neighbours, so that it is a loop of three: see RepeatGeometry. reduce_sum does not sum over the
// batch, axis 0, for which sum_rows is there.
const OpKind& broadcast_kind();
const OpKind& reduce_sum_kind();

// The large tensor as (outer, repeat, inner), the small one as (outer, inner).
struct RepeatGeometry {
  int64_t outer, repeat, inner;
};
RepeatGeometry repeat_geometry(const Shape& small, const Shape& large);

// As many ops as there are groups of neighbouring axes to change; src itself where there is none.
// Throws ShapeError where the shapes don't broadcast. (The shape is a copy: the graph's own move
// when values are added.)
ValueId broadcast(Builder& builder, ValueId src, Shape shape);
// Sums over the batch too, where `shape` has one element there.
ValueId reduce_sum(Builder& builder, ValueId src, Shape shape);

}  // namespace pronghorn::graph
