#pragma once

#include <memory>
#include <vector>

#include "graph/graph.h"
#include "kernels/kernel.h"
#include "platform/aligned_buffer.h"
#include "platform/cpu_info.h"
#include "platform/parallel.h"
#include "pronghorn/machine.h"

namespace pronghorn::cost {

// Times one op as one implementation that accepts it runs it: alone, on one thread, on data that
// are numbers between 0 and 1, and sparse where a step's are.
class TimedKernel {
 public:
  // The graph's layouts are those that arrive at the op.
  TimedKernel(graph::Graph graph, size_t op, const kernels::Implementation& implementation);

  // The lower quartile of at least so many runs that take at least so many seconds. `from` says
  // where the op's operands are when a run begins: L1 leaves them where the run before left them;
  // L2 and L3 drive them and the kernel's code out of the nearer caches, as the ops between two
  // uses do in a step; DRAM drives them out of all.
  double typical_seconds(MemoryLevel from, int runs, double seconds);

 private:
  void run();
  void evict(MemoryLevel from);

  graph::Graph graph_;
  const CpuInfo cpu_info_ = cpu_info();
  std::vector<AlignedBuffer> operands_;
  AlignedBuffer workspace_;
  AlignedBuffer other_;  // what drives operands out
  std::unique_ptr<kernels::Kernel> kernel_;
  Parallel parallel_{1};
};

}  // namespace pronghorn::cost
