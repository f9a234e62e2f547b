#include "graph/printer.h"

#include <fmt/format.h>

#include "graph/op_kind.h"

namespace pronghorn::graph {
namespace {

std::string join_names(const Graph& graph, const Op& op) {
  // Operands of the epilogue are named where the stage stands.
  std::vector<bool> of_epilogue(op.inputs.size());
  for (const Stage& stage : op.epilogue)
    if (stage.operand >= 0) of_epilogue[static_cast<size_t>(stage.operand)] = true;
  std::string text;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    if (of_epilogue[i]) continue;
    if (!text.empty()) text += ", ";
    text += graph.value(op.inputs[i]).name;
  }
  return text;
}

std::string stages(const Graph& graph, const Op& op) {
  std::string text;
  for (const Stage& stage : op.epilogue) {
    if (!text.empty()) text += ' ';
    text += stage_traits(stage.function).name;
    if (stage.operand >= 0)
      text += fmt::format("({})", graph.input(op, stage.operand).name);
    else if (stage.alpha != 0)
      text += fmt::format("({})", stage.alpha);
  }
  return text;
}

std::string outputs(const Graph& graph, const Op& op, const PrintNotes& notes) {
  std::string text;
  for (ValueId id : op.outputs) {
    const Value& value = graph.value(id);
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", value.name, value.shape.to_string());
    if (value.layout != Layout::kPlain && value.name.find(':') == std::string::npos)
      text += fmt::format(" {}", to_string(value.layout));
    if (notes.value) text += " " + notes.value(id);
  }
  return text;
}

}  // namespace

std::string to_text(const Graph& graph, const PrintNotes& notes) {
  std::string text;
  const Phase* phase = nullptr;
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    const Op& op = graph.ops[index];
    // Gradients to data and to weights alternate; both stand under one heading.
    const bool backward = op.phase == Phase::kBackwardData || op.phase == Phase::kBackwardWeights;
    const bool was_backward =
        phase != nullptr && (*phase == Phase::kBackwardData || *phase == Phase::kBackwardWeights);
    if (phase == nullptr || (op.phase != *phase && !(backward && was_backward)))
      text += fmt::format("{}:\n", backward ? "backward" : to_string(op.phase));
    phase = &op.phase;

    text += fmt::format("  {} = {}({})", outputs(graph, op, notes), op.kind->name(),
                        join_names(graph, op));
    if (const std::string attributes = op.attributes.to_string(); !attributes.empty())
      text += " " + attributes;
    if (!op.epilogue.empty()) text += " | " + stages(graph, op);
    if (notes.op) text += notes.op(index);
    text += '\n';
  }
  return text;
}

}  // namespace pronghorn::graph
