#include "compiler/dropout_fusion.h"

#include <cstddef>

#include "compiler/uses.h"
#include "graph/op_kind.h"
#include "graph/ops/elementwise.h"

namespace pronghorn::compiler {

using graph::Graph;
using graph::Op;
using graph::StageFunction;
using graph::ValueId;

namespace {

// An elementwise op of this one stage.
bool is_single(const Op& op, StageFunction function) {
  return op.kind == &graph::elementwise_kind() && op.epilogue.size() == 1 &&
         op.epilogue[0].function == function;
}

}  // namespace

void read_signs_behind_dropout(Graph& graph) {
  const Uses uses = find_uses(graph);
  for (Op& gradient : graph.ops) {
    if (!is_single(gradient, StageFunction::kReluBackward) &&
        !is_single(gradient, StageFunction::kLeakyReluBackward))
      continue;
    const int writer = uses.writer[static_cast<size_t>(gradient.inputs[0])];
    if (writer == Uses::kNone) continue;
    Op& dropped = graph.ops[static_cast<size_t>(writer)];
    if (!is_single(dropped, StageFunction::kDropout)) continue;
    ValueId& activation = gradient.inputs[static_cast<size_t>(gradient.epilogue[0].operand)];
    for (const int reader : uses.readers[static_cast<size_t>(activation)]) {
      const Op& dropout = graph.ops[static_cast<size_t>(reader)];
      // The same numbers are drawn: those of the stage's stream.
      if (dropout.kind != &graph::elementwise_kind() || dropout.epilogue != dropped.epilogue ||
          dropout.inputs[0] != activation || &dropout == &dropped)
        continue;
      activation = dropout.outputs[0];
      // What was dropped is zero there, and relu's gradient is zero where that is: no need to draw
      // the numbers anew.
      if (is_single(gradient, StageFunction::kReluBackward) &&
          is_single(dropout, StageFunction::kDropout) &&
          uses.readers[static_cast<size_t>(dropped.outputs[0])].size() == 1) {
        const double rate = dropped.epilogue[0].alpha;
        dropped.epilogue[0] = {.function = StageFunction::kScale, .alpha = 1 / (1 - rate)};
      }
      break;
    }
  }
}

}  // namespace pronghorn::compiler
