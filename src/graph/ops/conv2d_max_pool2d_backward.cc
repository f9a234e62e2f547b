#include "graph/ops/conv2d_max_pool2d_backward.h"

namespace pronghorn::graph {
namespace {

// Attributes: the convolution's gradient's own, and the pooling's as pool, pool_strides,
// pool_padding.

class BackwardData final : public OpKind {
 public:
  std::string_view name() const override { return "conv2d_max_pool2d_backward_data"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return conv2d_backward_data_kind().infer_outputs(graph, op);
  }

  // What the convolution's layer names; of which a kernel that skips zeros does a part.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return conv2d_backward_data_kind().arithmetic(graph, op);
  }
};

class BackwardWeights final : public OpKind {
 public:
  std::string_view name() const override { return "conv2d_max_pool2d_backward_weights"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return conv2d_backward_weights_kind().infer_outputs(graph, op);
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.multiply_accumulates = conv2d_geometry(graph, op).multiply_accumulates(),
            .other_flops =
                op.attributes.has("bias") ? graph.input(op, 1).shape.elements() : int64_t{0}};
  }
};

}  // namespace

const OpKind& conv2d_max_pool2d_backward_data_kind() {
  static const BackwardData kind;
  return kind;
}
const OpKind& conv2d_max_pool2d_backward_weights_kind() {
  static const BackwardWeights kind;
  return kind;
}

Pool2dGeometry pooling_geometry(const Graph& graph, const Op& op) {
  const Conv2dGeometry convolution = conv2d_geometry(graph, op);
  const bool to_data = op.kind == &conv2d_max_pool2d_backward_data_kind();
  const Shape& dst = graph.input(op, to_data ? 0 : 1).shape;
  const auto& pool = op.attributes.integers("pool");
  const auto& strides = op.attributes.integers("pool_strides");
  const auto& padding = op.attributes.integers("pool_padding");
  return {.batch = convolution.batch,
          .height = convolution.out_height,
          .width = convolution.out_width,
          .channels = convolution.out_channels,
          .out_height = dst[1],
          .out_width = dst[2],
          .window = {pool[0],
                     pool[1],
                     strides[0],
                     strides[1],
                     {padding[0], padding[1], padding[2], padding[3]}}};
}

Op fused_with_max_pool(const Op& convolution_backward, const Op& max_pool_backward) {
  Op op = convolution_backward;
  const bool to_data = op.kind == &conv2d_backward_data_kind();
  op.kind = to_data ? &conv2d_max_pool2d_backward_data_kind()
                    : &conv2d_max_pool2d_backward_weights_kind();
  const ValueId diff_dst = max_pool_backward.inputs[0], index = max_pool_backward.inputs[1];
  if (to_data) {
    op.inputs[0] = diff_dst;
    op.inputs.insert(op.inputs.begin() + 1, index);
    for (Stage& stage : op.epilogue)
      if (stage.operand >= 1) ++stage.operand;
  } else {
    op.inputs = {op.inputs[0], diff_dst, index};
  }
  const Attributes& pooling = max_pool_backward.attributes;
  op.attributes.set("pool", pooling.integers("pool"));
  op.attributes.set("pool_strides", pooling.integers("strides"));
  op.attributes.set("pool_padding", pooling.integers("padding"));
  return op;
}

}  // namespace pronghorn::graph
