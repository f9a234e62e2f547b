#include "graph/ops/pool2d.h"

#include <fmt/format.h>

#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

// Attributes of all four kinds: pool, strides, padding (top, left, bottom, right); the backward
// kinds also src_shape.
Attributes window_attributes(const Pool2dWindow& window) {
  const Padding2d& padding = window.padding;
  return {
      {"pool", std::vector<int64_t>{window.pool_h, window.pool_w}},
      {"strides", std::vector<int64_t>{window.stride_h, window.stride_w}},
      {"padding", std::vector<int64_t>{padding.top, padding.left, padding.bottom, padding.right}}};
}

Pool2dGeometry geometry_from(const Op& op, const Shape& src) {
  const auto& pool = op.attributes.integers("pool");
  const auto& strides = op.attributes.integers("strides");
  const auto& padding = op.attributes.integers("padding");
  Pool2dGeometry g{};
  g.batch = src[0];
  g.height = src[1];
  g.width = src[2];
  g.channels = src[3];
  g.window = {
      pool[0], pool[1], strides[0], strides[1], {padding[0], padding[1], padding[2], padding[3]}};
  const auto outputs = [](int64_t extent, int64_t window, int64_t stride) {
    return extent < window ? 0 : (extent - window) / stride + 1;
  };
  g.out_height = outputs(g.height + padding[0] + padding[2], pool[0], strides[0]);
  g.out_width = outputs(g.width + padding[1] + padding[3], pool[1], strides[1]);
  return g;
}

Shape output_shape(const Graph& graph, const Op& op) {
  const Shape& src = graph.input(op, 0).shape;
  if (src.rank() != 4)
    throw ShapeError(fmt::format("pooling needs images (height, width, channels), not {}",
                                 src.without_batch().to_string()));
  const Pool2dGeometry g = geometry_from(op, src);
  if (g.out_height < 1 || g.out_width < 1)
    throw ShapeError(fmt::format(
        "pool ({}, {}) is larger than its input ({}, {}); use padding='same' or a smaller pool",
        g.window.pool_h, g.window.pool_w, g.height, g.width));
  return {g.batch, g.out_height, g.out_width, g.channels};
}

// Windows x their elements: each takes a comparison or an addition.
int64_t window_elements(const Graph& graph, const Op& op) {
  const Pool2dGeometry g = pool2d_geometry(graph, op);
  return g.batch * g.out_height * g.out_width * g.channels * g.window.pool_h * g.window.pool_w;
}

Attributes backward_attributes(const Graph& graph, const Op& op) {
  Attributes attributes = op.attributes;
  const auto extents = graph.input(op, 0).shape.extents();
  attributes.set("src_shape", std::vector<int64_t>(extents.begin(), extents.end()));
  return attributes;
}

class MaxPool2d final : public OpKind {
 public:
  std::string_view name() const override { return "max_pool2d"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape dst = output_shape(graph, op);
    const auto& pool = op.attributes.integers("pool");
    return {{dst}, {dst, index_type(pool[0] * pool[1])}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    return {builder.add_op(max_pool2d_backward_kind(), {diff_outputs[0], op.outputs[1]},
                           backward_attributes(builder.graph(), op))[0]};
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = window_elements(graph, op)};
  }
};

class MaxPool2dBackward final : public OpKind {
 public:
  std::string_view name() const override { return "max_pool2d_backward"; }

  std::vector<TensorType> infer_outputs(const Graph&, const Op& op) const override {
    return {{Shape(op.attributes.integers("src_shape"))}};
  }

  // One addition per window.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = graph.input(op, 0).shape.elements()};
  }
};

class AveragePool2d final : public OpKind {
 public:
  std::string_view name() const override { return "average_pool2d"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{output_shape(graph, op)}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    return {builder.add_op(average_pool2d_backward_kind(), {diff_outputs[0]},
                           backward_attributes(builder.graph(), op))[0]};
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = window_elements(graph, op)};
  }
};

class AveragePool2dBackward final : public OpKind {
 public:
  std::string_view name() const override { return "average_pool2d_backward"; }

  std::vector<TensorType> infer_outputs(const Graph&, const Op& op) const override {
    return {{Shape(op.attributes.integers("src_shape"))}};
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = window_elements(graph, op)};
  }
};

}  // namespace

Pool2dGeometry pool2d_geometry(const Graph& graph, const Op& op) {
  const bool backward = op.attributes.has("src_shape");
  return geometry_from(op, backward ? graph.output(op, 0).shape : graph.input(op, 0).shape);
}

const OpKind& max_pool2d_kind() {
  static const MaxPool2d kind;
  return kind;
}
const OpKind& max_pool2d_backward_kind() {
  static const MaxPool2dBackward kind;
  return kind;
}
const OpKind& average_pool2d_kind() {
  static const AveragePool2d kind;
  return kind;
}
const OpKind& average_pool2d_backward_kind() {
  static const AveragePool2dBackward kind;
  return kind;
}

ElementType index_type(int64_t window_elements) {
  return window_elements <= 256 ? ElementType::kUint8 : ElementType::kInt32;
}

ValueId max_pool2d(Builder& builder, ValueId src, const Pool2dWindow& window) {
  return builder.add_op(max_pool2d_kind(), {src}, window_attributes(window))[0];
}
ValueId average_pool2d(Builder& builder, ValueId src, const Pool2dWindow& window) {
  return builder.add_op(average_pool2d_kind(), {src}, window_attributes(window))[0];
}

}  // namespace pronghorn::graph
