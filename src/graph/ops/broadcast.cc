#include "graph/ops/broadcast.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/ops/reshape.h"
#include "graph/ops/sum_rows.h"
#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

Attributes shape_attribute(const Shape& shape) {
  return {{"shape", std::vector<int64_t>(shape.extents().begin(), shape.extents().end())}};
}

void check_broadcasts(const Shape& small, const Shape& large) {
  bool fits = small.rank() == large.rank();
  for (int axis = 0; fits && axis < small.rank(); ++axis)
    fits = small[axis] == large[axis] || small[axis] == 1;
  if (!fits)
    throw ShapeError(
        fmt::format("{} can't be broadcast to {}", small.to_string(), large.to_string()));
}

// `small` with its last group of axes that are neighbours as in `large`; axes of one element in
// both belong to any group.
Shape with_last_group(const Shape& small, const Shape& large) {
  std::vector<int64_t> extents(small.extents().begin(), small.extents().end());
  bool in_group = false;
  for (int axis = small.rank(); axis-- > 0;) {
    if (small[axis] != large[axis])
      in_group = true;
    else if (in_group && large[axis] != 1)
      break;
    extents[static_cast<size_t>(axis)] = large[axis];
  }
  return Shape(std::move(extents));
}

class Broadcast final : public OpKind {
 public:
  std::string_view name() const override { return "broadcast"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape dst(op.attributes.integers("shape"));
    check_broadcasts(graph.input(op, 0).shape, dst);
    return {{dst}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    return {reduce_sum(builder, diff_outputs[0], builder.graph().input(op, 0).shape)};
  }

  Cost arithmetic(const Graph&, const Op&) const override { return {}; }
};

class ReduceSum final : public OpKind {
 public:
  std::string_view name() const override { return "reduce_sum"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape dst(op.attributes.integers("shape"));
    check_broadcasts(dst, graph.input(op, 0).shape);
    return {{dst}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    return {broadcast(builder, diff_outputs[0], builder.graph().input(op, 0).shape)};
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = graph.input(op, 0).shape.elements()};
  }
};

}  // namespace

const OpKind& broadcast_kind() {
  static const Broadcast kind;
  return kind;
}
const OpKind& reduce_sum_kind() {
  static const ReduceSum kind;
  return kind;
}

RepeatGeometry repeat_geometry(const Shape& small, const Shape& large) {
  RepeatGeometry g{1, 1, 1};
  for (int axis = 0; axis < large.rank(); ++axis) {
    if (small[axis] != large[axis]) {
      g.repeat *= large[axis] * g.inner;  // axes of one element, at most, lay between
      g.inner = 1;
    } else if (g.repeat == 1) {
      g.outer *= large[axis];
    } else {
      g.inner *= large[axis];
    }
  }
  return g;
}

ValueId broadcast(Builder& builder, ValueId src, Shape shape) {
  for (;;) {
    const Shape small = builder.graph().value(src).shape;
    if (small == shape) return src;
    check_broadcasts(small, shape);
    src =
        builder.add_op(broadcast_kind(), {src}, shape_attribute(with_last_group(small, shape)))[0];
  }
}

ValueId reduce_sum(Builder& builder, ValueId src, Shape shape) {
  Shape large = builder.graph().value(src).shape;
  check_broadcasts(shape, large);
  if (shape.rank() > 0 && shape[0] != large[0]) {
    std::vector<int64_t> extents(large.extents().begin(), large.extents().end());
    const int64_t batch = std::exchange(extents[0], 1);
    src = reshape(builder, src, {batch, large.elements() / batch});
    src = reshape(builder, sum_rows(builder, src), Shape(std::move(extents)));
    large = builder.graph().value(src).shape;
  }
  // From the last group on, each time what has that group summed up.
  while (!(large == shape)) {
    const Shape expanded = with_last_group(shape, large);
    std::vector<int64_t> extents(large.extents().begin(), large.extents().end());
    for (int axis = 0; axis < large.rank(); ++axis)
      if (expanded[axis] != shape[axis]) extents[static_cast<size_t>(axis)] = 1;
    large = Shape(std::move(extents));
    src = builder.add_op(reduce_sum_kind(), {src}, shape_attribute(large))[0];
  }
  return src;
}

}  // namespace pronghorn::graph
