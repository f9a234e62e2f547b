#include "graph/ops/matmul_update.h"

#include "graph/ops/adafactor_update.h"
#include "graph/ops/optimizer_update.h"

namespace pronghorn::graph {
namespace {

class MatmulUpdate final : public OpKind {
 public:
  std::string_view name() const override { return "matmul_update"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Graph parts = parts_of_update(graph, op);
    return parts.ops[1].kind->infer_outputs(parts, parts.ops[1]);
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    const Graph parts = parts_of_update(graph, op);
    Cost cost;
    for (const Op& part : parts.ops) cost += part.kind->arithmetic(parts, part);
    return cost;
  }

  // Output 0 is the parameter (input 0), output i the slot at input i + 2.
  std::vector<Alias> required_aliases(const Op& op) const override {
    std::vector<Alias> aliases{{0, 0}};
    for (int slot = kFirstSlotOfMatmulUpdate; slot < static_cast<int>(op.inputs.size()); ++slot)
      aliases.push_back({slot, slot - kFirstSlotOfMatmulUpdate + 1});
    return aliases;
  }
};

Attributes product_attributes() {
  return {{"transpose_a", int64_t{1}}, {"transpose_b", int64_t{0}}};
}

}  // namespace

const OpKind& matmul_update_kind() {
  static const MatmulUpdate kind;
  return kind;
}

Op matmul_update(const Op& product, const Op& update) {
  Op op = update;
  op.kind = &matmul_update_kind();
  op.phase = product.phase;
  op.inputs = {update.inputs[0], product.inputs[0], product.inputs[1]};
  op.inputs.insert(op.inputs.end(), update.inputs.begin() + 2, update.inputs.end());
  return op;
}

Graph parts_of_update(const Graph& graph, const Op& op) {
  Graph parts;
  parts.batch = graph.batch;
  parts.values = graph.values;
  const MatmulGeometry g = gradient_geometry(graph, op);
  Value gradient;
  gradient.name = "gradient";
  gradient.shape = {g.m, g.n};
  parts.values.push_back(std::move(gradient));
  const auto id = static_cast<ValueId>(parts.values.size() - 1);

  Op product = op, update = op;
  product.kind = &matmul_kind();
  product.attributes = product_attributes();
  product.inputs = {op.inputs[1], op.inputs[2]};
  product.outputs = {id};
  update.kind = &optimizer_update_kind();
  update.phase = Phase::kUpdate;
  update.inputs = {op.inputs[0], id};
  update.inputs.insert(update.inputs.end(), op.inputs.begin() + kFirstSlotOfMatmulUpdate,
                       op.inputs.end());
  parts.ops = {std::move(product), std::move(update)};
  return parts;
}

MatmulGeometry gradient_geometry(const Graph& graph, const Op& op) {
  const Shape& a = graph.input(op, 1).shape;
  const Shape& diff_dst = graph.input(op, 2).shape;
  return {a[1], diff_dst[1], a[0], /*transpose_a=*/true, /*transpose_b=*/false};
}

bool updates_parameter(const Op& op) {
  return op.kind == &optimizer_update_kind() || op.kind == &matmul_update_kind() ||
         op.kind == &adafactor_update_kind();
}

}  // namespace pronghorn::graph
