#include "graph/ops/optimizer_update.h"

#include <fmt/format.h>

#include <array>
#include <stdexcept>

namespace pronghorn::graph {
namespace {

struct Algorithm {
  std::string_view name;
  int flops_per_element;
};
// In the order of OptimizerAlgorithm; square root and division count as one flop each.
constexpr std::array<Algorithm, 5> kAlgorithms = {
    {{"sgd", 2}, {"rmsprop", 8}, {"adam", 11}, {"adadelta", 14}, {"adagrad", 6}}};

class OptimizerUpdate final : public OpKind {
 public:
  std::string_view name() const override { return "optimizer_update"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& parameter = graph.input(op, 0).shape;
    std::vector<TensorType> types;
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      if (!(graph.value(op.inputs[i]).shape == parameter))
        throw std::logic_error(fmt::format("update of '{}': gradient or slot has another shape",
                                           graph.input(op, 0).name));
      if (i != 1) types.push_back({parameter});
    }
    return types;
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    const auto algorithm =
        static_cast<size_t>(optimizer_algorithm(op.attributes.text("optimizer")));
    return {.other_flops =
                kAlgorithms[algorithm].flops_per_element * graph.input(op, 0).shape.elements()};
  }

  // Output 0 is the parameter (input 0), output i the slot at input i + 1.
  std::vector<Alias> required_aliases(const Op& op) const override {
    std::vector<Alias> aliases{{0, 0}};
    for (int slot = 2; slot < static_cast<int>(op.inputs.size()); ++slot)
      aliases.push_back({slot, slot - 1});
    return aliases;
  }
};

}  // namespace

const OpKind& optimizer_update_kind() {
  static const OptimizerUpdate kind;
  return kind;
}

OptimizerAlgorithm optimizer_algorithm(std::string_view name) {
  for (size_t i = 0; i < kAlgorithms.size(); ++i)
    if (kAlgorithms[i].name == name) return static_cast<OptimizerAlgorithm>(i);
  throw std::logic_error(fmt::format("no optimizer algorithm '{}'", name));
}

std::vector<OptimizerSlot> optimizer_slots(const Attributes& attributes) {
  std::vector<OptimizerSlot> slots;
  switch (optimizer_algorithm(attributes.text("optimizer"))) {
    case OptimizerAlgorithm::kSgd:
      if (attributes.real("momentum") != 0) slots.push_back({"momentum", 0});
      break;
    case OptimizerAlgorithm::kRmsprop:
      slots.push_back({"velocity", 0});
      if (attributes.real("momentum") > 0) slots.push_back({"momentum", 0});
      if (attributes.integer("centered") != 0) slots.push_back({"average_gradient", 0});
      break;
    case OptimizerAlgorithm::kAdam:
      slots = {{"momentum", 0}, {"velocity", 0}};
      if (attributes.integer("amsgrad") != 0) slots.push_back({"velocity_hat", 0});
      break;
    case OptimizerAlgorithm::kAdadelta:
      slots = {{"accumulated_grad", 0}, {"accumulated_delta_var", 0}};
      break;
    case OptimizerAlgorithm::kAdagrad:
      slots = {{"accumulator", attributes.real("initial_accumulator_value")}};
      break;
  }
  return slots;
}

void optimizer_update(Builder& builder, ValueId parameter, ValueId gradient,
                      const std::vector<ValueId>& slots, Attributes attributes) {
  std::vector<ValueId> inputs{parameter, gradient};
  inputs.insert(inputs.end(), slots.begin(), slots.end());
  builder.add_op(optimizer_update_kind(), std::move(inputs), std::move(attributes));
}

}  // namespace pronghorn::graph
