#pragma once

#include <vector>

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

//   concatenate  any number of tensors that differ along `axis` only -> one
//   slice        src -> its part [begin, begin + size) along `axis`; concatenate's gradient
const OpKind& concatenate_kind();
const OpKind& slice_kind();

// A copy between tensors that differ along one axis, as both kinds do: `outer` times, `extent`
// elements of the axis, `inner` floats each.
struct AxisGeometry {
  int64_t outer, extent, inner;
};
AxisGeometry axis_geometry(const Shape& shape, int64_t axis);

ValueId concatenate(Builder& builder, const std::vector<ValueId>& inputs, int64_t axis);
ValueId slice(Builder& builder, ValueId src, int64_t axis, int64_t begin, int64_t size);

}  // namespace pronghorn::graph
