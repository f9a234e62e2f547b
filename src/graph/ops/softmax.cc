#include "graph/ops/softmax.h"

#include <algorithm>

namespace pronghorn::graph {
namespace {

class Softmax final : public OpKind {
 public:
  std::string_view name() const override { return "softmax"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{graph.input(op, 0).shape}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    return {builder.add_op(softmax_backward_kind(), {op.outputs[0], diff_outputs[0]})[0]};
  }

  // Per element: compare, subtract, exp, add, multiply.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 5 * graph.input(op, 0).shape.elements()};
  }

  std::vector<Alias> possible_aliases(const Op&) const override { return {{0, 0}}; }
};

class SoftmaxBackward final : public OpKind {
 public:
  std::string_view name() const override { return "softmax_backward"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{graph.input(op, 0).shape}};
  }

  // Per element: multiply, add, subtract, multiply.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 4 * graph.input(op, 0).shape.elements()};
  }

  std::vector<Alias> possible_aliases(const Op&) const override { return {{1, 0}}; }
};

class LogSoftmax final : public OpKind {
 public:
  std::string_view name() const override { return "log_softmax"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{graph.input(op, 0).shape}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    return {builder.add_op(log_softmax_backward_kind(), {op.outputs[0], diff_outputs[0]})[0]};
  }

  // Per element: compare, subtract, exp, add, subtract.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 5 * graph.input(op, 0).shape.elements()};
  }
};

class LogSoftmaxBackward final : public OpKind {
 public:
  std::string_view name() const override { return "log_softmax_backward"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{graph.input(op, 0).shape}};
  }

  // Per element: add, exp, multiply, subtract.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 4 * graph.input(op, 0).shape.elements()};
  }

  std::vector<Alias> possible_aliases(const Op&) const override { return {{1, 0}}; }
};

}  // namespace

const OpKind& log_softmax_kind() {
  static const LogSoftmax kind;
  return kind;
}
const OpKind& log_softmax_backward_kind() {
  static const LogSoftmaxBackward kind;
  return kind;
}
ValueId log_softmax(Builder& builder, ValueId src) {
  return builder.add_op(log_softmax_kind(), {src})[0];
}

const OpKind& softmax_kind() {
  static const Softmax kind;
  return kind;
}
const OpKind& softmax_backward_kind() {
  static const SoftmaxBackward kind;
  return kind;
}

ValueId softmax(Builder& builder, ValueId src) { return builder.add_op(softmax_kind(), {src})[0]; }
ValueId causal_softmax(Builder& builder, ValueId src) {
  return builder.add_op(softmax_kind(), {src}, {{"causal", int64_t{1}}})[0];
}

int64_t softmax_columns(const Graph& graph, const Op& op, int64_t row) {
  const Shape& shape = graph.input(op, 0).shape;
  if (!op.attributes.has("causal")) return shape.back();
  return std::min(shape.back(), row % shape[shape.rank() - 2] + 1);
}

}  // namespace pronghorn::graph
