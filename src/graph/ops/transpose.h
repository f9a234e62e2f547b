#pragma once

#include <vector>

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// dst's axis i is src's axis permutation[i], the batch's included:
//   dst[j] = src[k], k[permutation[i]] = j[i]
// as numpy.transpose has it. The gradient is the transposition by the inverse permutation.
const OpKind& transpose_kind();

// Throws ShapeError unless `permutation` names each axis of src once. The identity is src itself.
ValueId transpose(Builder& builder, ValueId src, std::vector<int64_t> permutation);

std::vector<int64_t> inverse_permutation(const std::vector<int64_t>& permutation);

// A transposition with as few axes as say the same: axes of one element are left out, and those
// that stay neighbours in their order are one.
struct TransposeGeometry {
  std::vector<int64_t> extents;  // of dst
  std::vector<int64_t> strides;  // of src, for each axis of dst, in elements

  // Whether dst's last axis is src's last: runs of elements stay together.
  bool keeps_runs() const { return extents.empty() || strides.back() == 1; }
};
TransposeGeometry transpose_geometry(const Shape& src, const std::vector<int64_t>& permutation);

}  // namespace pronghorn::graph
