#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.h"
#include "pronghorn/machine.h"

namespace pronghorn::cost {

// In which level of memory each op of a step finds its inputs and the places of its outputs, when
// steps follow each other: the smallest level that holds everything that was touched since the last
// use of the same memory (the reuse distance; Mattson et al., IBM Systems Journal 1970).
struct OpResidence {
  std::vector<MemoryLevel> inputs;
  std::vector<MemoryLevel> outputs;
};

// streams[op]: the op's outputs go to DRAM at once. storage[id]: the value whose memory a value has
// (compiler/memory_planner.h). `threads` share the work, so that each one's caches hold its part.
std::vector<OpResidence> residence(const graph::Graph& graph,
                                   const std::vector<graph::ValueId>& storage,
                                   const std::vector<bool>& streams, const Machine& machine,
                                   int threads);

}  // namespace pronghorn::cost
