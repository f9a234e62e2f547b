#include "graph/ops/moving_average.h"

#include <stdexcept>

namespace pronghorn::graph {
namespace {

class MovingAverageKind final : public OpKind {
 public:
  std::string_view name() const override { return "moving_average"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& parameter = graph.input(op, 0).shape;
    if (!(graph.input(op, 1).shape == parameter))
      throw std::logic_error("a moving average has its weight's shape");
    return {{parameter}, {parameter}};
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 3 * graph.input(op, 0).shape.elements()};
  }

  std::vector<Alias> required_aliases(const Op&) const override { return {{0, 0}, {1, 1}}; }
};

}  // namespace

const OpKind& moving_average_kind() {
  static const MovingAverageKind kind;
  return kind;
}

std::pair<ValueId, ValueId> moving_average(Builder& builder, ValueId parameter, ValueId average,
                                           const MovingAverage& arguments) {
  const auto outputs = builder.add_op(moving_average_kind(), {parameter, average},
                                      {{"momentum", arguments.momentum},
                                       {"overwrite_frequency", arguments.overwrite_frequency},
                                       {"accumulation_steps", arguments.accumulation_steps}});
  return {outputs[0], outputs[1]};
}

MovingAverage moving_average_arguments(const Op& op) {
  return {op.attributes.real("momentum"), op.attributes.integer("overwrite_frequency"),
          op.attributes.integer("accumulation_steps")};
}

}  // namespace pronghorn::graph
