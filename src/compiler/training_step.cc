#include "compiler/training_step.h"

#include <fmt/format.h>

#include "compiler/autodiff.h"
#include "compiler/fusion.h"
#include "compiler/pooling_fusion.h"
#include "compiler/weight_updates.h"
#include "graph/builder.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/sum_of_powers.h"
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

// A scalar as what the caller reads.
void show(graph::Builder& builder, ValueId scalar, std::string name) {
  graph::Value& value = builder.graph().value(scalar);
  value.role = ValueRole::kOutput;
  value.name = std::move(name);
}

ValueId scaled(graph::Builder& builder, ValueId value, double factor) {
  if (factor == 1) return value;
  return graph::elementwise(builder, value, {graph::StageFunction::kScale, -1, factor});
}

void add_output_loss(graph::Builder& builder, const OutputLoss& loss, size_t output, bool weighted,
                     const std::string& prefix, StepGraph& step) {
  const ValueId y_pred = step.outputs[output];
  const Shape shape = builder.graph().value(y_pred).shape;
  if (shape.rank() < 2)
    throw ShapeError(
        fmt::format("a loss needs an output with at least one axis beside the batch, "
                    "not {}",
                    shape.without_batch().to_string_any_batch()));
  const Shape rows = graph::loss_shape(*loss.formula, shape);
  const ValueId y_true = builder.add_value(
      prefix + "y_true", graph::label_shape(*loss.formula, shape), ValueRole::kInput);
  step.labels[output] = y_true;
  if (weighted)
    step.sample_weights[output] =
        builder.add_value(prefix + "sample_weight", rows, ValueRole::kInput);
  const double count = loss.sum ? static_cast<double>(rows.elements()) : 1;
  const ValueId losses = graph::loss(builder, y_pred, y_true, *loss.formula,
                                     step.sample_weights[output], loss.weight * count);
  step.losses[output] = scaled(builder, graph::mean(builder, losses), count);
}

// The losses of the outputs and their weighted sum.
void add_loss(graph::Builder& builder, const model::Model& model, const LossConfig& config,
              StepGraph& step) {
  builder.set_layer("");
  builder.set_phase(graph::Phase::kForward);
  const size_t outputs = step.outputs.size();
  if (config.outputs.size() != outputs)
    throw ArgumentError(fmt::format("the model has {} outputs, but losses for {} were given",
                                    outputs, config.outputs.size()));
  for (auto* values : {&step.labels, &step.sample_weights, &step.losses})
    values->assign(outputs, graph::kNoValue);
  for (size_t i = 0; i < outputs; ++i) {
    if (!config.outputs[i].formula) continue;
    const std::string prefix =
        outputs == 1 ? "" : model.nodes[static_cast<size_t>(model.outputs[i])].layer->name() + "/";
    add_output_loss(builder, config.outputs[i], i, config.weighted, prefix, step);
    const ValueId part = scaled(builder, step.losses[i], config.outputs[i].weight);
    step.loss = step.loss == graph::kNoValue ? part : graph::add(builder, step.loss, part);
    if (outputs > 1) show(builder, step.losses[i], prefix + "loss");
  }
  if (step.loss == graph::kNoValue)
    throw ArgumentError("none of the model's outputs has a loss; training needs one");
  for (const ValueId loss : step.losses)
    if (loss != graph::kNoValue) builder.graph().value(loss).role = ValueRole::kOutput;
  show(builder, step.loss, "loss");
}

// The penalties of regularizers join the loss that is reported.
void add_penalties(graph::Builder& builder, const model::Model::Lowered& lowered, StepGraph& step) {
  builder.set_phase(graph::Phase::kForward);
  std::vector<ValueId> penalties = lowered.penalties;
  for (const auto& bound : lowered.weights) {
    const auto& regularizer = bound.weight->regularizer;
    if (!bound.trainable || !regularizer) continue;
    builder.set_layer(bound.layer);
    penalties.push_back(
        graph::sum_of_powers(builder, bound.value, regularizer->l1, regularizer->l2));
  }
  builder.set_layer("");
  for (const ValueId penalty : penalties) {
    builder.graph().value(step.loss).role = ValueRole::kTemporary;
    step.loss = graph::add(builder, step.loss, penalty);
    builder.graph().value(step.loss).role = ValueRole::kOutput;
    builder.graph().value(step.loss).name = "loss";
  }
}

}  // namespace

LossConfig::LossConfig(graph::LossFunction function, bool from_logits) : outputs(1) {
  outputs[0].formula.emplace();
  outputs[0].formula->function = function;
  outputs[0].formula->from_logits = from_logits;
}

StepGraph training_step(model::Model& model, const LossConfig& loss, OptimizerState& state,
                        int64_t batch, bool only_accumulate) {
  StepGraph step;
  graph::Builder builder(step.graph);
  const model::Model::Lowered lowered = lower(model, builder, batch, /*training=*/true, step);
  add_loss(builder, model, loss, step);
  add_penalties(builder, lowered, step);
  // Before gradients are taken, so that they are those of the joint form.
  fuse_softmax_cross_entropy(step.graph);
  move_activations_behind_max_pooling(step.graph);

  std::vector<ValueId> trainable;
  std::vector<model::Model::Lowered::Bound> weights;
  for (const auto& bound : lowered.weights) {
    if (!bound.trainable) continue;
    trainable.push_back(bound.value);
    weights.push_back(bound);
  }
  const std::vector<ValueId> gradients = differentiate(builder, trainable);

  add_weight_updates(builder, weights, gradients, {state, only_accumulate}, step.external);
  step.graph.verify();
  return step;
}

StepGraph evaluation_step(model::Model& model, const LossConfig& loss, int64_t batch) {
  StepGraph step;
  graph::Builder builder(step.graph);
  const model::Model::Lowered lowered = lower(model, builder, batch, /*training=*/false, step);
  add_loss(builder, model, loss, step);
  add_penalties(builder, lowered, step);
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
