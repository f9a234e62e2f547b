#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "graph/ops/broadcast.h"
#include "graph/ops/concatenate.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/reshape.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {
namespace {

// Shapes broadcast as numpy's do, the batch apart: of fewer axes than others means ones in front.
// None where they don't.
std::optional<Shape> broadcast_shape(const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() < b.rank() ? b : a;
  const Shape& shorter = a.rank() < b.rank() ? a : b;
  std::vector<int64_t> extents(longer.extents().begin(), longer.extents().end());
  const size_t missing = extents.size() - static_cast<size_t>(shorter.rank());
  for (size_t axis = missing; axis < extents.size(); ++axis) {
    const int64_t other = shorter[static_cast<int>(axis - missing)];
    if (extents[axis] == 1)
      extents[axis] = other;
    else if (other != 1 && other != extents[axis])
      return std::nullopt;
  }
  return Shape(std::move(extents));
}

graph::ValueId lower_broadcast(graph::Builder& builder, graph::ValueId src, const Shape& shape) {
  const Shape src_shape = builder.graph().value(src).shape;
  std::vector<int64_t> extents(static_cast<size_t>(shape.rank() + 1), 1);
  extents[0] = src_shape[0];
  std::copy(src_shape.extents().begin() + 1, src_shape.extents().end(),
            extents.end() - (src_shape.rank() - 1));
  const Shape expanded(std::move(extents));
  if (!(expanded == src_shape)) src = graph::reshape(builder, src, expanded);
  return graph::broadcast(builder, src, shape.with_batch(src_shape[0]));
}

using Combine = graph::ValueId (*)(graph::Builder& builder, graph::ValueId a, graph::ValueId b);

template <graph::StageFunction kFunction>
graph::ValueId combine(graph::Builder& builder, graph::ValueId a, graph::ValueId b) {
  return graph::elementwise(builder, a, {kFunction}, b);
}

// Add, Subtract, Multiply, Average, Maximum, Minimum: from the first input to the last.
class Merge final : public Layer {
 public:
  Merge(std::string_view class_name, Combine combine)
      : class_name_(class_name), combine_(combine) {}

  std::string_view class_name() const override { return class_name_; }
  nlohmann::ordered_json config() const override { return nlohmann::ordered_json::object(); }

  Shape output_shape(std::span<const Shape> inputs) const override {
    if (class_name_ == "Subtract" && inputs.size() != 2)
      fail(fmt::format("takes two inputs, not {}", inputs.size()));
    if (inputs.size() < 2) fail(fmt::format("takes two inputs or more, not {}", inputs.size()));
    Shape shape = inputs[0];
    for (const Shape& input : inputs.subspan(1)) {
      std::optional<Shape> broadcast = broadcast_shape(shape, input);
      if (!broadcast)
        fail(fmt::format("its inputs {} and {} differ, and don't broadcast",
                         inputs[0].to_string_any_batch(), input.to_string_any_batch()));
      shape = *std::move(broadcast);
    }
    return shape;
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    std::vector<Shape> shapes;
    for (const graph::ValueId input : inputs)
      shapes.push_back(builder.graph().value(input).shape.without_batch());
    const Shape shape = output_shape(shapes);
    graph::ValueId merged = lower_broadcast(builder, inputs[0], shape);
    for (const graph::ValueId input : inputs.subspan(1))
      merged = combine_(builder, merged, lower_broadcast(builder, input, shape));
    return class_name_ == "Average"
               ? graph::scale(builder, merged, 1.0 / static_cast<double>(inputs.size()))
               : merged;
  }

 private:
  std::string_view class_name_;
  Combine combine_;
};

class Concatenate final : public Layer {
 public:
  explicit Concatenate(int64_t axis) : axis_(axis) {}

  std::string_view class_name() const override { return "Concatenate"; }
  nlohmann::ordered_json config() const override { return {{"axis", axis_}}; }

  Shape output_shape(std::span<const Shape> inputs) const override {
    if (inputs.empty()) fail("takes one input or more, not 0");
    const int axis = axis_without_batch(inputs[0]);
    std::vector<int64_t> extents(inputs[0].extents().begin(), inputs[0].extents().end());
    for (const Shape& input : inputs.subspan(1)) {
      bool fits = input.rank() == inputs[0].rank();
      for (int i = 0; fits && i < input.rank(); ++i) fits = i == axis || input[i] == inputs[0][i];
      if (!fits)
        fail(fmt::format("its inputs {} and {} differ in more than axis {}",
                         inputs[0].to_string_any_batch(), input.to_string_any_batch(), axis_));
      extents[static_cast<size_t>(axis)] += input[axis];
    }
    return Shape(std::move(extents));
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    const Shape shape = lowering.builder.graph().value(inputs[0]).shape.without_batch();
    return graph::concatenate(lowering.builder, {inputs.begin(), inputs.end()},
                              axis_without_batch(shape) + 1);
  }

 private:
  // Keras counts the batch as axis 0.
  int axis_without_batch(const Shape& input) const {
    const int64_t axis = axis_ < 0 ? axis_ + input.rank() : axis_ - 1;
    if (axis < 0 || axis >= input.rank())
      fail(fmt::format("axis {} is none of its input {} (beside the batch)", axis_,
                       input.to_string_any_batch()));
    return static_cast<int>(axis);
  }

  int64_t axis_;
};

}  // namespace

std::shared_ptr<Layer> make_add(ConfigReader&) {
  return std::make_shared<Merge>("Add", graph::add);
}
std::shared_ptr<Layer> make_average(ConfigReader&) {
  return std::make_shared<Merge>("Average", graph::add);
}
std::shared_ptr<Layer> make_subtract(ConfigReader&) {
  return std::make_shared<Merge>("Subtract", graph::subtract);
}
std::shared_ptr<Layer> make_multiply(ConfigReader&) {
  return std::make_shared<Merge>("Multiply", graph::multiply);
}
std::shared_ptr<Layer> make_maximum(ConfigReader&) {
  return std::make_shared<Merge>("Maximum", combine<graph::StageFunction::kMaximum>);
}
std::shared_ptr<Layer> make_minimum(ConfigReader&) {
  return std::make_shared<Merge>("Minimum", combine<graph::StageFunction::kMinimum>);
}

std::shared_ptr<Layer> make_concatenate(ConfigReader& reader) {
  return std::make_shared<Concatenate>(reader.integer("axis", -1));
}

}  // namespace pronghorn::model
