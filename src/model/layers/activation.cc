#include "model/activation.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "graph/ops/broadcast.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/reshape.h"
#include "graph/ops/softmax.h"
#include "graph/ops/transpose.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;
using F = graph::StageFunction;

class Activation final : public Layer {
 public:
  explicit Activation(std::string activation) : activation_(std::move(activation)) {}

  std::string_view class_name() const override { return "Activation"; }
  Json config() const override { return {{"activation", activation_}}; }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    if (keeps_shape(activation_)) return input;
    if (input.rank() == 0 || input.back() % 2 != 0)
      fail(fmt::format("{} halves the last axis, which of its input {} is odd", activation_,
                       input.to_string_any_batch()));
    std::vector<int64_t> extents(input.extents().begin(), input.extents().end());
    extents.back() /= 2;
    return Shape(std::move(extents));
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    return lower_activation(lowering.builder, inputs[0], activation_);
  }

 private:
  std::string activation_;
};

// Keras's classes that are one activation each: ReLU, LeakyReLU, ELU.
class ElementwiseActivation final : public Layer {
 public:
  ElementwiseActivation(std::string_view class_name, graph::Stage stage, Json config)
      : class_name_(class_name), stage_(stage), config_(std::move(config)) {}

  std::string_view class_name() const override { return class_name_; }
  Json config() const override { return config_; }

  Shape output_shape(std::span<const Shape> inputs) const override { return only_input(inputs); }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    return graph::elementwise(lowering.builder, inputs[0], stage_);
  }

 private:
  std::string_view class_name_;
  graph::Stage stage_;
  Json config_;
};

class Softmax final : public Layer {
 public:
  explicit Softmax(int64_t axis) : axis_(axis) {}

  std::string_view class_name() const override { return "Softmax"; }
  Json config() const override { return {{"axis", axis_}}; }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    if (input.rank() == 0) fail("needs an axis beside the batch, its input is (None,)");
    axis_of(input);
    return input;
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    const Shape shape = builder.graph().value(inputs[0]).shape;
    // The axis and the last change places, and back.
    std::vector<int64_t> swapped(static_cast<size_t>(shape.rank()));
    std::iota(swapped.begin(), swapped.end(), 0);
    std::swap(swapped.back(), swapped[static_cast<size_t>(axis_of(shape.without_batch())) + 1]);
    const graph::ValueId rows = graph::transpose(builder, inputs[0], swapped);
    return graph::transpose(builder, graph::softmax(builder, rows), swapped);
  }

 private:
  // Without the batch, which Keras counts as axis 0.
  int axis_of(const Shape& input) const {
    const int64_t axis = axis_ < 0 ? axis_ + input.rank() : axis_ - 1;
    if (axis < 0 || axis >= input.rank())
      fail(fmt::format("axis {} is none of its input {} (beside the batch)", axis_,
                       input.to_string_any_batch()));
    return static_cast<int>(axis);
  }

  int64_t axis_;
};

// max(x, 0) + alpha min(x, 0); its weight alpha has the input's shape, with one element along the
// shared axes.
class PReLU final : public Layer {
 public:
  PReLU(WeightArguments alpha, std::vector<int64_t> shared_axes)
      : alpha_(std::move(alpha)), shared_axes_(std::move(shared_axes)) {}

