#pragma once

#include <span>
#include <vector>

#include "compiler/compile.h"
#include "compiler/optimizer_state.h"
#include "graph/builder.h"
#include "model/model.h"

namespace pronghorn::compiler {

// What Keras's optimizers do in a step once gradients are there (keras/src/optimizers/
// base_optimizer.py, Keras 3.15), in its order: gradients are accumulated, the mean of them
// clipped; weights decay and are updated; their moving averages follow; constraints are applied.
// What isn't asked for adds no op.
struct WeightUpdates {
  OptimizerState& state;
  // Of a training that accumulates gradients: a step that adds to the sums and updates nothing.
  bool only_accumulate = false;
};

// Appends it for trainable weights, in the order of Model::weights(); gradients[i] is kNoValue
// where no loss depends on weights[i], which then keeps its value. The memory of what the optimizer
// remembers joins `external`.
void add_weight_updates(graph::Builder& builder,
                        std::span<const model::Model::Lowered::Bound> weights,
                        std::span<const graph::ValueId> gradients, const WeightUpdates& updates,
                        std::vector<ExternalValue>& external);

}  // namespace pronghorn::compiler
