#include "graph/ops/conv2d.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "graph/ops/conv2d_max_pool2d_backward.h"
#include "graph/ops/pool2d.h"
#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

// Attributes of all three kinds: strides, dilation, padding (top, left, bottom, right). The
// backward kinds also hold the extents that their inputs don't show: src_shape or weights_shape.
Attributes window_attributes(const Conv2dWindow& window) {
  const Padding2d& padding = window.padding;
  return {
      {"strides", std::vector<int64_t>{window.stride_h, window.stride_w}},
      {"dilation", std::vector<int64_t>{window.dilation_h, window.dilation_w}},
      {"padding", std::vector<int64_t>{padding.top, padding.left, padding.bottom, padding.right}}};
}

Conv2dWindow window_of(const Op& op) {
  const auto& strides = op.attributes.integers("strides");
  const auto& dilation = op.attributes.integers("dilation");
  const auto& padding = op.attributes.integers("padding");
  return {strides[0],
          strides[1],
          dilation[0],
          dilation[1],
          {padding[0], padding[1], padding[2], padding[3]}};
}

int64_t output_extent(int64_t extent, int64_t padding, int64_t window, int64_t stride,
                      int64_t dilation) {
  const int64_t span = (window - 1) * dilation + 1;
  return extent + padding < span ? 0 : (extent + padding - span) / stride + 1;
}

Conv2dGeometry geometry_from(const Conv2dWindow& window, const Shape& src, const Shape& weights) {
  Conv2dGeometry g{};
  g.batch = src[0];
  g.height = src[1];
  g.width = src[2];
  g.channels = src[3];
  g.kernel_h = weights[0];
  g.kernel_w = weights[1];
  g.out_channels = weights[3];
  g.groups = g.channels / weights[2];
  g.window = window;
  const Padding2d& padding = window.padding;
  g.out_height = output_extent(g.height, padding.top + padding.bottom, g.kernel_h, window.stride_h,
                               window.dilation_h);
  g.out_width = output_extent(g.width, padding.left + padding.right, g.kernel_w, window.stride_w,
                              window.dilation_w);
  return g;
}

class Conv2d final : public OpKind {
 public:
  std::string_view name() const override { return "conv2d"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& src = graph.input(op, 0).shape;
    const Shape& weights = graph.input(op, 1).shape;
    if (src.rank() != 4 || weights.rank() != 4)
      throw ShapeError(fmt::format("conv2d needs images (height, width, channels), not {}",
                                   src.without_batch().to_string()));
    if (src[3] % weights[2] != 0 || weights[3] % (src[3] / weights[2]) != 0)
      throw ShapeError(fmt::format("conv2d's kernel has {} input channels, its input has {}",
                                   weights[2], src[3]));
    const Conv2dGeometry g = geometry_from(window_of(op), src, weights);
    if (g.out_height < 1 || g.out_width < 1)
      throw ShapeError(fmt::format(
          "kernel ({}, {}) is larger than its input ({}, {}); use padding='same' or a smaller "
          "kernel",
          (g.kernel_h - 1) * g.window.dilation_h + 1, (g.kernel_w - 1) * g.window.dilation_w + 1,
          g.height, g.width));
    return {{Shape{g.batch, g.out_height, g.out_width, g.out_channels}}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>& wanted) const override {
    const ValueId src = op.inputs[0], weights = op.inputs[1], diff_dst = diff_outputs[0];
    std::vector<ValueId> gradients(op.inputs.size(), kNoValue);
    if (wanted[1]) {
      Attributes attributes = op.attributes;
      const auto extents = builder.graph().value(weights).shape.extents();
      attributes.set("weights_shape", std::vector<int64_t>(extents.begin(), extents.end()));
      builder.set_phase(Phase::kBackwardWeights);
      gradients[1] =
          builder.add_op(conv2d_backward_weights_kind(), {src, diff_dst}, std::move(attributes))[0];
    }
    if (wanted[0]) {
      Attributes attributes = op.attributes;
      const auto extents = builder.graph().value(src).shape.extents();
      attributes.set("src_shape", std::vector<int64_t>(extents.begin(), extents.end()));
      builder.set_phase(Phase::kBackwardData);
      gradients[0] = builder.add_op(conv2d_backward_data_kind(), {diff_dst, weights},
                                    std::move(attributes))[0];
    }
    return gradients;
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.multiply_accumulates = conv2d_geometry(graph, op).multiply_accumulates()};
  }
};

class Conv2dMaxPool2d final : public OpKind {
 public:
  std::string_view name() const override { return "conv2d_max_pool2d"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape images = conv2d_kind().infer_outputs(graph, op)[0].shape;
    const PoolWindow pool = pool_window(op);
    const Shape dst{images[0], images[1] / pool.height, images[2] / pool.width, images[3]};
    return {{dst}, {dst, index_type(pool.height * pool.width)}};
  }

  // What the two need: whoever runs them.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    const PoolWindow pool = pool_window(op);
    return {.multiply_accumulates = conv2d_geometry(graph, op).multiply_accumulates(),
            .other_flops = graph.output(op, 0).shape.elements() * pool.height * pool.width};
  }
};

class Conv2dBackwardData final : public OpKind {
 public:
  std::string_view name() const override { return "conv2d_backward_data"; }

  std::vector<TensorType> infer_outputs(const Graph&, const Op& op) const override {
    return {{Shape(op.attributes.integers("src_shape"))}};
  }

