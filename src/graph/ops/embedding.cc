#include "graph/ops/embedding.h"

#include <fmt/format.h>

#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

class Embedding final : public OpKind {
 public:
  std::string_view name() const override { return "embedding"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& indices = graph.input(op, 0).shape;
    const Shape& table = graph.input(op, 1).shape;
    if (table.rank() != 2)
      throw ShapeError(fmt::format("embedding needs a matrix of rows, not {}", table.to_string()));
    std::vector<int64_t> extents(indices.extents().begin(), indices.extents().end());
    extents.push_back(table[1]);
    return {{Shape(std::move(extents))}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>& wanted) const override {
    if (!wanted[1]) return {kNoValue, kNoValue};
    builder.set_phase(Phase::kBackwardWeights);
    const int64_t rows = builder.graph().input(op, 1).shape[0];
    return {kNoValue, builder.add_op(embedding_backward_kind(), {op.inputs[0], diff_outputs[0]},
                                     {{"rows", rows}})[0]};
  }

  Cost arithmetic(const Graph&, const Op&) const override { return {}; }
};

class EmbeddingBackward final : public OpKind {
 public:
  std::string_view name() const override { return "embedding_backward"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{Shape{op.attributes.integer("rows"), graph.input(op, 1).shape.back()}}};
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = graph.input(op, 1).shape.elements()};
  }
};

}  // namespace

const OpKind& embedding_kind() {
  static const Embedding kind;
  return kind;
}
const OpKind& embedding_backward_kind() {
  static const EmbeddingBackward kind;
  return kind;
}

ValueId embedding(Builder& builder, ValueId indices, ValueId table) {
  return builder.add_op(embedding_kind(), {indices, table})[0];
}

}  // namespace pronghorn::graph
