#include "compiler/layout.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "graph/op_kind.h"
#include "graph/ops/reshape.h"

namespace pronghorn::compiler {

using graph::Graph;
using graph::Layout;
using graph::Op;
using graph::ValueId;

namespace {

class LayoutPass {
 public:
  LayoutPass(Graph& graph, std::vector<kernels::Selection>& selections, int threads,
             const kernels::Policy& policy)
      : graph_(graph), selections_(selections), threads_(threads), policy_(policy) {}

  void run() {
    std::vector<Op> ops = std::exchange(graph_.ops, {});
    std::vector<kernels::Selection> selections = std::exchange(selections_, {});
    for (size_t index = 0; index < ops.size(); ++index)
      place(std::move(ops[index]), std::move(selections[index]));
  }

 private:
  void place(Op op, kernels::Selection selection) {
    const kernels::OpLayouts wanted = wanted_layouts(op, selection);
    for (size_t i = 0; i < op.inputs.size(); ++i)
      op.inputs[i] = in_layout(op.inputs[i], wanted.inputs[i], op);
    std::vector<std::pair<ValueId, ValueId>> to_plain;  // what the op writes, what the caller reads
    for (size_t i = 0; i < op.outputs.size(); ++i) {
      if (wanted.outputs[i] == Layout::kPlain) continue;
      if (graph_.value(op.outputs[i]).role == graph::ValueRole::kOutput) {
        const ValueId blocked = like(op.outputs[i], wanted.outputs[i]);
        to_plain.emplace_back(blocked, op.outputs[i]);
        // Later readers that want this layout have it already.
        reordered_[{op.outputs[i], wanted.outputs[i]}] = blocked;
        op.outputs[i] = blocked;
      } else {
        graph_.value(op.outputs[i]).layout = wanted.outputs[i];
      }
    }
    const std::string layer = op.layer;
    const graph::Phase phase = op.phase;
    graph_.ops.push_back(std::move(op));
    selections_.push_back(std::move(selection));
    for (const auto& [from, to] : to_plain) add_reorder(from, to, layer, phase);
  }

  kernels::OpLayouts wanted_layouts(const Op& op, const kernels::Selection& selection) const {
    if (selection.chosen == nullptr) {  // a view: it can't change the order of elements
      return {std::vector(op.inputs.size(), Layout::kPlain),
              std::vector(op.outputs.size(), Layout::kPlain)};
    }
    std::vector<Layout> arriving;
    for (ValueId input : op.inputs) arriving.push_back(graph_.value(input).layout);
    return selection.chosen->layouts({graph_, op, threads_}, arriving);
  }

  // The value itself where it has the layout, else one that holds the same in that layout.
  ValueId in_layout(ValueId value, Layout layout, const Op& reader) {
    if (graph_.value(value).layout == layout) return value;
    const auto [found, missing] = reordered_.try_emplace({value, layout}, graph::kNoValue);
    if (missing) {
      found->second = like(value, layout);
      add_reorder(value, found->second, reader.layer, reader.phase);
    }
    return found->second;
  }

  ValueId like(ValueId value, Layout layout) {
    graph::Value copy = graph_.value(value);
    copy.name = fmt::format("{}:{}", copy.name, to_string(layout));
    copy.role = graph::ValueRole::kTemporary;
    copy.layout = layout;
    graph_.values.push_back(std::move(copy));
    return static_cast<ValueId>(graph_.values.size() - 1);
  }

  void add_reorder(ValueId from, ValueId to, const std::string& layer, graph::Phase phase) {
    Op op;
    op.kind = &graph::reorder_kind();
    op.layer = layer;
    op.phase = phase;
    op.inputs = {from};
    op.outputs = {to};
    selections_.push_back(kernels::select({graph_, op, threads_}, policy_));
    graph_.ops.push_back(std::move(op));
  }

  Graph& graph_;
  std::vector<kernels::Selection>& selections_;
  int threads_;
  const kernels::Policy& policy_;
  std::map<std::pair<ValueId, Layout>, ValueId> reordered_;
};

}  // namespace

void assign_layouts(Graph& graph, std::vector<kernels::Selection>& selections, int threads,
                    const kernels::Policy& policy) {
  LayoutPass(graph, selections, threads, policy).run();
}

}  // namespace pronghorn::compiler