  std::string_view class_name() const override { return "PReLU"; }
  Json config() const override {
    return {{"alpha_initializer", to_json(alpha_.initializer)},
            {"alpha_regularizer", to_json(alpha_.regularizer)},
            {"alpha_constraint", to_json(alpha_.constraint)},
            {"shared_axes", shared_axes_.empty() ? Json() : Json(shared_axes_)}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    const Shape alpha = alpha_shape(input);
    if (built() && !(alpha == weights()[0].shape))
      fail(fmt::format("its weight alpha {} is not for its input {}",
                       weights()[0].shape.to_string(), input.to_string_any_batch()));
    return input;
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    const graph::ValueId src = inputs[0];
    const Shape shape = builder.graph().value(src).shape;
    const graph::ValueId alpha =
        graph::broadcast(builder,
                         graph::reshape(builder, lowering.weights[0],
                                        alpha_shape(shape.without_batch()).with_batch(1)),
                         shape);
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const graph::ValueId below =
        graph::elementwise(builder, src, {F::kClip, -1, -kInfinity, 0, 0.0});
    const graph::ValueId scaled = graph::multiply(builder, below, alpha);
    return graph::add(builder, scaled, graph::elementwise(builder, src, {F::kRelu}));
  }

 protected:
  void build(std::span<const Shape> inputs) override {
    add_weight("alpha", alpha_shape(inputs[0]), alpha_);
  }

 private:
  Shape alpha_shape(const Shape& input) const {
    std::vector<int64_t> extents(input.extents().begin(), input.extents().end());
    for (const int64_t axis : shared_axes_) {
      if (axis > input.rank())
        fail(fmt::format("shared axis {} is none of its input {}", axis,
                         input.to_string_any_batch()));
      extents[static_cast<size_t>(axis) - 1] = 1;
    }
    return Shape(std::move(extents));
  }

  WeightArguments alpha_;
  std::vector<int64_t> shared_axes_;  // the batch is axis 0
};

}  // namespace

std::shared_ptr<Layer> make_activation(ConfigReader& reader) {
  std::string activation = reader.activation("activation", "", /*any_shape=*/true);
  if (activation.empty()) reader.fail("activation", "is missing");
  return std::make_shared<Activation>(std::move(activation));
}

std::shared_ptr<Layer> make_relu(ConfigReader& reader) {
  const std::optional<double> max_value = reader.optional_real("max_value");
  const double slope = reader.real("negative_slope", 0);
  const double threshold = reader.real("threshold", 0);
  const auto check = [&](const char* name, double value) {
    if (value < 0) reader.fail(name, fmt::format("is {}; it must not be negative", value));
  };
  check("max_value", max_value.value_or(0));
  check("negative_slope", slope);
  check("threshold", threshold);
  const double most = max_value.value_or(std::numeric_limits<double>::infinity());
  graph::Stage stage{F::kRelu};
  if (threshold != 0 || (slope != 0 && max_value))
    stage = {F::kCappedRelu, -1, slope, 0, most, threshold};
  else if (slope != 0)
    stage = {F::kLeakyRelu, -1, slope};
  else if (max_value)
    stage = {F::kClip, -1, 0, 0, most};
  return std::make_shared<ElementwiseActivation>(
      "ReLU", stage,
      Json{{"max_value", max_value ? Json(*max_value) : Json()},
           {"negative_slope", slope},
           {"threshold", threshold}});
}

std::shared_ptr<Layer> make_leaky_relu(ConfigReader& reader) {
  const double slope = reader.real("negative_slope", 0.3);
  return std::make_shared<ElementwiseActivation>(
      "LeakyReLU", graph::Stage{F::kLeakyRelu, -1, slope}, Json{{"negative_slope", slope}});
}

std::shared_ptr<Layer> make_elu(ConfigReader& reader) {
  const double alpha = reader.real("alpha", 1);
  return std::make_shared<ElementwiseActivation>("ELU", graph::Stage{F::kElu, -1, alpha},
                                                 Json{{"alpha", alpha}});
}

std::shared_ptr<Layer> make_prelu(ConfigReader& reader) {
  std::vector<int64_t> shared;
  const Json& axes = reader.json("shared_axes");
  const auto add = [&](const Json& axis) {
    shared.push_back(reader.to_integer("shared_axes", axis));
    if (shared.back() < 1) reader.fail("shared_axes", "has an axis below 1; the batch is axis 0");
  };
  if (axes.is_array())
    for (const Json& axis : axes) add(axis);
  else if (!axes.is_null())
    add(axes);
  return std::make_shared<PReLU>(reader.weight("alpha", "zeros"), std::move(shared));
}

std::shared_ptr<Layer> make_softmax(ConfigReader& reader) {
  return std::make_shared<Softmax>(reader.integer("axis", -1));
}

}  // namespace pronghorn::model
