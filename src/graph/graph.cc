#include "graph/graph.h"

#include <fmt/format.h>

#include <stdexcept>

#include "graph/op_kind.h"

namespace pronghorn::graph {

const char* to_string(Phase phase) {
  switch (phase) {
    case Phase::kForward:
      return "forward";
    case Phase::kBackwardData:
      return "backward to data";
    case Phase::kBackwardWeights:
      return "backward to weights";
    case Phase::kUpdate:
      return "update";
  }
  return "";
}

int64_t bytes_of(ElementType type) { return type == ElementType::kUint8 ? 1 : 4; }

const char* to_string(Layout layout) {
  switch (layout) {
    case Layout::kPlain:
      return "plain";
    case Layout::kBlocked8:
      return "nChw8c";
    case Layout::kBlocked16:
      return "nChw16c";
  }
  return "";
}

ValueId Graph::find(std::string_view name) const {
  for (size_t id = 0; id < values.size(); ++id)
    if (values[id].name == name) return static_cast<ValueId>(id);
  throw std::logic_error(fmt::format("the graph has no value '{}'", name));
}

void Graph::verify() const {
  std::vector<bool> written(values.size());
  for (size_t id = 0; id < values.size(); ++id) {
    const ValueRole role = values[id].role;
    written[id] = role != ValueRole::kTemporary && role != ValueRole::kOutput;
  }
  for (size_t index = 0; index < ops.size(); ++index) {
    const Op& op = ops[index];
    const auto fail = [&](const std::string& fault) {
      throw std::logic_error(
          fmt::format("op {} ({}, layer '{}'): {}", index, op.kind->name(), op.layer, fault));
    };
    for (ValueId input : op.inputs) {
      if (input < 0 || static_cast<size_t>(input) >= values.size()) fail("an input does not exist");
      if (!written[static_cast<size_t>(input)])
        fail(fmt::format("reads '{}' before it is written", value(input).name));
    }
    for (const Stage& stage : op.epilogue) {
      if (stage_traits(stage.function).has_operand &&
          (stage.operand < 0 || static_cast<size_t>(stage.operand) >= op.inputs.size()))
        fail("a stage's operand is no input of the op");
    }
    const std::vector<TensorType> types = op.kind->infer_outputs(*this, op);
    if (types.size() != op.outputs.size()) fail("has another number of outputs than its kind");
    for (size_t i = 0; i < types.size(); ++i) {
      const ValueId output = op.outputs[i];
      if (written[static_cast<size_t>(output)])
        fail(fmt::format("writes '{}', which is written already", value(output).name));
      written[static_cast<size_t>(output)] = true;
      if (!(types[i].shape == value(output).shape) || types[i].element != value(output).element)
        fail(fmt::format("output '{}' has shape {}, its kind infers {}", value(output).name,
                         value(output).shape.to_string(), types[i].shape.to_string()));
    }
  }
  for (const Value& value : values) {
    if (value.role == ValueRole::kOutput && !written[static_cast<size_t>(&value - values.data())])
      throw std::logic_error(fmt::format("output '{}' is never written", value.name));
  }
}

std::vector<ValueId> OpKind::gradient(Builder&, const Op& op, std::span<const ValueId>,
                                      const std::vector<bool>&) const {
  throw std::logic_error(fmt::format("op {} of layer '{}' has no gradient", name(), op.layer));
}

Cost cost(const Graph& graph, const Op& op) {
  Cost total = op.kind->arithmetic(graph, op);
  if (op.kind->is_view()) return total;
  const int64_t elements = op.outputs.empty() ? 0 : graph.output(op, 0).shape.elements();
  for (const Stage& stage : op.epilogue)
    total.other_flops += elements * stage_traits(stage.function).flops;
  for (ValueId input : op.inputs) total.bytes_read += graph.value(input).bytes();
  for (ValueId output : op.outputs) total.bytes_written += graph.value(output).bytes();
  return total;
}

}  // namespace pronghorn::graph
