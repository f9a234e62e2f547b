#include "graph/ops/l2_normalize.h"

namespace pronghorn::graph {
namespace {

class L2Normalize final : public OpKind {
 public:
  std::string_view name() const override { return "l2_normalize"; }
  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{graph.input(op, 0).shape}};
  }
  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    return builder.add_op(l2_normalize_backward_kind(), {op.inputs[0], diff_outputs[0]},
                          op.attributes);
  }
  // Per element: square, add, multiply.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 3 * graph.input(op, 0).shape.elements()};
  }
};

class L2NormalizeBackward final : public OpKind {
 public:
  std::string_view name() const override { return "l2_normalize_backward"; }
  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{graph.input(op, 0).shape}};
  }
  // Per element: the sum of squares and the dot product, then two multiplications and a difference.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 7 * graph.input(op, 0).shape.elements()};
  }
};

}  // namespace

const OpKind& l2_normalize_kind() {
  static const L2Normalize kind;
  return kind;
}
const OpKind& l2_normalize_backward_kind() {
  static const L2NormalizeBackward kind;
  return kind;
}

ValueId l2_normalize(Builder& builder, ValueId src, double epsilon) {
  return builder.add_op(l2_normalize_kind(), {src}, {{"epsilon", epsilon}})[0];
}

}  // namespace pronghorn::graph
