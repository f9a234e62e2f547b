#pragma once

#include <functional>
#include <string>

#include "graph/graph.h"

namespace pronghorn::graph {

// What to say of an op beside what the graph knows; both may be empty functions.
struct PrintNotes {
  // Behind each value that an op writes: its place in memory.
  std::function<std::string(ValueId)> value;
  // At the end of the op's line: its kernel.
  std::function<std::string(size_t op)> op;
};

// One op a line, in order:
//   %7 (128, 512) = matmul(x, dense/kernel) transpose_a=0, ... | bias_add(dense/bias) relu
// with a heading line before the ops of each phase. Tests compare this text.
std::string to_text(const Graph& graph, const PrintNotes& notes = {});

}  // namespace pronghorn::graph
