#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "graph/ops/batch_matmul.h"
#include "graph/ops/l2_normalize.h"
#include "graph/ops/reshape.h"
#include "graph/ops/transpose.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {
namespace {

using graph::ValueId;

// Sums the products of two inputs along an axis of each; all other axes remain, the first input's
// before the second's. Keras counts the batch as axis 0; of two vectors a row of one number comes
// out (keras/src/layers/merging/dot.py, 3.15).
class Dot final : public Layer {
 public:
  Dot(std::vector<int64_t> axes, bool one_axis, bool normalize)
      : axes_(std::move(axes)), one_axis_(one_axis), normalize_(normalize) {}

  std::string_view class_name() const override { return "Dot"; }
  nlohmann::ordered_json config() const override {
    nlohmann::ordered_json config;
    config["axes"] = one_axis_ ? nlohmann::ordered_json(axes_[0]) : nlohmann::ordered_json(axes_);
    config["normalize"] = normalize_;
    return config;
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    if (inputs.size() != 2) fail(fmt::format("takes two inputs, not {}", inputs.size()));
    std::vector<int64_t> extents;
    std::array<int64_t, 2> summed{};
    for (size_t i = 0; i < 2; ++i) {
      const int axis = axis_of(i, inputs[i]);
      summed[i] = inputs[i][axis];
      for (int other = 0; other < inputs[i].rank(); ++other)
        if (other != axis) extents.push_back(inputs[i][other]);
    }
    if (summed[0] != summed[1])
      fail(fmt::format("can't sum {} products with {}: the axes of its inputs {} and {} differ",
                       summed[0], summed[1], inputs[0].to_string_any_batch(),
                       inputs[1].to_string_any_batch()));
    if (extents.empty()) extents.push_back(1);
    return Shape(std::move(extents));
  }

  graph::ValueId lower(Lowering& lowering, std::span<const ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    const Shape first = builder.graph().value(inputs[0]).shape;
    const Shape second = builder.graph().value(inputs[1]).shape;
    const std::array shapes{first.without_batch(), second.without_batch()};
    const ValueId a = rows(builder, inputs[0], axis_of(0, shapes[0]));
    const ValueId b = rows(builder, inputs[1], axis_of(1, shapes[1]));
    const ValueId product = graph::batch_matmul(builder, a, b, {.transpose_b = true});
    return graph::reshape(builder, product, output_shape(shapes).with_batch(first[0]));
  }

 private:
  // (batch, ..., summed, ...) as (batch, all others, summed).
  ValueId rows(graph::Builder& builder, ValueId src, int axis) const {
    const Shape shape = builder.graph().value(src).shape;
    const int summed = axis + 1;
    if (summed != shape.rank() - 1) {
      std::vector<int64_t> permutation;
      for (int other = 0; other < shape.rank(); ++other)
        if (other != summed) permutation.push_back(other);
      permutation.push_back(summed);
      src = graph::transpose(builder, src, std::move(permutation));
    }
    constexpr double kEpsilon = 1e-7;  // keras.ops.normalize's
    if (normalize_) src = graph::l2_normalize(builder, src, kEpsilon);
    const int64_t count = shape[summed];
    return graph::reshape(builder, src, {shape[0], shape.elements() / (shape[0] * count), count});
  }

  // Without the batch.
  int axis_of(size_t input, const Shape& shape) const {
    const int64_t given = axes_[one_axis_ ? 0 : input];
    const int64_t axis = given < 0 ? given + shape.rank() : given - 1;
    if (axis < 0 || axis >= shape.rank())
      fail(fmt::format("axis {} is none of its input {} (beside the batch)", given,
                       shape.to_string_any_batch()));
    return static_cast<int>(axis);
  }

  std::vector<int64_t> axes_;
  bool one_axis_;
  bool normalize_;
};

}  // namespace

std::shared_ptr<Layer> make_dot(ConfigReader& reader) {
  bool one_axis = false;
  std::vector<int64_t> axes = reader.integers("axes", {}, one_axis);
  if (axes.size() != (one_axis ? 1u : 2u))
    reader.fail("axes", "must be an axis of both inputs, or one of each");
  const bool normalize = reader.boolean("normalize", false);
  return std::make_shared<Dot>(std::move(axes), one_axis, normalize);
}

}  // namespace pronghorn::model
