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
    case graph::OptimizerAlgorithm::kAdamax:
    case graph::OptimizerAlgorithm::kNadam:
      attributes.set("beta_1", optimizer.beta_1);
      attributes.set("beta_2", optimizer.beta_2);
      attributes.set("epsilon", optimizer.epsilon);
      break;
    case graph::OptimizerAlgorithm::kFtrl:
      attributes.set("learning_rate_power", optimizer.learning_rate_power);
      attributes.set("initial_accumulator_value", optimizer.initial_accumulator_value);
      attributes.set("l1", optimizer.l1_regularization_strength);
      attributes.set("l2", optimizer.l2_regularization_strength);
      attributes.set("l2_shrinkage", optimizer.l2_shrinkage_regularization_strength);
      attributes.set("beta", optimizer.beta);
      break;
    case graph::OptimizerAlgorithm::kLion:
      attributes.set("beta_1", optimizer.beta_1);
      attributes.set("beta_2", optimizer.beta_2);
      break;
    case graph::OptimizerAlgorithm::kAdafactor:
      attributes.set("beta_2_decay", optimizer.beta_2_decay);
      attributes.set("epsilon_1", optimizer.epsilon_1);
      attributes.set("epsilon_2", optimizer.epsilon_2);
      attributes.set("clip_threshold", optimizer.clip_threshold);
      break;
  }
  attributes.set("weight_decay", optimizer.weight_decay);
  if (optimizer.gradient_accumulation_steps > 1)
    attributes.set("accumulation_steps", optimizer.gradient_accumulation_steps);
  return attributes;
}

namespace {

bool is_trainable(const model::Model::NamedWeight& weight) {
  return weight.weight->trainable && weight.layer->trainable();
}

AlignedBuffer zeros(const Shape& shape) {
  const auto elements = static_cast<size_t>(shape.elements());
  AlignedBuffer buffer(elements * sizeof(float));
  std::fill_n(buffer.floats(), elements, 0.0f);
  return buffer;
}

}  // namespace

OptimizerState::OptimizerState(model::Model& model, const Optimizer& optimizer)
    : optimizer_(optimizer), attributes_(update_attributes(optimizer)) {
  for (const model::Model::NamedWeight& weight : model.weights()) {
    if (!is_trainable(weight)) continue;
    const Shape& shape = weight.weight->shape;
    shapes_.push_back(shape);
    if (optimizer.use_ema) averages_.push_back(zeros(shape));
    if (optimizer.gradient_accumulation_steps > 1) accumulators_.push_back(zeros(shape));
    std::vector<Slot> slots;
    for (const graph::OptimizerSlot& kind : graph::optimizer_slots(attributes_, shape)) {
      const auto elements = static_cast<size_t>(kind.shape.elements());
      slots.push_back(
          {std::string(kind.name), kind.shape, AlignedBuffer(elements * sizeof(float))});
      std::fill_n(slots.back().buffer.floats(), elements, static_cast<float>(kind.initial_value));
    }
    slots_.push_back(std::move(slots));
  }
}

// Keras (keras/src/optimizers/, build()) makes the slots weight by weight, but RMSprop each kind
// for all weights, and so Adam the one that amsgrad adds.
std::vector<OptimizerState::Slot*> OptimizerState::slots_in_keras_order() {
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

std::vector<OptimizerState::Variable> OptimizerState::variables(uint64_t steps) {
  std::vector<Variable> variables;
  for (const auto& [name, buffers] :
       {std::pair("average", &averages_), std::pair("gradient_accumulator", &accumulators_)})
    for (size_t i = 0; i < buffers->size(); ++i)
      variables.push_back({name, shapes_[i], (*buffers)[i].floats()});
  for (Slot* slot : slots_in_keras_order())
    variables.push_back({slot->name, slot->shape, slot->buffer.floats()});
  if (attributes_.text("optimizer") == "nadam")
    variables.push_back({"u_product",
                         {},
                         nullptr,
                         static_cast<float>(graph::nadam_product(attributes_.real("beta_1"),
                                                                 static_cast<int64_t>(steps)))});
  return variables;
}

int64_t OptimizerState::bytes() const {
  int64_t bytes = 0;
  for (const std::vector<AlignedBuffer>* buffers : {&averages_, &accumulators_})
    for (const AlignedBuffer& buffer : *buffers) bytes += static_cast<int64_t>(buffer.bytes());
  for (const std::vector<Slot>& slots : slots_)
    for (const Slot& slot : slots) bytes += static_cast<int64_t>(slot.buffer.bytes());
  return bytes;
}

void OptimizerState::take_averages(model::Model& model) {
  if (!optimizer_.use_ema) return;
  size_t number = 0;
  for (const model::Model::NamedWeight& weight : model.weights()) {
    if (!is_trainable(weight)) continue;
    std::copy_n(averages_[number++].floats(), weight.weight->shape.elements(),
                weight.weight->values());
  }
}

}  // namespace pronghorn::compiler
