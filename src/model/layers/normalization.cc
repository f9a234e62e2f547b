#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "graph/ops/batch_norm.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {
namespace {

struct BatchNormalizationArguments {
  int64_t axis;
  double momentum, epsilon;
  bool center, scale;
  WeightArguments beta, gamma;
  Initializer moving_mean_initializer, moving_variance_initializer;
};

// Over the last axis. Weights, those that are there: gamma, beta, moving_mean, moving_variance;
// the last two are state. In training the batch's own statistics normalize and move the state, but
// a frozen layer (trainable = false) does as at inference, which is Keras's rule since version 2.
class BatchNormalization final : public Layer {
 public:
  explicit BatchNormalization(BatchNormalizationArguments arguments)
      : arguments_(std::move(arguments)) {}

  std::string_view class_name() const override { return "BatchNormalization"; }

  nlohmann::ordered_json config() const override {
    return {{"axis", arguments_.axis},
            {"momentum", arguments_.momentum},
            {"epsilon", arguments_.epsilon},
            {"center", arguments_.center},
            {"scale", arguments_.scale},
            {"beta_initializer", to_json(arguments_.beta.initializer)},
            {"gamma_initializer", to_json(arguments_.gamma.initializer)},
            {"moving_mean_initializer", to_json(arguments_.moving_mean_initializer)},
            {"moving_variance_initializer", to_json(arguments_.moving_variance_initializer)},
            {"beta_regularizer", to_json(arguments_.beta.regularizer)},
            {"gamma_regularizer", to_json(arguments_.gamma.regularizer)},
            {"beta_constraint", to_json(arguments_.beta.constraint)},
            {"gamma_constraint", to_json(arguments_.gamma.constraint)},
            {"synchronized", false}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    if (input.rank() == 0) fail("needs an axis beside the batch, its input is (None,)");
    if (arguments_.axis != -1 && arguments_.axis != input.rank())
      fail(fmt::format("axis {} is not the last of its input {}; Pronghorn normalizes the last",
                       arguments_.axis, input.to_string_any_batch()));
    return input;
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    size_t next = 0;
    const graph::ValueId gamma = arguments_.scale ? lowering.weights[next++] : graph::kNoValue;
    const graph::ValueId beta = arguments_.center ? lowering.weights[next++] : graph::kNoValue;
    const graph::ValueId mean = lowering.weights[next++];
    const graph::ValueId variance = lowering.weights[next];
    const auto normalize =
        lowering.training && trainable() ? graph::batch_norm_training : graph::batch_norm_inference;
    return normalize(lowering.builder, inputs[0], gamma, beta, mean, variance,
                     {.epsilon = arguments_.epsilon, .momentum = arguments_.momentum});
  }

 protected:
  void build(std::span<const Shape> inputs) override {
    const Shape channels{inputs[0].back()};
    if (arguments_.scale) add_weight("gamma", channels, arguments_.gamma);
    if (arguments_.center) add_weight("beta", channels, arguments_.beta);
    add_weight("moving_mean", channels, arguments_.moving_mean_initializer, /*trainable=*/false);
    add_weight("moving_variance", channels, arguments_.moving_variance_initializer,
               /*trainable=*/false);
  }

 private:
  BatchNormalizationArguments arguments_;
};

}  // namespace

std::shared_ptr<Layer> make_batch_normalization(ConfigReader& reader) {
  BatchNormalizationArguments arguments{
      .axis = reader.integer("axis", -1),
      .momentum = reader.real("momentum", 0.99),
      .epsilon = reader.real("epsilon", 1e-3),
      .center = reader.boolean("center", true),
      .scale = reader.boolean("scale", true),
      .beta = reader.weight("beta", "zeros"),
      .gamma = reader.weight("gamma", "ones"),
      .moving_mean_initializer = reader.initializer("moving_mean_initializer", "zeros"),
      .moving_variance_initializer = reader.initializer("moving_variance_initializer", "ones")};
  if (arguments.momentum < 0 || arguments.momentum > 1)
    reader.fail("momentum", fmt::format("is {}; it must be in [0, 1]", arguments.momentum));
  if (arguments.epsilon < 0)
    reader.fail("epsilon", fmt::format("is {}; it must not be negative", arguments.epsilon));
  reader.only_default("synchronized", false);
  // Batch renormalization, known to newer versions of Keras 3; its arguments matter only if it is
  // on.
  reader.only_default("renorm", false);
  reader.ignore("renorm_momentum");
  return std::make_shared<BatchNormalization>(std::move(arguments));
}

}  // namespace pronghorn::model
