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

// An activation or a bias, whose operand is there before the activation's input is.
bool may_follow_pooling(const Op& op) {
  return op.kind == &graph::elementwise_kind() &&
         std::all_of(op.epilogue.begin(), op.epilogue.end(), [](const graph::Stage& stage) {
           return !graph::has_full_operand(stage) && graph::keeps_order(stage);
         });
}

}  // namespace

void move_activations_behind_max_pooling(Graph& graph) {
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    // The pooling moves forward past one op after the other.
    for (size_t place = index; graph.ops[place].kind == &graph::max_pool2d_kind();) {
      Op& pooling = graph.ops[place];
      const int source = writer_for_one_reader(graph, find_uses(graph), pooling.inputs[0]);
      if (source == Uses::kNone) break;
      Op& activation = graph.ops[static_cast<size_t>(source)];
      if (!may_follow_pooling(activation)) break;
      // From a -> activation -> b -> pooling -> p to a -> pooling -> b -> activation -> p.
      const ValueId between = pooling.inputs[0];
      graph.value(between).shape = graph.output(pooling, 0).shape;
      pooling.inputs[0] = activation.inputs[0];
      activation.inputs[0] = between;
      activation.outputs[0] = std::exchange(pooling.outputs[0], between);
      std::swap(pooling, activation);
      place = static_cast<size_t>(source);
    }
  }
}

void fuse_max_pooling(Graph& graph, int threads, const kernels::Policy& policy) {
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    const Op& pooling = graph.ops[index];
    if (pooling.kind != &graph::max_pool2d_kind() || !pooling.epilogue.empty()) continue;
    const int source = writer_for_one_reader(graph, find_uses(graph), pooling.inputs[0]);
    if (source == Uses::kNone) continue;
    Op& convolution = graph.ops[static_cast<size_t>(source)];
    if (convolution.kind != &graph::conv2d_kind() || !convolution.epilogue.empty()) continue;
    std::optional<Op> joined = graph::with_max_pooling(convolution, pooling);
    if (!joined || !kernels::has_fast_kernel({graph, *joined, threads}, policy)) continue;
    // In the convolution's place, where its inputs are what it reads.
    convolution = *std::move(joined);
    graph.ops.erase(graph.ops.begin() + static_cast<std::ptrdiff_t>(index));
    --index;
  }
}

void fuse_max_pool_gradients(Graph& graph, int threads, const kernels::Policy& policy) {
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
      return kernels::has_fast_kernel({graph, fused, threads}, policy);
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
