#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "kernels/kernel.h"
#include "kernels/selection.h"
#include "kernels/sliced_kernel.h"
#include "platform/aligned_buffer.h"
#include "runtime/chain.h"

namespace pronghorn::runtime {

class Profile;

// Where a value lives.
struct Placement {
  // Bytes from the arena's begin, 64-byte aligned; -1 for a value outside of it (a weight, a slot).
  int64_t offset = -1;
  std::byte* data = nullptr;
};

// An op and the kernel that runs it. The kernel is none for views.
struct Instruction {
  size_t op;
  kernels::Selection selection;
  std::unique_ptr<kernels::Kernel> kernel;
};

// A compiled step: every op bound to its kernel, every value to its place. Running it allocates,
// looks up and decides nothing.
class Executable {
 public:
  Executable(graph::Graph graph, std::vector<Placement> placements,
             std::vector<Instruction> instructions, std::vector<Chain> chains,
             std::shared_ptr<AlignedBuffer> arena);

  void run(const kernels::RunContext& context) const;
  // The same, with the time of each op taken.
  void run(const kernels::RunContext& context, Profile& profile) const;

  const graph::Graph& graph() const { return graph_; }
  const std::vector<Instruction>& instructions() const { return instructions_; }
  // Of ops, in order; they cover all.
  const std::vector<Chain>& chains() const { return chains_; }
  // Of each op: which of the chains of several ops it is in, from 1; 0 where it runs alone.
  std::vector<int> chain_numbers() const;
  const Placement& placement(graph::ValueId id) const {
    return placements_[static_cast<size_t>(id)];
  }
  float* data(graph::ValueId id) const { return reinterpret_cast<float*>(placement(id).data); }
  size_t arena_bytes() const { return arena_->bytes(); }

 private:
  // A chain's kernels: one that runs alone, or several.
  struct Link {
    kernels::Kernel* alone = nullptr;
    std::vector<kernels::SlicedKernel*> sliced;
  };

  graph::Graph graph_;
  std::vector<Placement> placements_;
  std::vector<Instruction> instructions_;
  std::vector<Chain> chains_;
  std::vector<Link> links_;
  std::shared_ptr<AlignedBuffer> arena_;
};

// The op list as text (graph/printer.h), with each value's shape, its place and size in the arena,
// each op's kernel, and the number of its chain where it shares it with others.
std::string to_text(const Executable& executable);

}  // namespace pronghorn::runtime