  // Linear in both inputs: it is the transposed convolution.
  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>& wanted) const override {
    const ValueId diff_dst = op.inputs[0], weights = op.inputs[1];
    std::vector<ValueId> gradients(op.inputs.size(), kNoValue);
    if (wanted[1]) {
      Attributes attributes = window_attributes(window_of(op));
      const auto extents = builder.graph().value(weights).shape.extents();
      attributes.set("weights_shape", std::vector<int64_t>(extents.begin(), extents.end()));
      builder.set_phase(Phase::kBackwardWeights);
      gradients[1] = builder.add_op(conv2d_backward_weights_kind(), {diff_outputs[0], diff_dst},
                                    std::move(attributes))[0];
    }
    if (wanted[0]) {
      builder.set_phase(Phase::kBackwardData);
      gradients[0] = conv2d(builder, diff_outputs[0], weights, window_of(op));
    }
    return gradients;
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.multiply_accumulates = conv2d_geometry(graph, op).multiply_accumulates()};
  }
};

// With attribute bias = 1 it has a second output, the sum of diff_dst over all but its channels.
class Conv2dBackwardWeights final : public OpKind {
 public:
  std::string_view name() const override { return "conv2d_backward_weights"; }

  std::vector<TensorType> infer_outputs(const Graph&, const Op& op) const override {
    const Shape weights(op.attributes.integers("weights_shape"));
    std::vector<TensorType> types{{weights}};
    if (op.attributes.has("bias")) types.push_back({Shape{weights.back()}});
    return types;
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    const Conv2dGeometry g = conv2d_geometry(graph, op);
    return {.multiply_accumulates = g.multiply_accumulates(),
            .other_flops = op.attributes.has("bias")
                               ? g.batch * g.out_height * g.out_width * g.out_channels
                               : 0};
  }
};

}  // namespace

SamePadding same_padding(int64_t extent, int64_t window, int64_t stride, int64_t dilation) {
  const int64_t outputs = (extent + stride - 1) / stride;
  const int64_t needed = (outputs - 1) * stride + (window - 1) * dilation + 1;
  const int64_t total = std::max<int64_t>(needed - extent, 0);
  return {total / 2, total - total / 2};
}

Conv2dGeometry conv2d_geometry(const Graph& graph, const Op& op) {
  const Conv2dWindow window = window_of(op);
  if (op.kind == &conv2d_kind() || op.kind == &conv2d_max_pool2d_kind())
    return geometry_from(window, graph.input(op, 0).shape, graph.input(op, 1).shape);
  if (op.kind == &conv2d_backward_data_kind())
    return geometry_from(window, graph.output(op, 0).shape, graph.input(op, 1).shape);
  if (op.kind == &conv2d_max_pool2d_backward_data_kind())
    return geometry_from(window, graph.output(op, 0).shape, graph.input(op, 2).shape);
  return geometry_from(window, graph.input(op, 0).shape, graph.output(op, 0).shape);
}

Conv2dGeometry data_gradient_geometry(const Conv2dGeometry& g) {
  Conv2dGeometry turned = g;
  std::swap(turned.height, turned.out_height);
  std::swap(turned.width, turned.out_width);
  std::swap(turned.channels, turned.out_channels);
  const Padding2d& padding = g.window.padding;
  turned.window.padding = {g.kernel_h - 1 - padding.top, g.kernel_w - 1 - padding.left,
                           g.kernel_h - 1 - padding.bottom, g.kernel_w - 1 - padding.right};
  return turned;
}

const OpKind& conv2d_kind() {
  static const Conv2d kind;
  return kind;
}
const OpKind& conv2d_backward_data_kind() {
  static const Conv2dBackwardData kind;
  return kind;
}
const OpKind& conv2d_backward_weights_kind() {
  static const Conv2dBackwardWeights kind;
  return kind;
}

const OpKind& conv2d_max_pool2d_kind() {
  static const Conv2dMaxPool2d kind;
  return kind;
}

PoolWindow pool_window(const Op& op) {
  const auto& pool = op.attributes.integers("pool");
  return {pool[0], pool[1]};
}

std::optional<Op> with_max_pooling(const Op& convolution, const Op& pooling) {
  const auto& pool = pooling.attributes.integers("pool");
  if (pooling.attributes.integers("strides") != pool ||
      pooling.attributes.integers("padding") != std::vector<int64_t>(4))
    return std::nullopt;
  Op op = convolution;
  op.kind = &conv2d_max_pool2d_kind();
  op.attributes.set("pool", pool);
  op.outputs = pooling.outputs;
  op.epilogue.clear();
  return op;
}

ValueId conv2d(Builder& builder, ValueId src, ValueId weights, const Conv2dWindow& window) {
  return builder.add_op(conv2d_kind(), {src, weights}, window_attributes(window))[0];
}

ValueId conv2d_transpose(Builder& builder, ValueId diff_dst, ValueId weights,
                         const Conv2dWindow& window, const Shape& shape) {
  Attributes attributes = window_attributes(window);
  const auto extents = shape.extents();
  attributes.set("src_shape", std::vector<int64_t>(extents.begin(), extents.end()));
  return builder.add_op(conv2d_backward_data_kind(), {diff_dst, weights}, std::move(attributes))[0];
}

}  // namespace pronghorn::graph
