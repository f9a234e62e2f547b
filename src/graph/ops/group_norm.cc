#include "graph/ops/group_norm.h"

#include <fmt/format.h>

#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

class GroupNorm final : public OpKind {
 public:
  std::string_view name() const override { return "group_norm"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& src = graph.input(op, 0).shape;
    const int64_t groups = op.attributes.integer("groups");
    if (src.rank() < 2 || src.back() % groups != 0)
      throw ShapeError(
          fmt::format("{} has no {} groups of as many channels", src.to_string(), groups));
    for (size_t i = 1; i < op.inputs.size(); ++i)
      if (const Shape& weight = graph.value(op.inputs[i]).shape; !(weight == Shape{src.back()}))
        throw ShapeError(fmt::format("{} has {} channels, gamma or beta {}", src.to_string(),
                                     src.back(), weight.to_string()));
    const Shape statistics{src[0], groups};
    return {{src}, {statistics}, {statistics}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    const GroupNormGeometry g = group_norm_geometry(builder.graph(), op);
    std::vector<ValueId> inputs{op.inputs[0], diff_outputs[0], op.outputs[1], op.outputs[2]};
    if (g.scale) inputs.push_back(op.inputs[static_cast<size_t>(g.gamma)]);
    builder.set_phase(Phase::kBackwardData);
    const std::vector<ValueId> diffs =
        builder.add_op(group_norm_backward_kind(), std::move(inputs), op.attributes);
    std::vector<ValueId> gradients(op.inputs.size(), kNoValue);
    gradients[0] = diffs[0];
    if (g.scale) gradients[static_cast<size_t>(g.gamma)] = diffs[1];
    if (g.center) gradients[static_cast<size_t>(g.beta)] = diffs[2];
    return gradients;
  }

  // Per element: add for the mean; subtract, multiply, add for the variance; subtract, multiply,
  // add to normalize.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 7 * graph.input(op, 0).shape.elements()};
  }

  std::vector<Alias> possible_aliases(const Op&) const override { return {{0, 0}}; }
};

class GroupNormBackward final : public OpKind {
 public:
  std::string_view name() const override { return "group_norm_backward"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& src = graph.input(op, 0).shape;
    const Shape channels{src.back()};
    return {{src}, {channels}, {channels}};
  }

  // Per element: subtract, multiply, multiply, add for gamma; add for beta; multiply, add, multiply
  // add for the group's two sums; five to combine.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 14 * graph.input(op, 0).shape.elements()};
  }

  std::vector<Alias> possible_aliases(const Op&) const override { return {{1, 0}}; }
};

}  // namespace

const OpKind& group_norm_kind() {
  static const GroupNorm kind;
  return kind;
}
const OpKind& group_norm_backward_kind() {
  static const GroupNormBackward kind;
  return kind;
}

ValueId group_norm(Builder& builder, ValueId src, ValueId gamma, ValueId beta, int64_t groups,
                   double epsilon) {
  std::vector<ValueId> inputs{src};
  if (gamma != kNoValue) inputs.push_back(gamma);
  if (beta != kNoValue) inputs.push_back(beta);
  return builder.add_op(group_norm_kind(), std::move(inputs),
                        {{"groups", groups},
                         {"epsilon", epsilon},
                         {"scale", int64_t{gamma != kNoValue}},
                         {"center", int64_t{beta != kNoValue}}})[0];
}

GroupNormGeometry group_norm_geometry(const Graph& graph, const Op& op) {
  const Shape& src = graph.input(op, 0).shape;
  GroupNormGeometry g{};
  g.samples = src[0];
  g.channels = src.back();
  g.places = src.elements() / (g.samples * g.channels);
  g.groups = op.attributes.integer("groups");
  g.epsilon = op.attributes.real("epsilon");
  g.scale = op.attributes.integer("scale") != 0;
  g.center = op.attributes.integer("center") != 0;
  const bool backward = op.kind == &group_norm_backward_kind();
  const int first = backward ? 4 : 1;
  g.gamma = g.scale ? first : -1;
  g.beta = g.center && !backward ? first + (g.scale ? 1 : 0) : -1;
  return g;
}

}  // namespace pronghorn::graph
