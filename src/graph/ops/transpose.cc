#include "graph/ops/transpose.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

bool is_permutation_of_axes(const std::vector<int64_t>& permutation, int rank) {
  std::vector<int64_t> axes(static_cast<size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  return std::is_permutation(axes.begin(), axes.end(), permutation.begin(), permutation.end());
}

class Transpose final : public OpKind {
 public:
  std::string_view name() const override { return "transpose"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& src = graph.input(op, 0).shape;
    const auto& permutation = op.attributes.integers("permutation");
    if (!is_permutation_of_axes(permutation, src.rank()))
      throw ShapeError(fmt::format("[{}] is no order of the axes of {}",
                                   fmt::join(permutation, ", "), src.to_string()));
    std::vector<int64_t> extents;
    for (const int64_t axis : permutation) extents.push_back(src[static_cast<int>(axis)]);
    return {{Shape(std::move(extents))}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    return {transpose(builder, diff_outputs[0],
                      inverse_permutation(op.attributes.integers("permutation")))};
  }

  Cost arithmetic(const Graph&, const Op&) const override { return {}; }
};

}  // namespace

const OpKind& transpose_kind() {
  static const Transpose kind;
  return kind;
}

ValueId transpose(Builder& builder, ValueId src, std::vector<int64_t> permutation) {
  if (is_permutation_of_axes(permutation, builder.graph().value(src).shape.rank()) &&
      std::is_sorted(permutation.begin(), permutation.end()))
    return src;
  return builder.add_op(transpose_kind(), {src}, {{"permutation", std::move(permutation)}})[0];
}

std::vector<int64_t> inverse_permutation(const std::vector<int64_t>& permutation) {
  std::vector<int64_t> inverse(permutation.size());
  for (size_t axis = 0; axis < permutation.size(); ++axis)
    inverse[static_cast<size_t>(permutation[axis])] = static_cast<int64_t>(axis);
  return inverse;
}

TransposeGeometry transpose_geometry(const Shape& src, const std::vector<int64_t>& permutation) {
  std::vector<int64_t> strides(permutation.size());
  int64_t stride = 1;
  for (int axis = src.rank(); axis-- > 0;) {
    strides[static_cast<size_t>(axis)] = stride;
    stride *= src[axis];
  }
  TransposeGeometry g;
  for (const int64_t axis : permutation) {
    const int64_t extent = src[static_cast<int>(axis)];
    const int64_t step = strides[static_cast<size_t>(axis)];
    if (extent == 1) continue;
    // One step of the axis before is a whole round of this one.
    if (!g.extents.empty() && g.strides.back() == extent * step) {
      g.extents.back() *= extent;
      g.strides.back() = step;
    } else {
      g.extents.push_back(extent);
      g.strides.push_back(step);
    }
  }
  return g;
}

}  // namespace pronghorn::graph
