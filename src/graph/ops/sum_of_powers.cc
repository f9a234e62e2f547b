#include "graph/ops/sum_of_powers.h"

#include "graph/ops/elementwise.h"

namespace pronghorn::graph {
namespace {

class SumOfPowers final : public OpKind {
 public:
  std::string_view name() const override { return "sum_of_powers"; }

  std::vector<TensorType> infer_outputs(const Graph&, const Op&) const override { return {{}}; }

  // diff_outputs are none: it starts here.
  std::vector<ValueId> gradient(Builder& builder, const Op& op, std::span<const ValueId>,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    const ValueId src = op.inputs[0];
    const double absolute = op.attributes.real("absolute");
    ValueId gradient =
        elementwise(builder, src, {StageFunction::kScale, -1, 2 * op.attributes.real("square")});
    if (absolute != 0)
      gradient = elementwise(builder, gradient, {StageFunction::kAddSign, -1, absolute}, src);
    return {gradient};
  }

  // A magnitude or a product, and an addition.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    const int powers = (op.attributes.real("absolute") != 0) + (op.attributes.real("square") != 0);
    return {.other_flops = 2 * powers * graph.input(op, 0).shape.elements()};
  }
};

}  // namespace

const OpKind& sum_of_powers_kind() {
  static const SumOfPowers kind;
  return kind;
}

ValueId sum_of_powers(Builder& builder, ValueId src, double absolute, double square) {
  return builder.add_op(sum_of_powers_kind(), {src},
                        {{"absolute", absolute}, {"square", square}})[0];
}

}  // namespace pronghorn::graph
