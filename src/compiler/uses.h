#pragma once

#include <vector>

#include "graph/graph.h"

namespace pronghorn::compiler {

// Who writes and who reads each value: indices into the graph's ops. Good until the ops change.
struct Uses {
  static constexpr int kNone = -1;
  // kNone for inputs, parameters and state.
  std::vector<int> writer;
  // An op that reads a value twice stands here twice.
  std::vector<std::vector<int>> readers;
};
Uses find_uses(const graph::Graph& graph);

// The op that writes a value which one op reads and nobody else, the caller included; kNone where
// the value is another one. What stands between the two then need not be.
int writer_for_one_reader(const graph::Graph& graph, const Uses& uses, graph::ValueId value);

}  // namespace pronghorn::compiler
