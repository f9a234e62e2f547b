#include "compiler/double_interpreter.h"

#include "graph/op_kind.h"
#include "kernels/candidates.h"
#include "kernels/reference/reference.h"

namespace pronghorn::compiler::testing {

DoubleInterpreter::DoubleInterpreter(const graph::Graph& graph) : graph_(graph) {
  for (size_t id = 0; id < graph.values.size(); ++id) storage_.push_back(id);
  for (const graph::Op& op : graph.ops)
    for (const graph::Alias& alias : op.kind->required_aliases(op))
      storage_[index(op.outputs[static_cast<size_t>(alias.output)])] =
          storage_[index(op.inputs[static_cast<size_t>(alias.input)])];
  for (const graph::Value& value : graph.values)
    memory_.emplace_back(static_cast<size_t>(value.shape.elements()));
}

void DoubleInterpreter::run(uint64_t seed, uint64_t step, bool forward_only) {
  for (const graph::Op& op : graph_.ops) {
    if (op.phase == graph::Phase::kUpdate || op.kind->is_view() ||
        (forward_only && op.phase != graph::Phase::kForward))
      continue;
    kernels::Buffers buffers;
    for (graph::ValueId input : op.inputs)
      buffers.inputs.push_back(reinterpret_cast<std::byte*>(values(input).data()));
    for (graph::ValueId output : op.outputs)
      buffers.outputs.push_back(reinterpret_cast<std::byte*>(values(output).data()));
    const auto& kernel = dynamic_cast<const kernels::reference::ReferenceImplementation&>(
        *kernels::candidates(*op.kind).back());
    kernel.run_in_double({graph_, op, 1}, buffers, {parallel_, seed, step, 0});
  }
}

}  // namespace pronghorn::compiler::testing
