#include "compiler/chains.h"

#include <algorithm>

#include "graph/op_kind.h"
#include "kernels/sliced_kernel.h"

namespace pronghorn::compiler {

using graph::Graph;
using graph::Op;
using graph::ValueId;
using kernels::SlicedKernel;

namespace {

// All that the ops of a chain need lies in the arena at once: chains of any length doubled the
// arena of a plain convolutional net, and were slower than none.
constexpr size_t kMostKernels = 3;

// Whether slices keep a team at work: eight tenths of it at least, or the finer tasks that ops have
// when they are alone are better.
bool keep_busy(int64_t slices, int64_t threads) {
  const int64_t rounds = (slices + threads - 1) / threads;
  return 10 * slices >= 8 * rounds * threads;
}

// What the ops of a chain have written so far.
class Written {
 public:
  explicit Written(const Graph& graph) : graph_(graph), by_(graph.values.size(), By::kOthers) {}

  void clear() { std::fill(by_.begin(), by_.end(), By::kOthers); }

  void add(const Op& op, const SlicedKernel& kernel) {
    for (size_t i = 0; i < op.outputs.size(); ++i)
      at(op.outputs[i]) = kernel.slices_output(i) ? By::kSlices : By::kWholeBatch;
  }

  // A view of slices is one of slices as long as its first axis is the batch.
  void add_view(const Op& op) {
    const Shape &from = graph_.input(op, 0).shape, &to = graph_.output(op, 0).shape;
    const bool of_batch = from.rank() > 0 && to.rank() > 0 && from[0] == to[0];
    const By input = at(op.inputs[0]);
    at(op.outputs[0]) = input == By::kSlices && !of_batch ? By::kWholeBatch : input;
  }

  // Whether it finds what it reads, and how much of that comes from the chain.
  bool can_read(const Op& op, const SlicedKernel& kernel) {
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      const By by = at(op.inputs[i]);
      if (by == By::kWholeBatch || (by == By::kSlices && !kernel.slices_input(i))) return false;
    }
    return true;
  }
  int64_t most_bytes(const Op& op) {
    int64_t most = 0;
    for (const ValueId input : op.inputs)
      if (at(input) == By::kSlices) most = std::max(most, graph_.value(input).bytes());
    return most;
  }

 private:
  enum class By : uint8_t { kOthers, kSlices, kWholeBatch };
  By& at(ValueId id) { return by_[static_cast<size_t>(id)]; }

  const Graph& graph_;
  std::vector<By> by_;
};

}  // namespace

std::vector<runtime::Chain> find_chains(
    const Graph& graph, const std::vector<std::unique_ptr<kernels::Kernel>>& kernels, int threads,
    int64_t least_bytes) {
  std::vector<runtime::Chain> chains;
  Written written(graph);
  // Those of the last chain; none where it can't go on.
  std::vector<const SlicedKernel*> members;
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    const Op& op = graph.ops[index];
    if (op.kind->is_view()) {
      if (chains.empty()) chains.push_back({index, index});
      chains.back().last = index + 1;
      if (!members.empty()) written.add_view(op);
      continue;
    }
    const SlicedKernel* const kernel = kernels[index]->as_sliced();
    const bool joins = !members.empty() && members.size() < kMostKernels && kernel != nullptr &&
                       kernel->slices() == members[0]->slices() && written.can_read(op, *kernel) &&
                       written.most_bytes(op) >= least_bytes;
    if (!joins) {
      chains.push_back({index, index});
      members.clear();
      written.clear();
    }
    chains.back().last = index + 1;
    if (kernel == nullptr || !keep_busy(kernel->slices().count(), threads)) continue;
    members.push_back(kernel);
    written.add(op, *kernel);
  }
  return chains;
}

std::vector<runtime::Chain> single_chains(size_t ops) {
  std::vector<runtime::Chain> chains;
  for (size_t index = 0; index < ops; ++index) chains.push_back({index, index + 1});
  return chains;
}

}  // namespace pronghorn::compiler
