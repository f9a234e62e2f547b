#pragma once

#include "graph/graph.h"
#include "kernels/kernel.h"
#include "pronghorn/machine.h"

namespace pronghorn::cost {

// How a kernel is timed: at least so many runs, and at least for so long, after one that warms up.
struct TimingEffort {
  int runs = 5;
  double seconds = 2e-3;
  // Where its operands are when it begins: L1 leaves them where the run before left them; L3 drives
  // them and the kernel's code out of the near caches, as the ops between two uses do in a step;
  // DRAM drives them out of all.
  MemoryLevel from = MemoryLevel::kL1;
};

// The median time of a run of one op by one implementation that accepts it, alone, on one thread,
// on data that are numbers between 0 and 1. The graph's layouts are those that arrive at the op.
double time_kernel(graph::Graph graph, size_t op, const kernels::Implementation& implementation,
                   TimingEffort effort);

}  // namespace pronghorn::cost
