#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"
#include "graph/ops/conv2d.h"

namespace pronghorn::graph {

// Pooling of images, src (N, H, W, C) -> dst (N, OH, OW, C).
//
//   max_pool2d               src             -> dst, index
//   max_pool2d_backward      diff_dst, index -> diff_src
//   average_pool2d           src             -> dst
//   average_pool2d_backward  diff_dst        -> diff_src
//
// `index` says which element of the window won: row * pool_w + column within the window, the first
// of equals; uint8 for windows of up to 256 elements, else int32. Elements outside of the image
// never win, and an average counts only those inside (Keras's rule for padding="same").
const OpKind& max_pool2d_kind();
const OpKind& max_pool2d_backward_kind();
const OpKind& average_pool2d_kind();
const OpKind& average_pool2d_backward_kind();

struct Pool2dWindow {
  int64_t pool_h = 2, pool_w = 2;
  int64_t stride_h = 2, stride_w = 2;
  Padding2d padding;
};

struct Pool2dGeometry {
  int64_t batch, height, width, channels;  // src
  int64_t out_height, out_width;           // dst
  Pool2dWindow window;
};
Pool2dGeometry pool2d_geometry(const Graph& graph, const Op& op);

// The type of a max-pooling's index, for windows of so many elements.
ElementType index_type(int64_t window_elements);

ValueId max_pool2d(Builder& builder, ValueId src, const Pool2dWindow& window);
ValueId average_pool2d(Builder& builder, ValueId src, const Pool2dWindow& window);

}  // namespace pronghorn::graph
