#include "graph/ops/constrain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace pronghorn::graph {
namespace {

// In the order of ConstraintFunction.
constexpr std::array<std::string_view, 4> kNames = {"non_neg", "unit_norm", "max_norm",
                                                    "min_max_norm"};

class Constrain final : public OpKind {
 public:
  std::string_view name() const override { return "constrain"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{graph.input(op, 0).shape}};
  }

  // A multiply-add for the norms and a product, or a maximum.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    const int64_t elements = graph.input(op, 0).shape.elements();
    return {.other_flops =
                constraint_function(op) == ConstraintFunction::kNonNeg ? elements : 3 * elements};
  }

  std::vector<Alias> required_aliases(const Op&) const override { return {{0, 0}}; }
};

}  // namespace

const OpKind& constrain_kind() {
  static const Constrain kind;
  return kind;
}

ConstraintFunction constraint_function(const Op& op) {
  const std::string& name = op.attributes.text("function");
  for (size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return static_cast<ConstraintFunction>(i);
  throw std::logic_error(fmt::format("no constraint '{}'", name));
}

NormGeometry norm_geometry(const Shape& shape, const std::vector<int64_t>& axes) {
  const auto summed = [&](int axis) {
    return std::find(axes.begin(), axes.end(), axis) != axes.end();
  };
  NormGeometry geometry{};
  const int last = shape.rank() - 1;
  geometry.columns = shape.rank() == 0 ? 1 : shape.back();
  geometry.rows = shape.elements() / geometry.columns;
  geometry.by_column = last >= 0 && !summed(last);
  const int64_t norms_per_row = geometry.by_column ? geometry.columns : 1;
  geometry.norms = norms_per_row;
  for (int axis = 0; axis < last; ++axis)
    if (!summed(axis)) geometry.norms *= shape[axis];
  for (int64_t row = 0; row < geometry.rows; ++row) {
    // The row's number without its summed axes.
    int64_t rest = row, number = 0, scale = 1;
    for (int axis = last - 1; axis >= 0; --axis) {
      const int64_t index = rest % shape[axis];
      rest /= shape[axis];
      if (summed(axis)) continue;
      number += index * scale;
      scale *= shape[axis];
    }
    geometry.norm_of_row.push_back(number * norms_per_row);
  }
  return geometry;
}

void constrain(Builder& builder, ValueId parameter, Attributes attributes) {
  builder.add_op(constrain_kind(), {parameter}, std::move(attributes));
}

}  // namespace pronghorn::graph
