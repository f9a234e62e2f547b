#include "compiler/autodiff.h"

#include <algorithm>

#include "graph/op_kind.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/loss.h"
#include "graph/ops/sum_of_powers.h"

namespace pronghorn::compiler {

using graph::kNoValue;
using graph::Op;
using graph::ValueId;

namespace {

bool is_loss(const Op& op) {
  return op.kind == &graph::loss_kind() || op.kind == &graph::softmax_cross_entropy_kind() ||
         op.kind == &graph::sum_of_powers_kind();
}

// Which values depend on a wanted one: only along these do gradients flow.
std::vector<bool> values_on_the_way(const graph::Graph& graph, std::span<const ValueId> wanted) {
  std::vector<bool> on_the_way(graph.values.size());
  for (ValueId value : wanted) on_the_way[static_cast<size_t>(value)] = true;
  for (const Op& op : graph.ops) {
    const bool depends = std::any_of(op.inputs.begin(), op.inputs.end(), [&](ValueId input) {
      return on_the_way[static_cast<size_t>(input)];
    });
    if (!depends) continue;
    for (ValueId output : op.outputs) on_the_way[static_cast<size_t>(output)] = true;
  }
  return on_the_way;
}

}  // namespace

std::vector<ValueId> differentiate(graph::Builder& builder, std::span<const ValueId> wanted) {
  graph::Graph& graph = builder.graph();
  const std::vector<bool> on_the_way = values_on_the_way(graph, wanted);
  std::vector<ValueId> gradient_of(graph.values.size(), kNoValue);

  for (size_t index = graph.ops.size(); index-- > 0;) {
    // A copy: the gradient's ops are appended to the list that it stands in.
    const Op op = graph.ops[index];
    std::vector<ValueId> diff_outputs;
    for (ValueId output : op.outputs)
      diff_outputs.push_back(gradient_of[static_cast<size_t>(output)]);
    const bool reached = is_loss(op) || std::any_of(diff_outputs.begin(), diff_outputs.end(),
                                                    [](ValueId id) { return id != kNoValue; });
    std::vector<bool> wanted_inputs;
    for (ValueId input : op.inputs) wanted_inputs.push_back(on_the_way[static_cast<size_t>(input)]);
    if (!reached ||
        std::find(wanted_inputs.begin(), wanted_inputs.end(), true) == wanted_inputs.end())
      continue;

    builder.set_layer(op.layer);
    const std::vector<ValueId> diff_inputs =
        op.kind->gradient(builder, op, diff_outputs, wanted_inputs);
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      if (!wanted_inputs[i] || diff_inputs[i] == kNoValue) continue;
      ValueId& sum = gradient_of[static_cast<size_t>(op.inputs[i])];
      if (sum != kNoValue) builder.set_phase(graph::Phase::kBackwardData);
      sum = sum == kNoValue ? diff_inputs[i] : graph::add(builder, sum, diff_inputs[i]);
    }
  }

  std::vector<ValueId> gradients;
  for (ValueId value : wanted) gradients.push_back(gradient_of[static_cast<size_t>(value)]);
  return gradients;
}

}  // namespace pronghorn::compiler
