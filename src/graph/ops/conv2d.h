#pragma once

#include <optional>

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// Two-dimensional convolution (cross-correlation, as in every framework).
//
//   conv2d                   src (N, H, W, C), weights (KH, KW, C/G, O) -> dst (N, OH, OW, O)
//   conv2d_backward_data     diff_dst, weights                         -> diff_src
//   conv2d_backward_weights  src, diff_dst                             -> diff_weights [,
//   diff_bias] conv2d_max_pool2d        src, weights                              -> dst, index
//
// dst[n, y, x, o] = sum over i, j, c of
//   src[n, y stride_h - top + i dilation_h, x stride_w - left + j dilation_w, first + c]
//   weights[i, j, c, o]
// where src is zero outside of the image. The number of groups G follows from the shapes: output o
// belongs to group o / (O/G), whose inputs begin at `first`, that number times C/G. With G = C the
// convolution is a depthwise one, whose O/C outputs of each channel stand together: Keras's
// depthwise kernel (KH, KW, C, M) is (KH, KW, 1, C M) as it lies.
//
// conv2d_backward_data is also a layer's forward op, the transposed convolution. conv2d_max_pool2d
// is conv2d and max_pool2d (pool2d.h) with windows side by side and without padding; its epilogue
// comes after the pooling. The compiler makes it of the two, after gradients are taken, so that
// what lies between is never written.
const OpKind& conv2d_kind();
const OpKind& conv2d_backward_data_kind();
const OpKind& conv2d_backward_weights_kind();
const OpKind& conv2d_max_pool2d_kind();

struct Padding2d {
  int64_t top = 0, left = 0, bottom = 0, right = 0;
};

// Keras's padding="same" along one axis: the output has ceil(extent / stride) elements, and the odd
// one of the padding goes to the end (keras/src/backend, TensorFlow's SAME rule).
struct SamePadding {
  int64_t before;
  int64_t after;
};
SamePadding same_padding(int64_t extent, int64_t window, int64_t stride, int64_t dilation);

struct Conv2dWindow {
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  Padding2d padding;

  bool has_unit_steps() const {
    return stride_h == 1 && stride_w == 1 && dilation_h == 1 && dilation_w == 1;
  }
};

// All extents of a convolution, of any of the kinds: what a kernel needs to know.
struct Conv2dGeometry {
  int64_t batch, height, width, channels;       // src
  int64_t out_height, out_width, out_channels;  // dst
  int64_t kernel_h, kernel_w;
  int64_t groups;
  Conv2dWindow window;

  int64_t group_channels() const { return channels / groups; }
  int64_t group_out_channels() const { return out_channels / groups; }
  bool is_depthwise() const { return groups > 1 && groups == channels; }
  int64_t weights_elements() const { return kernel_h * kernel_w * group_channels() * out_channels; }
  int64_t multiply_accumulates() const {
    return batch * out_height * out_width * weights_elements();
  }
};
Conv2dGeometry conv2d_geometry(const Graph& graph, const Op& op);

// The gradient to a convolution's source as the convolution of the gradient to its destination with
// the kernel turned by 180 degrees, channels in and out exchanged. For one group, stride and
// dilation 1, and padding that is less than the kernel.
Conv2dGeometry data_gradient_geometry(const Conv2dGeometry& g);

// The extents of conv2d_max_pool2d's windows.
struct PoolWindow {
  int64_t height, width;
};
PoolWindow pool_window(const Op& op);

// A conv2d without epilogue and the max_pool2d that reads it, as one conv2d_max_pool2d; none where
// the pooling's windows overlap, have gaps or are padded.
std::optional<Op> with_max_pooling(const Op& convolution, const Op& pooling);

ValueId conv2d(Builder& builder, ValueId src, ValueId weights, const Conv2dWindow& window);

// The transposed convolution, diff_dst (N, OH, OW, O) and weights (KH, KW, C, O) to a tensor of
// `shape` (N, H, W, C): the one whose convolution by `window` has diff_dst's shape.
ValueId conv2d_transpose(Builder& builder, ValueId diff_dst, ValueId weights,
                         const Conv2dWindow& window, const Shape& shape);

}  // namespace pronghorn::graph
