#include "graph/ops/reshape.h"

#include <fmt/format.h>

#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

class Reshape final : public OpKind {
 public:
  std::string_view name() const override { return "reshape"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& src = graph.input(op, 0).shape;
    const Shape dst(op.attributes.integers("shape"));
    if (src.elements() != dst.elements())
      throw ShapeError(fmt::format("{} has {} elements and can't be reshaped to {}",
                                   src.to_string(), src.elements(), dst.to_string()));
    return {{dst, graph.input(op, 0).element}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    return {reshape(builder, diff_outputs[0], builder.graph().input(op, 0).shape)};
  }

  Cost arithmetic(const Graph&, const Op&) const override { return {}; }
  std::vector<Alias> required_aliases(const Op&) const override { return {{0, 0}}; }
  bool is_view() const override { return true; }
};

class Reorder final : public OpKind {
 public:
  std::string_view name() const override { return "reorder"; }
  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{graph.input(op, 0).shape, graph.input(op, 0).element}};
  }
  Cost arithmetic(const Graph&, const Op&) const override { return {}; }
};

}  // namespace

const OpKind& reshape_kind() {
  static const Reshape kind;
  return kind;
}
const OpKind& reorder_kind() {
  static const Reorder kind;
  return kind;
}

ValueId reshape(Builder& builder, ValueId src, const Shape& shape) {
  const auto extents = shape.extents();
  return builder.add_op(reshape_kind(), {src},
                        {{"shape", std::vector<int64_t>(extents.begin(), extents.end())}})[0];
}

}  // namespace pronghorn::graph
