#include "compiler/training_step.h"

#include <fmt/format.h>

#include "compiler/autodiff.h"
#include "compiler/fusion.h"
#include "compiler/pooling_fusion.h"
#include "graph/builder.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/sum_rows.h"
#include "pronghorn/error.h"

namespace pronghorn::compiler {

using graph::ValueId;
using graph::ValueRole;

namespace {

// The model's part of a step; what it returns of the lowered model is for the gradients.
model::Model::Lowered lower(model::Model& model, graph::Builder& builder, int64_t batch,
                            bool training, StepGraph& step) {
  builder.graph().batch = batch;
  model::Model::Lowered lowered = model.lower(builder, batch, training);
  step.inputs = lowered.inputs;
  step.outputs = lowered.outputs;
  for (ValueId output : step.outputs) {
    graph::Value& value = builder.graph().value(output);
    if (value.role == ValueRole::kTemporary) value.role = ValueRole::kOutput;
  }
  for (const auto& bound : lowered.weights)
    step.external.push_back({bound.value, bound.weight->values()});
  return lowered;
}

Shape labels_shape(const Shape& y_pred, graph::LossFunction function) {
  if (function != graph::LossFunction::kSparseCategoricalCrossentropy) return y_pred;
  return Shape(std::vector<int64_t>(y_pred.extents().begin(), y_pred.extents().end() - 1));
}

void add_loss(graph::Builder& builder, const LossConfig& config, StepGraph& step) {
  builder.set_layer("");
  builder.set_phase(graph::Phase::kForward);
  if (step.outputs.size() != 1)
    throw UnsupportedError(
        fmt::format("the model has {} outputs; training and evaluation take models with one",
                    step.outputs.size()));
  const ValueId y_pred = step.outputs[0];
  const Shape& shape = builder.graph().value(y_pred).shape;
  if (shape.rank() < 2)
    throw ShapeError(
        fmt::format("a loss needs an output with at least one axis beside the batch, "
                    "not {}",
                    shape.without_batch().to_string_any_batch()));
  const ValueId y_true =
      builder.add_value("y_true", labels_shape(shape, config.function), ValueRole::kInput);
  step.labels = {y_true};
  const ValueId losses = graph::loss(builder, y_pred, y_true, config.function, config.from_logits);
  step.loss = graph::mean(builder, losses);
  builder.graph().value(step.loss).role = ValueRole::kOutput;
  builder.graph().value(step.loss).name = "loss";
}

}  // namespace

StepGraph training_step(model::Model& model, const LossConfig& loss, OptimizerState& state,
                        int64_t batch) {
  StepGraph step;
  graph::Builder builder(step.graph);
  const model::Model::Lowered lowered = lower(model, builder, batch, /*training=*/true, step);
  // Read from files, but not yet trained with.
  for (const model::Layer* layer : model.layers()) {
    bool special = layer->activity_regularizer().has_value();
    for (const model::Weight& weight : layer->weights())
      special = special || weight.regularizer || weight.constraint;
    if (special)
      throw UnsupportedError(fmt::format(
          "{}: training with regularizers and constraints is not supported yet", layer->label()));
  }
  add_loss(builder, loss, step);
  // Before gradients are taken, so that they are those of the joint form.
  fuse_softmax_cross_entropy(step.graph);
  move_activations_behind_max_pooling(step.graph);

  std::vector<ValueId> trainable;
  for (const auto& bound : lowered.weights)
    if (bound.trainable) trainable.push_back(bound.value);
  const std::vector<ValueId> gradients = differentiate(builder, trainable);

  builder.set_phase(graph::Phase::kUpdate);
  for (size_t i = 0; i < trainable.size(); ++i) {
    // Keras updates only what a loss depends on.
    if (gradients[i] == graph::kNoValue) continue;
    const graph::Value parameter = step.graph.value(trainable[i]);
    builder.set_layer(parameter.name.substr(0, parameter.name.find('/')));
    std::vector<ValueId> slots;
    for (OptimizerState::Slot& slot : state.slots(i)) {
      slots.push_back(
          builder.add_value(parameter.name + "/" + slot.name, parameter.shape, ValueRole::kState));
      step.external.push_back({slots.back(), slot.buffer.floats()});
    }
    graph::optimizer_update(builder, trainable[i], gradients[i], slots, state.attributes());
  }
  step.graph.verify();
  return step;
}

StepGraph evaluation_step(model::Model& model, const LossConfig& loss, int64_t batch) {
  StepGraph step;
  graph::Builder builder(step.graph);
  lower(model, builder, batch, /*training=*/false, step);
  add_loss(builder, loss, step);
  fuse_softmax_cross_entropy(step.graph);
  move_activations_behind_max_pooling(step.graph);
  step.graph.verify();
  return step;
}

StepGraph inference_step(model::Model& model, int64_t batch) {
  StepGraph step;
  graph::Builder builder(step.graph);
  lower(model, builder, batch, /*training=*/false, step);
  move_activations_behind_max_pooling(step.graph);
  step.graph.verify();
  return step;
}

}  // namespace pronghorn::compiler
