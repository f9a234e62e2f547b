#include "cost/residence.h"

#include <algorithm>
#include <list>

#include "graph/op_kind.h"

namespace pronghorn::cost {
namespace {

using graph::ValueId;

// Memory blocks in the order of their last use, newest first.
class Recency {
 public:
  // Bytes of the blocks used since this one's last use, itself included; all if it is new.
  int64_t distance(ValueId block) const {
    int64_t bytes = 0;
    for (const auto& [used, size] : order_) {
      bytes += size;
      if (used == block) return bytes;
    }
    return INT64_MAX;
  }
  void forget(ValueId block) {
    order_.remove_if([&](const auto& entry) { return entry.first == block; });
  }
  void use(ValueId block, int64_t bytes) {
    forget(block);
    order_.emplace_front(block, bytes);
  }

 private:
  std::list<std::pair<ValueId, int64_t>> order_;
};

MemoryLevel level_of(int64_t distance, const Machine& machine, int threads) {
  for (int level = 0; level < 3; ++level) {
    // L1 and L2 are each core's own; L3 is one for all.
    const int64_t bytes = level == 2 ? machine.usable_l3_bytes
                                     : machine.cache_bytes[static_cast<size_t>(level)] * threads;
    if (distance <= bytes) return static_cast<MemoryLevel>(level);
  }
  return MemoryLevel::kDram;
}

}  // namespace

std::vector<OpResidence> residence(const graph::Graph& graph, const std::vector<ValueId>& storage,
                                   const std::vector<bool>& streams, const Machine& machine,
                                   int threads) {
  std::vector<OpResidence> result(graph.ops.size());
  Recency recency;
  // The first step finds nothing; the second one is like all later ones.
  for (int step = 0; step < 2; ++step)
    for (size_t index = 0; index < graph.ops.size(); ++index) {
      const graph::Op& op = graph.ops[index];
      if (op.kind->is_view()) continue;
      const auto block = [&](ValueId id) { return storage[static_cast<size_t>(id)]; };
      OpResidence found;
      for (const ValueId id : op.inputs)
        found.inputs.push_back(level_of(recency.distance(block(id)), machine, threads));
      for (const ValueId id : op.outputs)
        found.outputs.push_back(level_of(recency.distance(block(id)), machine, threads));
      for (const auto* ids : {&op.inputs, &op.outputs})
        for (const ValueId id : *ids) recency.use(block(id), graph.value(id).bytes());
      if (streams[index])
        for (const ValueId id : op.outputs) recency.forget(block(id));
      result[index] = std::move(found);
    }
  return result;
}

}  // namespace pronghorn::cost
