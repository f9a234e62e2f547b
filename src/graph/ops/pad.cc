#include "graph/ops/pad.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

// The extents, larger or smaller by before and after.
Shape resized(const Shape& src, const Op& op, int64_t sign) {
  const auto& before = op.attributes.integers("before");
  const auto& after = op.attributes.integers("after");
  std::vector<int64_t> extents;
  for (int axis = 0; axis < src.rank(); ++axis) {
    const auto i = static_cast<size_t>(axis);
    extents.push_back(src[axis] + sign * (before[i] + after[i]));
    if (extents.back() < 1)
      throw ShapeError(fmt::format("cropping ({}) and ({}) elements of {} leaves nothing",
                                   fmt::join(before, ", "), fmt::join(after, ", "),
                                   src.to_string()));
  }
  return Shape(std::move(extents));
}

class Pad final : public OpKind {
 public:
  std::string_view name() const override { return "pad"; }
  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{resized(graph.input(op, 0).shape, op, 1)}};
  }
  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    return {crop(builder, diff_outputs[0], op.attributes.integers("before"),
                 op.attributes.integers("after"))};
  }
  Cost arithmetic(const Graph&, const Op&) const override { return {}; }
};

class Crop final : public OpKind {
 public:
  std::string_view name() const override { return "crop"; }
  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{resized(graph.input(op, 0).shape, op, -1)}};
  }
  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    return {pad(builder, diff_outputs[0], op.attributes.integers("before"),
                op.attributes.integers("after"))};
  }
  Cost arithmetic(const Graph&, const Op&) const override { return {}; }
};

}  // namespace

const OpKind& pad_kind() {
  static const Pad kind;
  return kind;
}
const OpKind& crop_kind() {
  static const Crop kind;
  return kind;
}

BlockGeometry block_geometry(const Shape& large, const Shape& small,
                             const std::vector<int64_t>& before) {
  BlockGeometry g;
  for (int axis = 0; axis < large.rank(); ++axis) {
    if (axis > 0 && large[axis] == small[axis]) {
      g.large.back() *= large[axis];
      g.small.back() *= large[axis];
      g.before.back() *= large[axis];
    } else {
      g.large.push_back(large[axis]);
      g.small.push_back(small[axis]);
      g.before.push_back(before[static_cast<size_t>(axis)]);
    }
  }
  return g;
}

ValueId pad(Builder& builder, ValueId src, std::vector<int64_t> before,
            std::vector<int64_t> after) {
  return builder.add_op(pad_kind(), {src},
                        {{"before", std::move(before)}, {"after", std::move(after)}})[0];
}
ValueId crop(Builder& builder, ValueId src, std::vector<int64_t> before,
             std::vector<int64_t> after) {
  return builder.add_op(crop_kind(), {src},
                        {{"before", std::move(before)}, {"after", std::move(after)}})[0];
}

}  // namespace pronghorn::graph
