#include "graph/ops/elementwise.h"

#include <fmt/format.h>

#include "graph/ops/sum_rows.h"
#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

class Elementwise final : public OpKind {
 public:
  std::string_view name() const override { return "elementwise"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& src = graph.input(op, 0).shape;
    for (const Stage& stage : op.epilogue) {
      if (stage.operand < 0) continue;
      const Shape& operand = graph.input(op, stage.operand).shape;
      const bool fits =
          stage.function == StageFunction::kBiasAdd ? operand == Shape{src.back()} : operand == src;
      if (!fits)
        throw ShapeError(fmt::format("{} of {} and {}: the shapes differ",
                                     stage_traits(stage.function).name, src.to_string(),
                                     operand.to_string()));
    }
    return {{src}};
  }

  // Defined for a single stage: gradients are taken before fusion.
  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>& wanted) const override {
    if (op.epilogue.size() != 1) return OpKind::gradient(builder, op, diff_outputs, wanted);
    const Stage& stage = op.epilogue[0];
    const ValueId diff_dst = diff_outputs[0];
    std::vector<ValueId> gradients(op.inputs.size(), kNoValue);
    builder.set_phase(Phase::kBackwardData);

    if (stage.function == StageFunction::kBiasAdd) {
      gradients[0] = diff_dst;
      if (wanted[1]) {
        builder.set_phase(Phase::kBackwardWeights);
        gradients[1] = sum_rows(builder, diff_dst);
      }
      return gradients;
    }
    if (stage.function == StageFunction::kAdd) return {diff_dst, diff_dst};
    if (stage.function == StageFunction::kShift) return {diff_dst};
    if (stage.function == StageFunction::kMaximum || stage.function == StageFunction::kMinimum) {
      const bool maximum = stage.function == StageFunction::kMaximum;
      for (const size_t i : {size_t{0}, size_t{1}}) {
        if (!wanted[i]) continue;
        const ValueId lead = maximum ? subtract(builder, op.inputs[i], op.inputs[1 - i])
                                     : subtract(builder, op.inputs[1 - i], op.inputs[i]);
        gradients[i] = elementwise(builder, diff_dst, {StageFunction::kWherePositive}, lead);
      }
      return gradients;
    }

    const StageTraits& traits = stage_traits(stage.function);
    if (!traits.backward) return OpKind::gradient(builder, op, diff_outputs, wanted);
    Stage backward = stage;
    backward.function = *traits.backward;
    backward.operand = -1;
    switch (traits.backward_operand) {
      case StageTraits::BackwardOperand::kNone:
        gradients[0] = elementwise(builder, diff_dst, backward);
        break;
      case StageTraits::BackwardOperand::kInput:
        gradients[0] = elementwise(builder, diff_dst, backward, op.inputs[0]);
        break;
      case StageTraits::BackwardOperand::kOutput:
        gradients[0] = elementwise(builder, diff_dst, backward, op.outputs[0]);
        break;
      case StageTraits::BackwardOperand::kOther:
        if (wanted[0]) gradients[0] = elementwise(builder, diff_dst, backward, op.inputs[1]);
        if (wanted[1]) gradients[1] = elementwise(builder, diff_dst, backward, op.inputs[0]);
        break;
    }
    return gradients;
  }

  // All of its work is its epilogue.
  Cost arithmetic(const Graph&, const Op&) const override { return {}; }

  std::vector<Alias> possible_aliases(const Op& op) const override {
    std::vector<Alias> aliases{{0, 0}};
    for (const Stage& stage : op.epilogue)
      if (stage.operand > 0 && stage.function != StageFunction::kBiasAdd)
        aliases.push_back({stage.operand, 0});
    return aliases;
  }
};

}  // namespace

const OpKind& elementwise_kind() {
  static const Elementwise kind;
  return kind;
}

ValueId elementwise(Builder& builder, ValueId src, Stage stage, ValueId operand) {
  std::vector<ValueId> inputs{src};
  if (operand != kNoValue) {
    inputs.push_back(operand);
    stage.operand = 1;
  }
  return builder.add_op(elementwise_kind(), std::move(inputs), {}, {stage})[0];
}

ValueId bias_add(Builder& builder, ValueId src, ValueId bias) {
  return elementwise(builder, src, {StageFunction::kBiasAdd}, bias);
}
ValueId add(Builder& builder, ValueId a, ValueId b) {
  return elementwise(builder, a, {StageFunction::kAdd}, b);
}
ValueId subtract(Builder& builder, ValueId a, ValueId b) {
  return add(builder, scale(builder, b, -1), a);
}
ValueId multiply(Builder& builder, ValueId a, ValueId b) {
  return elementwise(builder, a, {StageFunction::kMultiply}, b);
}
ValueId scale(Builder& builder, ValueId src, double factor) {
  return elementwise(builder, src, {StageFunction::kScale, -1, factor});
}
ValueId shift(Builder& builder, ValueId src, double addend) {
  return elementwise(builder, src, {StageFunction::kShift, -1, addend});
}
ValueId dropout(Builder& builder, ValueId src, double rate, uint64_t stream) {
  return elementwise(builder, src, {StageFunction::kDropout, -1, rate, stream});
}

}  // namespace pronghorn::graph
