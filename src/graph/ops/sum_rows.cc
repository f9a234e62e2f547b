#include "graph/ops/sum_rows.h"

namespace pronghorn::graph {
namespace {

class SumRows final : public OpKind {
 public:
  std::string_view name() const override { return "sum_rows"; }
  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{Shape{graph.input(op, 0).shape.back()}}};
  }
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = graph.input(op, 0).shape.elements()};
  }
};

class Mean final : public OpKind {
 public:
  std::string_view name() const override { return "mean"; }
  std::vector<TensorType> infer_outputs(const Graph&, const Op&) const override { return {{}}; }
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = graph.input(op, 0).shape.elements()};
  }
};

}  // namespace

const OpKind& sum_rows_kind() {
  static const SumRows kind;
  return kind;
}
const OpKind& mean_kind() {
  static const Mean kind;
  return kind;
}

ValueId sum_rows(Builder& builder, ValueId src) {
  return builder.add_op(sum_rows_kind(), {src})[0];
}
ValueId mean(Builder& builder, ValueId src) { return builder.add_op(mean_kind(), {src})[0]; }

}  // namespace pronghorn::graph
