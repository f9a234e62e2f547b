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

}  // namespace pronghorn::compiler
