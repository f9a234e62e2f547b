#pragma once

#include <vector>

#include "compiler/compile.h"
#include "compiler/optimizer_state.h"
#include "graph/graph.h"
#include "graph/ops/loss.h"
#include "model/model.h"

namespace pronghorn::compiler {

struct LossConfig {
  graph::LossFunction function = graph::LossFunction::kCategoricalCrossentropy;
  bool from_logits = false;
};

// One step of a model as a graph, and where its caller finds things in it.
struct StepGraph {
  graph::Graph graph;
  std::vector<graph::ValueId> inputs;
  std::vector<graph::ValueId> labels;
  // The model's outputs: predictions, or logits where the model ends in them.
  std::vector<graph::ValueId> outputs;
  // The mean of the loss over the batch, a scalar.
  graph::ValueId loss = graph::kNoValue;
  // Weights and optimizer slots, and the memory of model and state that they are bound to.
  std::vector<ExternalValue> external;
};

// Forward, loss, gradients and the optimizer's updates. `state` must outlive the compiled step, as
// the model must. Throws ShapeError where the loss doesn't suit the model's output.
StepGraph training_step(model::Model& model, const LossConfig& loss, OptimizerState& state,
                        int64_t batch);
// Forward as at inference, and the loss.
StepGraph evaluation_step(model::Model& model, const LossConfig& loss, int64_t batch);
// Forward as at inference.
StepGraph inference_step(model::Model& model, int64_t batch);

}  // namespace pronghorn::compiler
