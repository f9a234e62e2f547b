#include "graph/builder.h"

#include <fmt/format.h>

#include "graph/op_kind.h"
#include "pronghorn/error.h"

namespace pronghorn::graph {

ValueId Builder::add_value(std::string name, Shape shape, ValueRole role) {
  Value value;
  value.name = std::move(name);
  value.shape = std::move(shape);
  value.role = role;
  graph_.values.push_back(std::move(value));
  return static_cast<ValueId>(graph_.values.size() - 1);
}

std::vector<ValueId> Builder::add_op(const OpKind& kind, std::vector<ValueId> inputs,
                                     Attributes attributes, std::vector<Stage> epilogue) {
  Op op;
  op.kind = &kind;
  op.layer = layer_;
  op.phase = phase_;
  op.inputs = std::move(inputs);
  op.attributes = std::move(attributes);
  op.epilogue = std::move(epilogue);
  std::vector<TensorType> types;
  try {
    types = kind.infer_outputs(graph_, op);
  } catch (const ShapeError& error) {
    if (layer_.empty()) throw;
    throw ShapeError(fmt::format("layer '{}': {}", layer_, error.what()));
  }
  for (TensorType& type : types) {
    const ValueId id = add_value(fmt::format("%{}", graph_.values.size()), std::move(type.shape),
                                 ValueRole::kTemporary);
    graph_.value(id).element = type.element;
    op.outputs.push_back(id);
  }
  graph_.ops.push_back(std::move(op));
  return graph_.ops.back().outputs;
}

}  // namespace pronghorn::graph
