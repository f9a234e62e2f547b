#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/attributes.h"
#include "graph/stage.h"

namespace pronghorn::graph {

class OpKind;

// A value's index in its graph.
using ValueId = int32_t;
inline constexpr ValueId kNoValue = -1;

// What part of a training step an op belongs to.
enum class Phase : uint8_t { kForward, kBackwardData, kBackwardWeights, kUpdate };
const char* to_string(Phase phase);

// One operation of a step. What it means (shapes, gradient, cost) its kind says.
struct Op {
  const OpKind* kind = nullptr;
  // The Keras layer that it came from; empty for what belongs to none (the loss).
  std::string layer;
  Phase phase = Phase::kForward;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  Attributes attributes;
  // Elementwise stages applied to outputs[0] before it is written; their operands are inputs of
  // this op. Of kind `elementwise` they are all that it does.
  std::vector<Stage> epilogue;
};

}  // namespace pronghorn::graph
