#include "graph/ops/concatenate.h"

#include <fmt/format.h>

#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

Shape with_extent(const Shape& shape, int64_t axis, int64_t extent) {
  std::vector<int64_t> extents(shape.extents().begin(), shape.extents().end());
  extents[static_cast<size_t>(axis)] = extent;
  return Shape(std::move(extents));
}

class Concatenate final : public OpKind {
 public:
  std::string_view name() const override { return "concatenate"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const int64_t axis = op.attributes.integer("axis");
    const Shape& first = graph.input(op, 0).shape;
    int64_t extent = 0;
    for (ValueId input : op.inputs) {
      const Shape& shape = graph.value(input).shape;
      if (shape.rank() != first.rank() ||
          !(with_extent(shape, axis, 0) == with_extent(first, axis, 0)))
        throw ShapeError(
            fmt::format("concatenate along axis {} of {} and {}: the other axes "
                        "differ",
                        axis, first.to_string(), shape.to_string()));
      extent += shape[static_cast<int>(axis)];
    }
    return {{with_extent(first, axis, extent)}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>& wanted) const override {
    const int64_t axis = op.attributes.integer("axis");
    std::vector<ValueId> gradients(op.inputs.size(), kNoValue);
    builder.set_phase(Phase::kBackwardData);
    int64_t begin = 0;
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      const int64_t size = builder.graph().value(op.inputs[i]).shape[static_cast<int>(axis)];
      if (wanted[i]) gradients[i] = slice(builder, diff_outputs[0], axis, begin, size);
      begin += size;
    }
    return gradients;
  }

  Cost arithmetic(const Graph&, const Op&) const override { return {}; }
};

class Slice final : public OpKind {
 public:
  std::string_view name() const override { return "slice"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{with_extent(graph.input(op, 0).shape, op.attributes.integer("axis"),
                         op.attributes.integer("size"))}};
  }

  Cost arithmetic(const Graph&, const Op&) const override { return {}; }
};

}  // namespace

const OpKind& concatenate_kind() {
  static const Concatenate kind;
  return kind;
}
const OpKind& slice_kind() {
  static const Slice kind;
  return kind;
}

AxisGeometry axis_geometry(const Shape& shape, int64_t axis) {
  AxisGeometry g{1, shape[static_cast<int>(axis)], 1};
  for (int i = 0; i < axis; ++i) g.outer *= shape[i];
  for (int i = static_cast<int>(axis) + 1; i < shape.rank(); ++i) g.inner *= shape[i];
  return g;
}

ValueId concatenate(Builder& builder, const std::vector<ValueId>& inputs, int64_t axis) {
  return builder.add_op(concatenate_kind(), inputs, {{"axis", axis}})[0];
}
ValueId slice(Builder& builder, ValueId src, int64_t axis, int64_t begin, int64_t size) {
  return builder.add_op(slice_kind(), {src}, {{"axis", axis}, {"begin", begin}, {"size", size}})[0];
}

}  // namespace pronghorn::graph
