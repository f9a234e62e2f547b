#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// dst (M, N) = op(a) op(b), op(a) of (M, K) and op(b) of (K, N); op transposes where the attribute
// transpose_a or transpose_b is 1. A Dense layer's forward and both of its gradients are products.
//
// Where `a` is transposed its K rows are the batch: the product is a weight gradient, and K is
// summed slice by slice along the reduction tree (platform/batch_slices.h).
const OpKind& matmul_kind();

struct MatmulGeometry {
  int64_t m, n, k;
  bool transpose_a, transpose_b;
};
MatmulGeometry matmul_geometry(const Graph& graph, const Op& op);

ValueId matmul(Builder& builder, ValueId a, ValueId b, bool transpose_a = false,
               bool transpose_b = false);

}  // namespace pronghorn::graph
