#include "compiler/fusion.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/uses.h"
#include "graph/op_kind.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/conv2d_max_pool2d_backward.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/loss.h"
#include "graph/ops/matmul.h"
#include "graph/ops/matmul_update.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/reshape.h"
#include "graph/ops/softmax.h"
#include "graph/ops/sum_rows.h"

namespace pronghorn::compiler {

using graph::Graph;
using graph::Op;
using graph::ValueId;

namespace {

size_t at(ValueId id) { return static_cast<size_t>(id); }

bool is_softmax_loss(const Op& op) {
  if (op.kind != &graph::loss_kind()) return false;
  const graph::LossFunction function = graph::loss_function(op);
  return function == graph::LossFunction::kCategoricalCrossentropy ||
         function == graph::LossFunction::kSparseCategoricalCrossentropy;
}

// An op on whose result an epilogue may be applied before it is written.
bool takes_epilogue(const Op& op) {
  return op.kind == &graph::conv2d_kind() || op.kind == &graph::conv2d_backward_data_kind() ||
         op.kind == &graph::conv2d_max_pool2d_backward_data_kind() ||
         op.kind == &graph::matmul_kind() || op.kind == &graph::elementwise_kind() ||
         op.kind == &graph::conv2d_max_pool2d_kind() || op.kind == &graph::max_pool2d_kind() ||
         op.kind == &graph::max_pool2d_backward_kind() ||
         op.kind == &graph::average_pool2d_backward_kind();
}

// How far down its list of candidates an op's kernel stands.
size_t rank_of_kernel(const Graph& graph, const Op& op, int threads,
                      const kernels::Policy& policy) {
  return kernels::select_by_order({graph, op, threads}, policy).refused.size();
}

// `producer` with `consumer`'s stages behind its own.
Op joined(const Op& producer, const Op& consumer) {
  Op op = producer;
  for (graph::Stage stage : consumer.epilogue) {
    if (stage.operand >= 0) {
      op.inputs.push_back(consumer.inputs[static_cast<size_t>(stage.operand)]);
      stage.operand = static_cast<int>(op.inputs.size()) - 1;
    }
    op.epilogue.push_back(stage);
  }
  op.outputs[0] = consumer.outputs[0];
  return op;
}

// True where one of the ops strictly between overwrites an input of `op` in place, so that `op`
// can't move past it.
bool overwritten_between(const Graph& graph, const Op& op, int begin, int end) {
  for (int index = begin + 1; index < end; ++index) {
    const Op& between = graph.ops[static_cast<size_t>(index)];
    if (between.kind->is_view()) continue;
    for (const graph::Alias& alias : between.kind->required_aliases(between)) {
      const ValueId overwritten = between.inputs[static_cast<size_t>(alias.input)];
      if (std::find(op.inputs.begin(), op.inputs.end(), overwritten) != op.inputs.end())
        return true;
    }
  }
  return false;
}

bool operands_have_its_shape(const Graph& graph, const Op& op) {
  return std::all_of(op.inputs.begin(), op.inputs.end(), [&](ValueId input) {
    return graph.value(input).shape == graph.input(op, 0).shape;
  });
}

// A view of `value` in the shape of `reader`'s first input.
Op reshape_of(Graph& graph, ValueId value, const Op& reader) {
  const Shape shape = graph.input(reader, 0).shape;  // a copy: values are about to move
  const auto id = static_cast<ValueId>(graph.values.size());
  graph.values.push_back(
      {.name = fmt::format("%{}", id), .shape = shape, .element = graph.value(value).element});
  const auto extents = shape.extents();
  Op op;
  op.kind = &graph::reshape_kind();
  op.layer = reader.layer;
  op.phase = reader.phase;
  op.inputs = {value};
  op.outputs = {id};
  op.attributes.set("shape", std::vector<int64_t>(extents.begin(), extents.end()));
  return op;
}

}  // namespace

void fuse_softmax_cross_entropy(Graph& graph) {
  const Uses uses = find_uses(graph);
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    if (!is_softmax_loss(graph.ops[index])) continue;
    Op& loss = graph.ops[index];
    const ValueId y_pred = loss.inputs[0];
    graph::Attributes attributes = loss.attributes;
    attributes.set("from_logits", int64_t{1});

    if (graph::from_logits(loss)) {
      graph::Value probabilities;
      probabilities.name = "probabilities";
      probabilities.shape = graph.value(y_pred).shape;
      graph.values.push_back(std::move(probabilities));
      loss.kind = &graph::softmax_cross_entropy_kind();
      loss.outputs.push_back(static_cast<ValueId>(graph.values.size() - 1));
      continue;
    }
    const int writer = uses.writer[at(y_pred)];
    if (writer == Uses::kNone ||
        graph.ops[static_cast<size_t>(writer)].kind != &graph::softmax_kind())
      continue;
    Op fused = loss;
    fused.kind = &graph::softmax_cross_entropy_kind();
    fused.attributes = std::move(attributes);
    fused.inputs[0] = graph.ops[static_cast<size_t>(writer)].inputs[0];
    fused.outputs = {loss.outputs[0], y_pred};
    // In the softmax's place: others may read the probabilities from there on.
    graph.ops[static_cast<size_t>(writer)] = std::move(fused);
    graph.ops.erase(graph.ops.begin() + static_cast<std::ptrdiff_t>(index));
    return fuse_softmax_cross_entropy(graph);  // indices changed
  }
}

