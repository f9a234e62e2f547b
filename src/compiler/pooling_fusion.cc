#include "compiler/pooling_fusion.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "compiler/uses.h"
#include "graph/op_kind.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/conv2d_max_pool2d_backward.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/pool2d.h"

namespace pronghorn::compiler {

using graph::Graph;
using graph::Op;
using graph::ValueId;

namespace {

// The op that writes what the pooling alone reads; none where others read it, the caller included.
std::optional<size_t> only_source(const Graph& graph, const Op& pooling) {
  const Uses uses = find_uses(graph);
  const auto src = static_cast<size_t>(pooling.inputs[0]);
  if (uses.writer[src] == Uses::kNone || uses.readers[src].size() != 1 ||
      graph.values[src].role != graph::ValueRole::kTemporary)
    return std::nullopt;
  return static_cast<size_t>(uses.writer[src]);
}

// An activation or a bias, whose operand is there before the activation's input is.
bool may_follow_pooling(const Op& op) {
  return op.kind == &graph::elementwise_kind() &&
         std::all_of(op.epilogue.begin(), op.epilogue.end(), [](const graph::Stage& stage) {
           const bool full_operand =
               stage.operand >= 0 && stage.function != graph::StageFunction::kBiasAdd;
           return !full_operand && graph::keeps_order(stage);
         });
}

}  // namespace

void move_activations_behind_max_pooling(Graph& graph) {
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    // The pooling moves forward past one op after the other.
    for (size_t place = index; graph.ops[place].kind == &graph::max_pool2d_kind();) {
      Op& pooling = graph.ops[place];
      const std::optional<size_t> source = only_source(graph, pooling);
      if (!source || !may_follow_pooling(graph.ops[*source])) break;
      Op& activation = graph.ops[*source];
      // From a -> activation -> b -> pooling -> p to a -> pooling -> b -> activation -> p.
      const ValueId between = pooling.inputs[0];
      graph.value(between).shape = graph.output(pooling, 0).shape;
      pooling.inputs[0] = activation.inputs[0];
      activation.inputs[0] = between;
      activation.outputs[0] = std::exchange(pooling.outputs[0], between);
      std::swap(pooling, activation);
      place = *source;
    }
  }
}

void fuse_max_pooling(Graph& graph, int threads, kernels::ForcedFamily family) {
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    const Op& pooling = graph.ops[index];
    if (pooling.kind != &graph::max_pool2d_kind() || !pooling.epilogue.empty()) continue;
    const std::optional<size_t> source = only_source(graph, pooling);
    if (!source) continue;
    const Op& convolution = graph.ops[*source];
    if (convolution.kind != &graph::conv2d_kind() || !convolution.epilogue.empty()) continue;
    std::optional<Op> joined = graph::with_max_pooling(convolution, pooling);
    if (!joined || kernels::select({graph, *joined, threads}, family).chosen->family() ==
                       kernels::Family::kReference)
      continue;
    // In the convolution's place, where its inputs are what it reads.
    graph.ops[*source] = *std::move(joined);
    graph.ops.erase(graph.ops.begin() + static_cast<std::ptrdiff_t>(index));
    --index;
  }
}

void fuse_max_pool_gradients(Graph& graph, int threads, kernels::ForcedFamily family) {
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    if (graph.ops[index].kind != &graph::max_pool2d_backward_kind()) continue;
    const Op backward = graph.ops[index];
    const ValueId gradient = backward.outputs[0];
    if (!backward.epilogue.empty() || graph.value(gradient).role != graph::ValueRole::kTemporary)
      continue;
    const std::vector<int> readers = find_uses(graph).readers[static_cast<size_t>(gradient)];
    const bool fuse = std::all_of(readers.begin(), readers.end(), [&](int reader) {
      const Op& op = graph.ops[static_cast<size_t>(reader)];
      if (op.kind != &graph::conv2d_backward_data_kind() &&
          op.kind != &graph::conv2d_backward_weights_kind())
        return false;
      const Op fused = graph::fused_with_max_pool(op, backward);
      const kernels::Implementation* const chosen =
          kernels::select({graph, fused, threads}, family).chosen;
      return chosen->family() != kernels::Family::kReference &&
             (!family || chosen->family() == *family);
    });
    if (!fuse) continue;
    for (const int reader : readers) {
      Op& op = graph.ops[static_cast<size_t>(reader)];
      op = graph::fused_with_max_pool(op, backward);
    }
    graph.ops.erase(graph.ops.begin() + static_cast<std::ptrdiff_t>(index));
    --index;
  }
}

}  // namespace pronghorn::compiler
