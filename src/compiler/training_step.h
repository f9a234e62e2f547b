#pragma once

#include <optional>
#include <vector>

#include "compiler/compile.h"
#include "compiler/optimizer_state.h"
#include "graph/graph.h"
#include "graph/ops/loss.h"
#include "model/model.h"

namespace pronghorn::compiler {

// The loss of one of a model's outputs.
struct OutputLoss {
  // None: the output has no loss, and takes no labels.
  std::optional<graph::LossFormula> formula;
  // What it counts in the step's loss.
  double weight = 1;
  // The sum over the rows instead of their mean.
  bool sum = false;
};

struct LossConfig {
  // Of a model with one output.
  LossConfig(graph::LossFunction function = graph::LossFunction::kCategoricalCrossentropy,
             bool from_logits = false);

  // In the order of the model's outputs.
  std::vector<OutputLoss> outputs;
  // Each loss takes a weight for each of its rows.
  bool weighted = false;
};

// One step of a model as a graph, and where its caller finds things in it.
struct StepGraph {
  graph::Graph graph;
  std::vector<graph::ValueId> inputs;
  // The model's outputs: predictions, or logits where the model ends in them.
  std::vector<graph::ValueId> outputs;
  // By output, kNoValue where it has none: labels, the weights of its rows, and its loss, the mean
  // or the sum over the rows, a scalar.
  std::vector<graph::ValueId> labels;
  std::vector<graph::ValueId> sample_weights;
  std::vector<graph::ValueId> losses;
  // The sum of the losses times their weights, a scalar.
  graph::ValueId loss = graph::kNoValue;
  // Weights and optimizer slots, and the memory of model and state that they are bound to.
  std::vector<ExternalValue> external;
};

// Forward, loss, gradients and the optimizer's updates, or, with `only_accumulate`, a step between
// two updates of an optimizer that accumulates gradients. `state` must outlive the compiled step,
// as the model must. Throws ShapeError where the loss doesn't suit the model's output.
StepGraph training_step(model::Model& model, const LossConfig& loss, OptimizerState& state,
                        int64_t batch, bool only_accumulate = false);
// Forward as at inference, and the loss.
StepGraph evaluation_step(model::Model& model, const LossConfig& loss, int64_t batch);
// Forward as at inference.
StepGraph inference_step(model::Model& model, int64_t batch);

}  // namespace pronghorn::compiler