void fuse_bias_gradients(Graph& graph) {
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    const auto sum = graph.ops.begin() + static_cast<std::ptrdiff_t>(index);
    if (sum->kind != &graph::sum_rows_kind()) continue;
    const auto convolution = std::find_if(graph.ops.begin(), graph.ops.end(), [&](const Op& op) {
      const bool to_weights = op.kind == &graph::conv2d_backward_weights_kind() ||
                              op.kind == &graph::conv2d_max_pool2d_backward_weights_kind();
      return to_weights && op.inputs[1] == sum->inputs[0] && !op.attributes.has("bias");
    });
    if (convolution == graph.ops.end()) continue;
    convolution->attributes.set("bias", int64_t{1});
    convolution->outputs.push_back(sum->outputs[0]);
    // Whichever stands first gives the place: what both read is there by then.
    if (sum < convolution) {
      *sum = *convolution;
      graph.ops.erase(convolution);
    } else {
      graph.ops.erase(sum);
      --index;  // the next op stands in its place
    }
  }
}

void move_views_behind_elementwise(Graph& graph) {
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    if (graph.ops[index].kind != &graph::elementwise_kind() ||
        !operands_have_its_shape(graph, graph.ops[index]))
      continue;
    const ValueId between = graph.ops[index].inputs[0];
    const Uses uses = find_uses(graph);
    const int writer = writer_for_one_reader(graph, uses, between);
    if (writer == Uses::kNone) continue;
    Op view = graph.ops[static_cast<size_t>(writer)];
    if (view.kind != &graph::reshape_kind()) continue;
    graph.ops.erase(graph.ops.begin() + writer);
    --index;
    Op consumer = graph.ops[index];
    graph.value(between).shape = graph.input(view, 0).shape;
    std::swap(view.inputs[0], consumer.inputs[0]);
    std::swap(view.outputs, consumer.outputs);
    for (size_t i = 1; i < consumer.inputs.size(); ++i) {
      const Op reshaped = reshape_of(graph, consumer.inputs[i], consumer);
      consumer.inputs[i] = reshaped.outputs[0];
      graph.ops.insert(graph.ops.begin() + static_cast<std::ptrdiff_t>(index), reshaped);
      ++index;
    }
    graph.ops[index] = std::move(consumer);
    ++index;
    graph.ops.insert(graph.ops.begin() + static_cast<std::ptrdiff_t>(index), std::move(view));
  }
}

void fuse_epilogues(Graph& graph, int threads, const kernels::Policy& policy) {
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    const Op& consumer = graph.ops[index];
    if (consumer.kind != &graph::elementwise_kind()) continue;
    const ValueId between = consumer.inputs[0];
    const Uses uses = find_uses(graph);
    const int writer = writer_for_one_reader(graph, uses, between);
    if (writer == Uses::kNone) continue;
    const Op& producer = graph.ops[static_cast<size_t>(writer)];
    if (!takes_epilogue(producer) || producer.outputs[0] != between ||
        overwritten_between(graph, producer, writer, static_cast<int>(index)))
      continue;
    Op fused = joined(producer, consumer);
    if (rank_of_kernel(graph, fused, threads, policy) >
        rank_of_kernel(graph, producer, threads, policy))
      continue;
    // In the consumer's place, where all operands of its stages are there.
    graph.ops[index] = std::move(fused);
    graph.ops.erase(graph.ops.begin() + writer);
    --index;
  }
}

void fuse_updates(Graph& graph, int threads, const kernels::Policy& policy) {
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    const Op& update = graph.ops[index];
    if (update.kind != &graph::optimizer_update_kind()) continue;
    const ValueId parameter = update.inputs[0], gradient = update.inputs[1];
    const Uses uses = find_uses(graph);
    const int writer = writer_for_one_reader(graph, uses, gradient);
    if (writer == Uses::kNone) continue;
    const Op& product = graph.ops[static_cast<size_t>(writer)];
    if (product.kind != &graph::matmul_kind() || !product.epilogue.empty()) continue;
    const graph::MatmulGeometry geometry = graph::matmul_geometry(graph, product);
    if (!geometry.transpose_a || geometry.transpose_b) continue;
    // A product of bfloat16s is worth more than an update beside it.
    if (kernels::select_by_order({graph, product, threads}, policy).chosen->arithmetic() ==
        kernels::Arithmetic::kBfloat16)
      continue;
    Op fused = graph::matmul_update(product, update);
    if (!kernels::has_fast_kernel({graph, fused, threads}, policy)) continue;
    int last_reader = writer;
    for (const int reader : uses.readers[at(parameter)])
      if (reader != static_cast<int>(index)) last_reader = std::max(last_reader, reader);
    if (last_reader > static_cast<int>(index)) continue;
    graph.ops.erase(graph.ops.begin() + static_cast<std::ptrdiff_t>(index));
    graph.ops.insert(graph.ops.begin() + last_reader + 1, std::move(fused));
    graph.ops.erase(graph.ops.begin() + writer);
    --index;  // one op less stands before the next
  }
}

void remove_unused_ops(Graph& graph) {
  std::vector<bool> used(graph.values.size());
  for (size_t id = 0; id < graph.values.size(); ++id)
    used[id] = graph.values[id].role == graph::ValueRole::kOutput;
  std::vector<Op> kept;
  for (size_t index = graph.ops.size(); index-- > 0;) {
    Op& op = graph.ops[index];
    const bool writes_in_place = !op.kind->is_view() && !op.kind->required_aliases(op).empty();
    const bool wanted =
        writes_in_place || std::any_of(op.outputs.begin(), op.outputs.end(),
                                       [&](ValueId output) { return used[at(output)]; });
    if (!wanted) continue;
    for (ValueId input : op.inputs) used[at(input)] = true;
    kept.push_back(std::move(op));
  }
  graph.ops.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
}

}  // namespace pronghorn::compiler
