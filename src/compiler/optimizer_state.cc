#include "compiler/optimizer_state.h"

#include <algorithm>

#include "graph/ops/optimizer_update.h"

namespace pronghorn::compiler {

graph::Attributes update_attributes(const Optimizer& optimizer) {
  // AdamW is Adam with decoupled weight decay, which all updates know.
  graph::Attributes attributes{
      {"optimizer", optimizer.name == "adamw" ? std::string("adam") : optimizer.name}};
  const auto flag = [](bool value) { return int64_t{value}; };
  switch (graph::optimizer_algorithm(attributes.text("optimizer"))) {
    case graph::OptimizerAlgorithm::kSgd:
      attributes.set("momentum", optimizer.momentum);
      attributes.set("nesterov", flag(optimizer.nesterov));
      break;
    case graph::OptimizerAlgorithm::kRmsprop:
      attributes.set("rho", optimizer.rho);
      attributes.set("momentum", optimizer.momentum);
      attributes.set("epsilon", optimizer.epsilon);
      attributes.set("centered", flag(optimizer.centered));
      attributes.set("epsilon_outside", flag(optimizer.epsilon_outside_root));
      break;
    case graph::OptimizerAlgorithm::kAdam:
      attributes.set("beta_1", optimizer.beta_1);
      attributes.set("beta_2", optimizer.beta_2);
      attributes.set("epsilon", optimizer.epsilon);
      attributes.set("amsgrad", flag(optimizer.amsgrad));
      break;
    case graph::OptimizerAlgorithm::kAdadelta:
      attributes.set("rho", optimizer.rho);
      attributes.set("epsilon", optimizer.epsilon);
      break;
    case graph::OptimizerAlgorithm::kAdagrad:
      attributes.set("epsilon", optimizer.epsilon);
      attributes.set("initial_accumulator_value", optimizer.initial_accumulator_value);
      break;
  }
  attributes.set("weight_decay", optimizer.weight_decay);
  return attributes;
}

OptimizerState::OptimizerState(model::Model& model, const Optimizer& optimizer)
    : attributes_(update_attributes(optimizer)) {
  const std::vector<graph::OptimizerSlot> kinds = graph::optimizer_slots(attributes_);
  for (const model::Model::NamedWeight& weight : model.weights()) {
    if (!weight.weight->trainable || !weight.layer->trainable()) continue;
    const auto elements = static_cast<size_t>(weight.weight->shape.elements());
    std::vector<Slot> slots;
    for (const graph::OptimizerSlot& kind : kinds) {
      slots.push_back(
          {std::string(kind.name), weight.weight->shape, AlignedBuffer(elements * sizeof(float))});
      std::fill_n(slots.back().buffer.floats(), elements, static_cast<float>(kind.initial_value));
    }
    slots_.push_back(std::move(slots));
  }
}

// Keras (keras/src/optimizers/, build()) makes the slots weight by weight, but RMSprop each kind
// for all weights, and so Adam the one that amsgrad adds.
std::vector<OptimizerState::Slot*> OptimizerState::in_keras_order() {
  const bool by_kind = graph::optimizer_algorithm(attributes_.text("optimizer")) ==
                       graph::OptimizerAlgorithm::kRmsprop;
  const auto last = [](const Slot& slot) { return slot.name == "velocity_hat"; };
  std::vector<Slot*> order;
  if (by_kind) {
    for (size_t kind = 0; !slots_.empty() && kind < slots_[0].size(); ++kind)
      for (std::vector<Slot>& slots : slots_) order.push_back(&slots[kind]);
    return order;
  }
  for (const bool lasts : {false, true})
    for (std::vector<Slot>& slots : slots_)
      for (Slot& slot : slots)
        if (last(slot) == lasts) order.push_back(&slot);
  return order;
}

}  // namespace pronghorn::compiler
