#include "graph/ops/optimizer_update.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "graph/ops/adafactor_update.h"

namespace pronghorn::graph {
namespace {

struct Algorithm {
  std::string_view name;
  int flops_per_element;
};
// In the order of OptimizerAlgorithm; square root and division count as one flop each.
constexpr std::array<Algorithm, 10> kAlgorithms = {{{"sgd", 2},
                                                    {"rmsprop", 8},
                                                    {"adam", 11},
                                                    {"adadelta", 14},
                                                    {"adagrad", 6},
                                                    {"adamax", 9},
                                                    {"nadam", 15},
                                                    {"ftrl", 16},
                                                    {"lion", 8},
                                                    {"adafactor", 12}}};

class OptimizerUpdate final : public OpKind {
 public:
  std::string_view name() const override { return "optimizer_update"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& parameter = graph.input(op, 0).shape;
    std::vector<TensorType> types;
    const size_t tensors = op.inputs.size() - is_scaled(op);
    for (size_t i = 0; i < tensors; ++i) {
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
    return {.other_flops = (kAlgorithms[algorithm].flops_per_element + is_scaled(op)) *
                           graph.input(op, 0).shape.elements()};
  }

  // Output 0 is the parameter (input 0), output i the slot at input i + 1.
  std::vector<Alias> required_aliases(const Op& op) const override {
    std::vector<Alias> aliases{{0, 0}};
    const int end = static_cast<int>(op.inputs.size()) - is_scaled(op);
    for (int slot = 2; slot < end; ++slot) aliases.push_back({slot, slot - 1});
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

int64_t update_number(const Attributes& attributes, uint64_t step) {
  const int64_t steps =
      attributes.has("accumulation_steps") ? attributes.integer("accumulation_steps") : 1;
  return static_cast<int64_t>(step) / steps + 1;
}

namespace {

// mu(t), whose decay is Keras's constant.
double nadam_momentum(double beta_1, int64_t t) {
  return beta_1 * (1 - 0.5 * std::pow(0.96, static_cast<double>(t)));
}

}  // namespace

double nadam_product(double beta_1, int64_t t) {
  // .96^t is lost beside 1 from here on, and the factors are beta_1.
  constexpr int64_t kSettled = 1000;
  double product = 1;
  for (int64_t i = 1; i <= std::min(t, kSettled); ++i) product *= nadam_momentum(beta_1, i);
  if (t > kSettled) product *= std::pow(beta_1, static_cast<double>(t - kSettled));
  return product;
}

NadamFactors nadam_factors(double beta_1, double beta_2, int64_t t) {
  const double now = nadam_momentum(beta_1, t), next = nadam_momentum(beta_1, t + 1);
  const double product = nadam_product(beta_1, t);
  return {next / (1 - product * next), (1 - now) / (1 - product),
          1 / (1 - std::pow(beta_2, static_cast<double>(t)))};
}

bool is_scaled(const Op& op) {
  return op.attributes.has("scaled") && op.attributes.integer("scaled") != 0;
}

std::vector<OptimizerSlot> optimizer_slots(const Attributes& attributes, const Shape& parameter) {
  std::vector<OptimizerSlot> slots;
  switch (optimizer_algorithm(attributes.text("optimizer"))) {
    case OptimizerAlgorithm::kSgd:
      if (attributes.real("momentum") != 0) slots.push_back({"momentum", 0, {}});
      break;
    case OptimizerAlgorithm::kRmsprop:
      slots.push_back({"velocity", 0, {}});
      if (attributes.real("momentum") > 0) slots.push_back({"momentum", 0, {}});
      if (attributes.integer("centered") != 0) slots.push_back({"average_gradient", 0, {}});
      break;
    case OptimizerAlgorithm::kAdam:
      slots = {{"momentum", 0, {}}, {"velocity", 0, {}}};
      if (attributes.integer("amsgrad") != 0) slots.push_back({"velocity_hat", 0, {}});
      break;
    case OptimizerAlgorithm::kAdadelta:
      slots = {{"accumulated_grad", 0, {}}, {"accumulated_delta_var", 0, {}}};
      break;
    case OptimizerAlgorithm::kAdagrad:
      slots = {{"accumulator", attributes.real("initial_accumulator_value"), {}}};
      break;
    case OptimizerAlgorithm::kAdamax:
      slots = {{"momentum", 0, {}}, {"norm", 0, {}}};
      break;
    case OptimizerAlgorithm::kNadam:
      slots = {{"momentum", 0, {}}, {"velocity", 0, {}}};
      break;
    case OptimizerAlgorithm::kFtrl:
      slots = {{"accumulator", attributes.real("initial_accumulator_value"), {}},
               {"linear", 0, {}}};
      break;
    case OptimizerAlgorithm::kLion:
      slots = {{"momentum", 0, {}}};
      break;
    case OptimizerAlgorithm::kAdafactor:
      return adafactor_slots(parameter);
  }
  for (OptimizerSlot& slot : slots) slot.shape = parameter;
  return slots;
}

ValueId optimizer_update(Builder& builder, ValueId parameter, ValueId gradient,
                         const std::vector<ValueId>& slots, Attributes attributes, ValueId scale) {
  std::vector<ValueId> inputs{parameter, gradient};
  inputs.insert(inputs.end(), slots.begin(), slots.end());
  if (scale != kNoValue) {
    attributes.set("scaled", int64_t{1});
    inputs.push_back(scale);
  }
  const bool factored =
      optimizer_algorithm(attributes.text("optimizer")) == OptimizerAlgorithm::kAdafactor;
  return builder.add_op(factored ? adafactor_update_kind() : optimizer_update_kind(),
                        std::move(inputs), std::move(attributes))[0];
}

}  // namespace pronghorn::graph
