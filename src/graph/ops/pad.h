#pragma once

#include <vector>

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

//   pad   src -> dst, src with before[i] zeros before and after[i] zeros behind it along each axis
//   i crop  src -> dst, src without its first before[i] and last after[i] elements
//
// Each is the other's gradient. Attributes `before` and `after`, with an entry for each axis.
const OpKind& pad_kind();
const OpKind& crop_kind();

// What both kinds copy: a block of the large tensor, all of the small one. An axis that is whole in
// the block is one with the axis before it.
struct BlockGeometry {
  std::vector<int64_t> large, small, before;
};
BlockGeometry block_geometry(const Shape& large, const Shape& small,
                             const std::vector<int64_t>& before);

ValueId pad(Builder& builder, ValueId src, std::vector<int64_t> before, std::vector<int64_t> after);
ValueId crop(Builder& builder, ValueId src, std::vector<int64_t> before,
             std::vector<int64_t> after);

}  // namespace pronghorn::graph
