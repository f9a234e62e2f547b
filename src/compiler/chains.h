#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "graph/graph.h"
#include "kernels/kernel.h"
#include "runtime/chain.h"

namespace pronghorn::compiler {

// From so many bytes on, of the whole batch, a value that one op hands to the next is worth a
// chain. What is smaller is found in the L3 cache as fast (docs/kernels.md, "Chains").
inline constexpr int64_t kLeastChainedBytes = 9 << 20;

// Cuts the op list into chains, in order. Ops can stand in one if they go over the same slices of
// the batch, and if whatever passes from an earlier to a later is written and read slice by slice.
// They do where that pays (docs/kernels.md, "Chains"): where `least_bytes` pass, and as long as the
// slices keep all threads at work. Views stand in the chain before them.
//
// Results do not depend on it: a slice computes the same whoever runs it, and when.
std::vector<runtime::Chain> find_chains(
    const graph::Graph& graph, const std::vector<std::unique_ptr<kernels::Kernel>>& kernels,
    int threads, int64_t least_bytes = kLeastChainedBytes);

// Each op a chain of its own.
std::vector<runtime::Chain> single_chains(size_t ops);

}  // namespace pronghorn::compiler
