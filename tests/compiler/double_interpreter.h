#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "platform/parallel.h"

namespace pronghorn::compiler::testing {

// Runs a graph as it stands, op by op, by the reference kernels' loops in double precision: no
// fusion, no memory plan, no float. What a compiled step is compared with.
class DoubleInterpreter {
 public:
  explicit DoubleInterpreter(const graph::Graph& graph);

  // A value's elements, to be set for inputs, parameters and state.
  std::vector<double>& values(graph::ValueId id) { return memory_[storage_[index(id)]]; }

  // Runs the ops of all phases but kUpdate, or only those of the forward phase.
  void run(uint64_t seed, uint64_t step, bool forward_only);

 private:
  static size_t index(graph::ValueId id) { return static_cast<size_t>(id); }

  const graph::Graph& graph_;
  // By value; an output that must share an input's memory has that one's storage.
  std::vector<size_t> storage_;
  std::vector<std::vector<double>> memory_;
  Parallel parallel_{1};
};

}  // namespace pronghorn::compiler::testing
