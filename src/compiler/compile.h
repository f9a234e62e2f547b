#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/chains.h"
#include "graph/graph.h"
#include "kernels/selection.h"
#include "runtime/executable.h"

namespace pronghorn::compiler {

// Memory outside of the arena that a value of role kParameter or kState is bound to.
struct ExternalValue {
  graph::ValueId value;
  float* data;
};

struct CompileOptions {
  int threads = 1;
  kernels::Policy policy = {};
  // Names of passes to leave out (pass_names()); for tests and for explaining.
  std::vector<std::string> disabled_passes = {};
  // From so many bytes on ops run slice by slice together (chains.h); for tests and benchmarks.
  int64_t least_chained_bytes = kLeastChainedBytes;
  // Called after each pass, and after "assign_layouts", with the graph that it left; for tests and
  // printing.
  std::function<void(std::string_view pass, const graph::Graph&)> after_pass = {};
};

// A step's ops after all passes, with the kernel that each will run: all of compile() that needs no
// memory.
struct OptimizedGraph {
  graph::Graph graph;
  // By op; none is chosen for views.
  std::vector<kernels::Selection> selections;
};
OptimizedGraph optimize(graph::Graph graph, const CompileOptions& options);

// Compiles a graph that training_step.h built. Values keep their ids. Throws Error where memory
// can't be had.
std::unique_ptr<runtime::Executable> compile(graph::Graph graph,
                                             const std::vector<ExternalValue>& external,
                                             const CompileOptions& options);

// The passes that compile() runs and that may be left out, in order.
std::vector<std::string_view> pass_names();

}  // namespace pronghorn::compiler
