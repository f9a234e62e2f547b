#include "compiler/uses.h"

namespace pronghorn::compiler {

Uses find_uses(const graph::Graph& graph) {
  Uses uses;
  uses.writer.assign(graph.values.size(), Uses::kNone);
  uses.readers.resize(graph.values.size());
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    for (graph::ValueId input : graph.ops[index].inputs)
      uses.readers[static_cast<size_t>(input)].push_back(static_cast<int>(index));
    for (graph::ValueId output : graph.ops[index].outputs)
      uses.writer[static_cast<size_t>(output)] = static_cast<int>(index);
  }
  return uses;
}

int writer_for_one_reader(const graph::Graph& graph, const Uses& uses, graph::ValueId value) {
  const auto at = static_cast<size_t>(value);
  const bool between_two =
      uses.readers[at].size() == 1 && graph.value(value).role == graph::ValueRole::kTemporary;
  return between_two ? uses.writer[at] : Uses::kNone;
}

}  // namespace pronghorn::compiler
