#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// Products of as many pairs of matrices, the last two axes of tensors:
//   dst (..., M, N) = op(a) op(b), op(a) of (..., M, K), op(b) of (..., K, N)
// op transposes where transpose_a or transpose_b is 1. Of four axes, (N, H, rows, columns), any of
// the three tensors may have its rows before axis H: swap_a, swap_b, swap_dst (1). So the heads of
// an attention, which the products before it leave as (N, rows, H columns), need no copy. The
// gradients are such products again.
const OpKind& batch_matmul_kind();

struct BatchMatmulConfig {
  bool transpose_a = false, transpose_b = false;
  bool swap_a = false, swap_b = false, swap_dst = false;
};
ValueId batch_matmul(Builder& builder, ValueId a, ValueId b, const BatchMatmulConfig& config);

// Where an operand's matrices lie, in floats.
struct MatrixBatch {
  int64_t batch_distance, head_distance, row_distance;

  int64_t offset(int64_t batch, int64_t head) const {
    return batch * batch_distance + head * head_distance;
  }
};
struct BatchMatmulGeometry {
  int64_t batch, heads, m, n, k;
  bool transpose_a, transpose_b;
  MatrixBatch a, b, dst;
};
BatchMatmulGeometry batch_matmul_geometry(const Graph& graph, const Op& op);

}  // namespace pronghorn::graph
