#include "graph/ops/batch_norm.h"

#include "graph/ops/elementwise.h"

namespace pronghorn::graph {
namespace {

class BatchNormTraining final : public OpKind {
 public:
  std::string_view name() const override { return "batch_norm_training"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& src = graph.input(op, 0).shape;
    const Shape channels{src.back()};
    return {{src}, {channels}, {channels}, {channels}, {channels}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    const BatchNormInputs at = batch_norm_inputs(op);
    std::vector<ValueId> inputs{op.inputs[0], diff_outputs[0], op.outputs[1], op.outputs[2]};
    if (at.gamma >= 0) inputs.push_back(op.inputs[static_cast<size_t>(at.gamma)]);
    builder.set_phase(Phase::kBackwardData);
    const std::vector<ValueId> diffs =
        builder.add_op(batch_norm_backward_kind(), std::move(inputs), op.attributes);
    std::vector<ValueId> gradients(op.inputs.size(), kNoValue);
    gradients[0] = diffs[0];
    if (at.gamma >= 0) gradients[static_cast<size_t>(at.gamma)] = diffs[1];
    if (at.beta >= 0) gradients[static_cast<size_t>(at.beta)] = diffs[2];
    return gradients;
  }

  // Per element: add for the mean; subtract, multiply, add for the variance; multiply and add to
  // normalize.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 6 * graph.input(op, 0).shape.elements()};
  }

  std::vector<Alias> required_aliases(const Op& op) const override {
    const BatchNormInputs at = batch_norm_inputs(op);
    return {{at.moving_mean, 3}, {at.moving_variance, 4}};
  }
};

class BatchNormBackward final : public OpKind {
 public:
  std::string_view name() const override { return "batch_norm_backward"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& src = graph.input(op, 0).shape;
    const Shape channels{src.back()};
    return {{src}, {channels}, {channels}};
  }

  // Per element: add for beta; subtract, multiply, multiply, add for gamma; five to combine.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 10 * graph.input(op, 0).shape.elements()};
  }

  std::vector<Alias> possible_aliases(const Op&) const override { return {{1, 0}}; }
};

class BatchNormInference final : public OpKind {
 public:
  std::string_view name() const override { return "batch_norm_inference"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{graph.input(op, 0).shape}};
  }

  // A frozen layer passes it on to those below: diff_src = diff_dst inverse_deviation gamma, the
  // same op with a mean of zero. Its own weights get none, as they are frozen with it.
  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    const BatchNormInputs at = batch_norm_inputs(op);
    const auto input = [&](int index) {
      return index < 0 ? kNoValue : op.inputs[static_cast<size_t>(index)];
    };
    builder.set_phase(Phase::kBackwardData);
    const ValueId zero_mean =
        elementwise(builder, input(at.moving_mean), {StageFunction::kScale, -1, 0});
    std::vector<ValueId> gradients(op.inputs.size(), kNoValue);
    gradients[0] = batch_norm_inference(
        builder, diff_outputs[0], input(at.gamma), kNoValue, zero_mean, input(at.moving_variance),
        {.epsilon = op.attributes.real("epsilon"), .momentum = op.attributes.real("momentum")});
    return gradients;
  }

  // One multiply and one add per element; what is done once per channel doesn't count.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 2 * graph.input(op, 0).shape.elements()};
  }

  std::vector<Alias> possible_aliases(const Op&) const override { return {{0, 0}}; }
};

std::vector<ValueId> forward(Builder& builder, const OpKind& kind, ValueId src, ValueId gamma,
                             ValueId beta, ValueId moving_mean, ValueId moving_variance,
                             BatchNormConfig config) {
  std::vector<ValueId> inputs{src};
  if (gamma != kNoValue) inputs.push_back(gamma);
  if (beta != kNoValue) inputs.push_back(beta);
  inputs.push_back(moving_mean);
  inputs.push_back(moving_variance);
  return builder.add_op(kind, std::move(inputs),
                        {{"scale", int64_t{gamma != kNoValue}},
                         {"center", int64_t{beta != kNoValue}},
                         {"epsilon", config.epsilon},
                         {"momentum", config.momentum}});
}

}  // namespace

BatchNormInputs batch_norm_inputs(const Op& op) {
  const bool scale = op.attributes.integer("scale") != 0;
  const bool center = op.attributes.integer("center") != 0;
  if (op.kind == &batch_norm_backward_kind()) return {scale ? 4 : -1, -1, -1, -1};
  const int statistics = 1 + (scale ? 1 : 0) + (center ? 1 : 0);
  return {scale ? 1 : -1, center ? (scale ? 2 : 1) : -1, statistics, statistics + 1};
}

const OpKind& batch_norm_training_kind() {
  static const BatchNormTraining kind;
  return kind;
}
const OpKind& batch_norm_backward_kind() {
  static const BatchNormBackward kind;
  return kind;
}
const OpKind& batch_norm_inference_kind() {
  static const BatchNormInference kind;
  return kind;
}

ValueId batch_norm_training(Builder& builder, ValueId src, ValueId gamma, ValueId beta,
                            ValueId moving_mean, ValueId moving_variance, BatchNormConfig config) {
  return forward(builder, batch_norm_training_kind(), src, gamma, beta, moving_mean,
                 moving_variance, config)[0];
}
ValueId batch_norm_inference(Builder& builder, ValueId src, ValueId gamma, ValueId beta,
                             ValueId moving_mean, ValueId moving_variance, BatchNormConfig config) {
  return forward(builder, batch_norm_inference_kind(), src, gamma, beta, moving_mean,
                 moving_variance, config)[0];
}

}  // namespace pronghorn::graph
