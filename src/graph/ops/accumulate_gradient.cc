#include "graph/ops/accumulate_gradient.h"

#include <stdexcept>

namespace pronghorn::graph {
namespace {

bool is_last(const Op& op) { return op.attributes.integer("last") != 0; }

class AccumulateGradient final : public OpKind {
 public:
  std::string_view name() const override { return "accumulate_gradient"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& accumulator = graph.input(op, 0).shape;
    if (!(graph.input(op, 1).shape == accumulator))
      throw std::logic_error("an accumulator has its gradient's shape");
    if (is_last(op)) return {{accumulator}, {accumulator}};
    return {{accumulator}};
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = (is_last(op) ? 2 : 1) * graph.input(op, 0).shape.elements()};
  }

  std::vector<Alias> required_aliases(const Op&) const override { return {{0, 0}}; }
  std::vector<Alias> possible_aliases(const Op& op) const override {
    if (is_last(op)) return {{1, 1}};
    return {};
  }
};

std::vector<ValueId> accumulate(Builder& builder, ValueId accumulator, ValueId gradient,
                                int64_t steps, bool last) {
  return builder.add_op(accumulate_gradient_kind(), {accumulator, gradient},
                        {{"steps", steps}, {"last", int64_t{last}}});
}

}  // namespace

const OpKind& accumulate_gradient_kind() {
  static const AccumulateGradient kind;
  return kind;
}

void add_to_accumulator(Builder& builder, ValueId accumulator, ValueId gradient, int64_t steps) {
  accumulate(builder, accumulator, gradient, steps, /*last=*/false);
}

ValueId take_from_accumulator(Builder& builder, ValueId accumulator, ValueId gradient,
                              int64_t steps) {
  return accumulate(builder, accumulator, gradient, steps, /*last=*/true)[1];
}

}  // namespace pronghorn::graph
