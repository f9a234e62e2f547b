#include "graph/ops/noise.h"

#include <array>
#include <cmath>
#include <stdexcept>

#include "graph/ops/concatenate.h"

namespace pronghorn::graph {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"dropout", "gaussian_noise", "gaussian_dropout",
                                                    "alpha_dropout"};

Noise function_of(const Op& op) {
  const std::string& name = op.attributes.text("function");
  for (size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return static_cast<Noise>(i);
  throw std::logic_error("no noise is called " + name);
}

class NoiseKind final : public OpKind {
 public:
  std::string_view name() const override { return "noise"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{graph.input(op, 0).shape}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    if (function_of(op) == Noise::kGaussianNoise) return {diff_outputs[0]};
    Attributes attributes = op.attributes;
    attributes.set("backward", int64_t{1});
    builder.set_phase(Phase::kBackwardData);
    return {builder.add_op(noise_kind(), {diff_outputs[0]}, std::move(attributes))[0]};
  }

  // A multiplication and an addition; drawing is no arithmetic on the data.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 2 * graph.input(op, 0).shape.elements()};
  }

  std::vector<Alias> possible_aliases(const Op&) const override { return {{0, 0}}; }
};

}  // namespace

const OpKind& noise_kind() {
  static const NoiseKind kind;
  return kind;
}

ValueId noise(Builder& builder, ValueId src, Noise function, double rate, uint64_t stream,
              int64_t shared_axis) {
  return builder.add_op(noise_kind(), {src},
                        {{"function", std::string(kNames[static_cast<size_t>(function)])},
                         {"rate", rate},
                         {"stream", static_cast<int64_t>(stream)},
                         {"shared_axis", shared_axis},
                         {"backward", int64_t{0}}})[0];
}

NoiseGeometry noise_geometry(const Graph& graph, const Op& op) {
  const Shape& shape = graph.input(op, 0).shape;
  const int64_t axis = op.attributes.integer("shared_axis");
  const AxisGeometry along =
      axis < 0 ? AxisGeometry{1, 1, shape.elements()} : axis_geometry(shape, axis);
  NoiseGeometry g{};
  g.outer = along.outer;
  g.extent = along.extent;
  g.inner = along.inner;
  g.stream = static_cast<uint64_t>(op.attributes.integer("stream"));
  const double rate = op.attributes.real("rate");
  switch (function_of(op)) {
    case Noise::kDropout:
      g.rate = rate;
      g.factor = 1 / (1 - rate);
      break;
    case Noise::kGaussianNoise:
      g.normal = true;
      g.addend_deviation = rate;
      break;
    case Noise::kGaussianDropout:
      g.normal = true;
      g.factor_deviation = std::sqrt(rate / (1 - rate));
      break;
    case Noise::kAlphaDropout: {
      // selu's scale and alpha; what it tends to far below zero is -scale alpha.
      const double dropped = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717;
      g.rate = rate;
      g.factor = 1 / std::sqrt((1 - rate) * (1 + rate * dropped * dropped));
      g.kept_addend = -g.factor * dropped * rate;
      g.dropped_addend = g.factor * dropped + g.kept_addend;
      break;
    }
  }
  if (op.attributes.integer("backward") != 0)
    g.kept_addend = g.dropped_addend = g.addend_deviation = 0;
  return g;
}

}  // namespace pronghorn::graph
