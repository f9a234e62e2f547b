#include "graph/ops/batch_matmul.h"

#include <fmt/format.h>

#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

// A tensor as so many matrices.
struct Matrices {
  int64_t batch, heads, rows, columns;
};

Matrices matrices(const Shape& shape, bool swapped) {
  if (shape.rank() == 3) return {shape[0], 1, shape[1], shape[2]};
  if (swapped) return {shape[0], shape[2], shape[1], shape[3]};
  return {shape[0], shape[1], shape[2], shape[3]};
}

MatrixBatch places(const Matrices& m, bool swapped) {
  const int64_t batch_distance = m.heads * m.rows * m.columns;
  if (swapped) return {batch_distance, m.columns, m.heads * m.columns};
  return {batch_distance, m.rows * m.columns, m.columns};
}

BatchMatmulConfig config_of(const Op& op) {
  const auto flag = [&](std::string_view name) { return op.attributes.integer(name) != 0; };
  return {flag("transpose_a"), flag("transpose_b"), flag("swap_a"), flag("swap_b"),
          flag("swap_dst")};
}

class BatchMatmul final : public OpKind {
 public:
  std::string_view name() const override { return "batch_matmul"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& a = graph.input(op, 0).shape;
    const Shape& b = graph.input(op, 1).shape;
    const auto fail = [&](std::string_view why) {
      throw ShapeError(fmt::format("products of the matrices in {} and {}: {}", a.to_string(),
                                   b.to_string(), why));
    };
    if (a.rank() != b.rank() || (a.rank() != 3 && a.rank() != 4))
      fail("both need three axes or four");
    const BatchMatmulConfig config = config_of(op);
    const Matrices of_a = matrices(a, config.swap_a), of_b = matrices(b, config.swap_b);
    if (of_a.batch != of_b.batch || of_a.heads != of_b.heads) fail("their numbers differ");
    const int64_t m = config.transpose_a ? of_a.columns : of_a.rows;
    const int64_t n = config.transpose_b ? of_b.rows : of_b.columns;
    if ((config.transpose_a ? of_a.rows : of_a.columns) !=
        (config.transpose_b ? of_b.columns : of_b.rows))
      fail("the columns of the first are not as many as the rows of the second");
    if (a.rank() == 3) return {{Shape{of_a.batch, m, n}}};
    return {{config.swap_dst ? Shape{of_a.batch, m, of_a.heads, n}
                             : Shape{of_a.batch, of_a.heads, m, n}}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>& wanted) const override {
    const BatchMatmulConfig c = config_of(op);
    const ValueId a = op.inputs[0], b = op.inputs[1], diff = diff_outputs[0];
    std::vector<ValueId> gradients(2, kNoValue);
    builder.set_phase(Phase::kBackwardData);
    if (wanted[0])
      gradients[0] = c.transpose_a
                         ? batch_matmul(builder, b, diff,
                                        {c.transpose_b, true, c.swap_b, c.swap_dst, c.swap_a})
                         : batch_matmul(builder, diff, b,
                                        {false, !c.transpose_b, c.swap_dst, c.swap_b, c.swap_a});
    if (wanted[1])
      gradients[1] = c.transpose_b
                         ? batch_matmul(builder, diff, a,
                                        {true, c.transpose_a, c.swap_dst, c.swap_a, c.swap_b})
                         : batch_matmul(builder, a, diff,
                                        {!c.transpose_a, false, c.swap_a, c.swap_dst, c.swap_b});
    return gradients;
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    const BatchMatmulGeometry g = batch_matmul_geometry(graph, op);
    return {.multiply_accumulates = g.batch * g.heads * g.m * g.n * g.k};
  }
};

}  // namespace

const OpKind& batch_matmul_kind() {
  static const BatchMatmul kind;
  return kind;
}

ValueId batch_matmul(Builder& builder, ValueId a, ValueId b, const BatchMatmulConfig& config) {
  return builder.add_op(batch_matmul_kind(), {a, b},
                        {{"transpose_a", int64_t{config.transpose_a}},
                         {"transpose_b", int64_t{config.transpose_b}},
                         {"swap_a", int64_t{config.swap_a}},
                         {"swap_b", int64_t{config.swap_b}},
                         {"swap_dst", int64_t{config.swap_dst}}})[0];
}

BatchMatmulGeometry batch_matmul_geometry(const Graph& graph, const Op& op) {
  const BatchMatmulConfig config = config_of(op);
  const Matrices a = matrices(graph.input(op, 0).shape, config.swap_a);
  const Matrices b = matrices(graph.input(op, 1).shape, config.swap_b);
  BatchMatmulGeometry g{};
  g.batch = a.batch;
  g.heads = a.heads;
  g.transpose_a = config.transpose_a;
  g.transpose_b = config.transpose_b;
  g.m = g.transpose_a ? a.columns : a.rows;
  g.k = g.transpose_a ? a.rows : a.columns;
  g.n = g.transpose_b ? b.rows : b.columns;
  g.a = places(a, config.swap_a);
  g.b = places(b, config.swap_b);
  g.dst = places({g.batch, g.heads, g.m, g.n}, config.swap_dst);
  return g;
}

}  // namespace pronghorn::graph
