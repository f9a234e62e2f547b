#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "kernels/kernel.h"
#include "kernels/selection.h"
#include "platform/aligned_buffer.h"

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
             std::vector<Instruction> instructions, std::shared_ptr<AlignedBuffer> arena)
      : graph_(std::move(graph)),
        placements_(std::move(placements)),
        instructions_(std::move(instructions)),
        arena_(std::move(arena)) {}

  void run(const kernels::RunContext& context) const {
    for (const Instruction& instruction : instructions_)
      if (instruction.kernel) instruction.kernel->run(context);
  }
  // The same, with a stamp taken between ops.
  void run(const kernels::RunContext& context, Profile& profile) const;

  const graph::Graph& graph() const { return graph_; }
  const std::vector<Instruction>& instructions() const { return instructions_; }
  const Placement& placement(graph::ValueId id) const {
    return placements_[static_cast<size_t>(id)];
  }
  float* data(graph::ValueId id) const { return reinterpret_cast<float*>(placement(id).data); }
  size_t arena_bytes() const { return arena_->bytes(); }

 private:
  graph::Graph graph_;
  std::vector<Placement> placements_;
  std::vector<Instruction> instructions_;
  std::shared_ptr<AlignedBuffer> arena_;
};

// The op list as text (graph/printer.h), with each value's shape, its place and size in the arena,
// and each op's kernel.
std::string to_text(const Executable& executable);

}  // namespace pronghorn::runtime
