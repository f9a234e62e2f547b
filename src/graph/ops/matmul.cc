#include "graph/ops/matmul.h"

#include <fmt/format.h>

#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

class Matmul final : public OpKind {
 public:
  std::string_view name() const override { return "matmul"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& a = graph.input(op, 0).shape;
    const Shape& b = graph.input(op, 1).shape;
    if (a.rank() != 2 || b.rank() != 2)
      throw ShapeError(
          fmt::format("matmul needs two matrices, not {} and {}", a.to_string(), b.to_string()));
    const bool transpose_a = op.attributes.integer("transpose_a") != 0;
    const bool transpose_b = op.attributes.integer("transpose_b") != 0;
    const int64_t k_of_a = transpose_a ? a[0] : a[1];
    const int64_t k_of_b = transpose_b ? b[1] : b[0];
    if (k_of_a != k_of_b)
      throw ShapeError(
          fmt::format("the rows have {} features, the kernel takes {}", k_of_a, k_of_b));
    return {{Shape{transpose_a ? a[1] : a[0], transpose_b ? b[0] : b[1]}}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>& wanted) const override {
    if (op.attributes.integer("transpose_a") != 0 || op.attributes.integer("transpose_b") != 0)
      return OpKind::gradient(builder, op, diff_outputs, wanted);
    const ValueId a = op.inputs[0], b = op.inputs[1], diff_dst = diff_outputs[0];
    std::vector<ValueId> gradients(op.inputs.size(), kNoValue);
    if (wanted[1]) {
      builder.set_phase(Phase::kBackwardWeights);
      gradients[1] = matmul(builder, a, diff_dst, /*transpose_a=*/true, false);
    }
    if (wanted[0]) {
      builder.set_phase(Phase::kBackwardData);
      gradients[0] = matmul(builder, diff_dst, b, false, /*transpose_b=*/true);
    }
    return gradients;
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    const MatmulGeometry g = matmul_geometry(graph, op);
    return {.multiply_accumulates = g.m * g.n * g.k};
  }
};

}  // namespace

const OpKind& matmul_kind() {
  static const Matmul kind;
  return kind;
}

MatmulGeometry matmul_geometry(const Graph& graph, const Op& op) {
  const Shape& a = graph.input(op, 0).shape;
  const Shape& b = graph.input(op, 1).shape;
  MatmulGeometry g{};
  g.transpose_a = op.attributes.integer("transpose_a") != 0;
  g.transpose_b = op.attributes.integer("transpose_b") != 0;
  g.m = g.transpose_a ? a[1] : a[0];
  g.k = g.transpose_a ? a[0] : a[1];
  g.n = g.transpose_b ? b[0] : b[1];
  return g;
}

ValueId matmul(Builder& builder, ValueId a, ValueId b, bool transpose_a, bool transpose_b) {
  return builder.add_op(
      matmul_kind(), {a, b},
      {{"transpose_a", int64_t{transpose_a}}, {"transpose_b", int64_t{transpose_b}}})[0];
}

}  // namespace pronghorn::graph
