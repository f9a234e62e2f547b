#include "compiler/memory_planner.h"

#include <algorithm>

#include "compiler/uses.h"
#include "graph/op_kind.h"
#include "kernels/selection.h"

namespace pronghorn::compiler {

using graph::Graph;
using graph::Op;
using graph::Value;
using graph::ValueId;
using graph::ValueRole;

namespace {

size_t at(ValueId id) { return static_cast<size_t>(id); }

// A piece of memory that is needed from chain `first` to chain `last`, both included.
struct Block {
  int64_t bytes;
  int first;
  int last;
  int64_t offset = -1;
};

bool outside_of_arena(const Value& value) {
  return value.role == ValueRole::kParameter || value.role == ValueRole::kState;
}

// Which values share memory because one is a view of the other or overwrites it.
class Storages {
 public:
  Storages(const Graph& graph, const Uses& uses) : graph_(graph), storage_(graph.values.size()) {
    last_.resize(storage_.size());
    const int end = static_cast<int>(graph.ops.size());
    for (size_t id = 0; id < storage_.size(); ++id) {
      storage_[id] = static_cast<ValueId>(id);
      // What the caller reads must last to the end of the step.
      last_[id] = graph.values[id].role == ValueRole::kOutput ? end : uses.writer[id];
      for (int reader : uses.readers[id]) last_[id] = std::max(last_[id], reader);
    }
  }

  ValueId storage(ValueId id) const { return storage_[at(id)]; }
  int last(ValueId id) const { return last_[at(storage(id))]; }

  void share(ValueId output, ValueId input) {
    const ValueId root = storage(input);
    last_[at(root)] = std::max(last_[at(root)], last_[at(output)]);
    storage_[at(output)] = root;
  }

  // An op's output may take over an input's memory if this op is the last to need it. A step's
  // inputs are left alone: the caller may run the step again without filling them anew.
  bool may_overwrite(ValueId output, ValueId input, int op_index) const {
    const Value& root = graph_.value(storage(input));
    const Value& from = graph_.value(input);
    const Value& to = graph_.value(output);
    return storage(output) == output && !outside_of_arena(root) && root.role != ValueRole::kInput &&
           last(input) == op_index && from.bytes() == to.bytes() && root.bytes() == to.bytes() &&
           from.layout == to.layout;
  }

 private:
  const Graph& graph_;
  std::vector<ValueId> storage_;
  std::vector<int> last_;
};

int64_t aligned(int64_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

// Greedy by size: the largest block first, each at the lowest place where it meets no block that
// is needed at the same time. Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
// Inference", 2020: within a few percent of the lower bound on real nets.
int64_t place(std::vector<Block>& blocks) {
  std::vector<Block*> order;
  for (Block& block : blocks)
    if (block.bytes > 0) order.push_back(&block);
  std::stable_sort(order.begin(), order.end(),
                   [](const Block* a, const Block* b) { return a->bytes > b->bytes; });
  std::vector<Block*> placed;  // by offset
  int64_t arena_bytes = 0;
  for (Block* block : order) {
    int64_t offset = 0;
    for (const Block* other : placed) {
      if (other->last < block->first || block->last < other->first) continue;
      if (other->offset >= offset + block->bytes) break;
      offset = std::max(offset, other->offset + other->bytes);
    }
    block->offset = offset;
    arena_bytes = std::max(arena_bytes, offset + block->bytes);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), block,
                         [](const Block* a, const Block* b) { return a->offset < b->offset; }),
        block);
  }
  return arena_bytes;
}

}  // namespace

MemoryPlan plan_memory(const Graph& graph, const std::vector<int64_t>& workspace_bytes,
                       std::span<const runtime::Chain> chains,
                       std::span<const kernels::Implementation* const> chosen) {
  const Uses uses = find_uses(graph);
  // By op, and at the step's end, the chain.
  std::vector<int> chain_of(graph.ops.size() + 1, static_cast<int>(chains.size()));
  for (size_t chain = 0; chain < chains.size(); ++chain)
    for (size_t op = chains[chain].first; op < chains[chain].last; ++op)
      chain_of[op] = static_cast<int>(chain);
  const auto chain_at = [&](int op) { return chain_of[static_cast<size_t>(std::max(op, 0))]; };

  Storages storages(graph, uses);
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    const Op& op = graph.ops[index];
    for (const graph::Alias& alias : op.kind->required_aliases(op))
      storages.share(op.outputs[static_cast<size_t>(alias.output)],
                     op.inputs[static_cast<size_t>(alias.input)]);
    const kernels::Implementation* const who = chosen.empty() ? nullptr : chosen[index];
    for (const graph::Alias& alias : kernels::possible_aliases({graph, op, 1}, who)) {
      const ValueId output = op.outputs[static_cast<size_t>(alias.output)];
      const ValueId input = op.inputs[static_cast<size_t>(alias.input)];
      if (storages.may_overwrite(output, input, static_cast<int>(index)))
        storages.share(output, input);
    }
  }

  // One block per storage, then one per workspace.
  std::vector<Block> blocks(graph.values.size() + graph.ops.size());
  MemoryPlan plan;
  for (size_t id = 0; id < graph.values.size(); ++id) {
    const auto value = static_cast<ValueId>(id);
    const int writer = uses.writer[id];
    const bool unused = writer == Uses::kNone && uses.readers[id].empty() &&
                        graph.values[id].role == ValueRole::kTemporary;
    if (storages.storage(value) != value || outside_of_arena(graph.values[id]) || unused) continue;
    // An input is filled before the first op, and its contents last.
    blocks[id] = {aligned(graph.values[id].bytes()), chain_at(writer),
                  chain_at(std::max(storages.last(value), writer))};
    if (graph.values[id].role == ValueRole::kInput) blocks[id].last = chain_of.back();
    plan.bytes_without_sharing += blocks[id].bytes;
  }
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    blocks[graph.values.size() + index] = {aligned(workspace_bytes[index]), chain_of[index],
                                           chain_of[index]};
    plan.bytes_without_sharing += aligned(workspace_bytes[index]);
  }
  plan.arena_bytes = place(blocks);

  for (size_t id = 0; id < graph.values.size(); ++id) {
    plan.storage.push_back(storages.storage(static_cast<ValueId>(id)));
    plan.offsets.push_back(blocks[at(plan.storage.back())].offset);
  }
  for (size_t index = 0; index < graph.ops.size(); ++index)
    plan.workspace_offsets.push_back(blocks[graph.values.size() + index].offset);
  return plan;
}

}  // namespace pronghorn::compiler
