#include "model/activation.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "graph/ops/elementwise.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {
namespace {

class Activation final : public Layer {
 public:
  explicit Activation(std::string activation) : activation_(std::move(activation)) {}

  std::string_view class_name() const override { return "Activation"; }
  nlohmann::ordered_json config() const override { return {{"activation", activation_}}; }

  Shape output_shape(std::span<const Shape> inputs) const override { return only_input(inputs); }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    return lower_activation(lowering.builder, inputs[0], activation_);
  }

 private:
  std::string activation_;
};

// Keras's classes that are one activation each: ReLU, LeakyReLU, ELU.
class ElementwiseActivation final : public Layer {
 public:
  ElementwiseActivation(std::string_view class_name, graph::Stage stage,
                        nlohmann::ordered_json config)
      : class_name_(class_name), stage_(stage), config_(std::move(config)) {}

  std::string_view class_name() const override { return class_name_; }
  nlohmann::ordered_json config() const override { return config_; }

  Shape output_shape(std::span<const Shape> inputs) const override { return only_input(inputs); }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    return graph::elementwise(lowering.builder, inputs[0], stage_);
  }

 private:
  std::string_view class_name_;
  graph::Stage stage_;
  nlohmann::ordered_json config_;
};

class Softmax final : public Layer {
 public:
  std::string_view class_name() const override { return "Softmax"; }
  nlohmann::ordered_json config() const override { return {{"axis", -1}}; }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    if (input.rank() == 0) fail("needs an axis beside the batch, its input is (None,)");
    return input;
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    return lower_activation(lowering.builder, inputs[0], "softmax");
  }
};

}  // namespace

std::shared_ptr<Layer> make_activation(ConfigReader& reader) {
  std::string activation = reader.activation("activation", "");
  if (activation.empty()) reader.fail("activation", "is missing");
  return std::make_shared<Activation>(std::move(activation));
}

std::shared_ptr<Layer> make_relu(ConfigReader& reader) {
  reader.only_default("max_value", nullptr);
  reader.only_default("threshold", 0.0);
  // With a slope it is a leaky ReLU.
  const double slope = reader.real("negative_slope", 0);
  const graph::Stage stage = slope == 0 ? graph::Stage{graph::StageFunction::kRelu}
                                        : graph::Stage{graph::StageFunction::kLeakyRelu, -1, slope};
  return std::make_shared<ElementwiseActivation>(
      "ReLU", stage,
      nlohmann::ordered_json{
          {"max_value", nullptr}, {"negative_slope", slope}, {"threshold", 0.0}});
}

std::shared_ptr<Layer> make_leaky_relu(ConfigReader& reader) {
  const double slope = reader.real("negative_slope", 0.3);
  return std::make_shared<ElementwiseActivation>(
      "LeakyReLU", graph::Stage{graph::StageFunction::kLeakyRelu, -1, slope},
      nlohmann::ordered_json{{"negative_slope", slope}});
}

std::shared_ptr<Layer> make_elu(ConfigReader& reader) {
  const double alpha = reader.real("alpha", 1);
  return std::make_shared<ElementwiseActivation>(
      "ELU", graph::Stage{graph::StageFunction::kElu, -1, alpha},
      nlohmann::ordered_json{{"alpha", alpha}});
}

std::shared_ptr<Layer> make_softmax(ConfigReader& reader) {
  reader.only_default("axis", -1);
  return std::make_shared<Softmax>();
}

}  // namespace pronghorn::model
