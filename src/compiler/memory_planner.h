#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/graph.h"
#include "kernels/kernel.h"
#include "runtime/chain.h"

namespace pronghorn::compiler {

// Where everything lies in one arena, by liveness: memory is shared by values that are never
// needed at once.
struct MemoryPlan {
  // Of each value, bytes from the arena's begin. For a value outside of the arena, and for one
  // that is updated in place there, -1.
  std::vector<int64_t> offsets;
  // The value whose memory this one has: itself, what it is a view of, or what it overwrites.
  std::vector<graph::ValueId> storage;
  // Of each op, where its workspace is.
  std::vector<int64_t> workspace_offsets;
  int64_t arena_bytes = 0;
  // What the arena would take if no two values shared memory.
  int64_t bytes_without_sharing = 0;
};

// The alignment of every value and workspace: a cache line, and a full vector of AVX-512.
inline constexpr int64_t kArenaAlignment = 64;

// workspace_bytes[i] belongs to graph.ops[i]. A step's inputs keep their place and contents to its
// end, for the caller to read after it or to run it again. An op writes over its input where its
// kind allows it, or who runs it (chosen[i]; none need be known), and nobody reads the input
// afterwards. The ops of one chain run at once: what one of them needs shares no memory with what
// another does.
MemoryPlan plan_memory(const graph::Graph& graph, const std::vector<int64_t>& workspace_bytes,
                       std::span<const runtime::Chain> chains,
                       std::span<const kernels::Implementation* const> chosen = {});

}  // namespace pronghorn::compiler
