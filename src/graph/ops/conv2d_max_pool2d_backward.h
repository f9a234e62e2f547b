#pragma once

#include "graph/op_kind.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/pool2d.h"

namespace pronghorn::graph {

// The gradients of a max-pooled convolution, from the gradient to what the pooling gave. They are
// those of conv2d_backward_data and conv2d_backward_weights behind a max_pool2d_backward, less the
// tensor between, of which all is zero but at most one element a window.
//
//   conv2d_max_pool2d_backward_data     diff_dst (N, PH, PW, O), index, weights -> diff_src
//   conv2d_max_pool2d_backward_weights  src, diff_dst, index -> diff_weights [, diff_bias]
//
// conv2d_geometry() gives the convolution's extents, pooling_geometry() the pooling's, whose src is
// the convolution's output. Windows may overlap.
const OpKind& conv2d_max_pool2d_backward_data_kind();
const OpKind& conv2d_max_pool2d_backward_weights_kind();

Pool2dGeometry pooling_geometry(const Graph& graph, const Op& op);

// A convolution's gradient that reads a max-pooling's, as one op.
Op fused_with_max_pool(const Op& convolution_backward, const Op& max_pool_backward);

}  // namespace pronghorn::graph
