#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "graph/ops/group_norm.h"
#include "graph/ops/reshape.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {
namespace {

struct NormalizationArguments {
  double epsilon;
  bool center, scale;
  WeightArguments beta, gamma;

  nlohmann::ordered_json config() const {
    return {{"epsilon", epsilon},
            {"center", center},
            {"scale", scale},
            {"beta_initializer", to_json(beta.initializer)},
            {"gamma_initializer", to_json(gamma.initializer)},
            {"beta_regularizer", to_json(beta.regularizer)},
            {"gamma_regularizer", to_json(gamma.regularizer)},
            {"beta_constraint", to_json(beta.constraint)},
            {"gamma_constraint", to_json(gamma.constraint)}};
  }
};

NormalizationArguments read_arguments(ConfigReader& reader) {
  NormalizationArguments arguments{.epsilon = reader.real("epsilon", 1e-3),
                                   .center = reader.boolean("center", true),
                                   .scale = reader.boolean("scale", true),
                                   .beta = reader.weight("beta", "zeros"),
                                   .gamma = reader.weight("gamma", "ones")};
  if (arguments.epsilon < 0)
    reader.fail("epsilon", fmt::format("is {}; it must not be negative", arguments.epsilon));
  return arguments;
}

struct GammaBeta {
  graph::ValueId gamma, beta;
};
// Of a layer whose weights are gamma and beta, those that are there.
GammaBeta gamma_beta(const Lowering& lowering, const NormalizationArguments& arguments) {
  GammaBeta values{graph::kNoValue, graph::kNoValue};
  size_t next = 0;
  if (arguments.scale) values.gamma = lowering.weights[next++];
  if (arguments.center) values.beta = lowering.weights[next];
  return values;
}

// Each place of a sample by itself, over the last axis or several last ones. Weights, those that
// are there: gamma, beta, of these axes' shape.
class LayerNormalization final : public Layer {
 public:
  // `one`: the axis stands alone in the config, not in a list.
  LayerNormalization(std::vector<int64_t> axes, bool one, NormalizationArguments arguments)
      : axes_(std::move(axes)), one_(one), arguments_(std::move(arguments)) {}

  std::string_view class_name() const override { return "LayerNormalization"; }

  nlohmann::ordered_json config() const override {
    nlohmann::ordered_json config = {{"axis", axes_}};
    if (one_) config["axis"] = axes_[0];
    config["rms_scaling"] = false;
    config.update(arguments_.config());
    return config;
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    normalized_shape(input);
    return input;
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    const Shape shape = builder.graph().value(inputs[0]).shape;
    const int64_t columns = normalized_shape(shape.without_batch()).elements();
    GammaBeta weights = gamma_beta(lowering, arguments_);
    if (axes_.size() > 1)
      for (graph::ValueId* weight : {&weights.gamma, &weights.beta})
        if (*weight != graph::kNoValue) *weight = graph::reshape(builder, *weight, {columns});
    graph::ValueId value = inputs[0];
    if (shape.rank() > 2)
      value = graph::reshape(builder, value, {shape.elements() / columns, columns});
    value = graph::group_norm(builder, value, weights.gamma, weights.beta, /*groups=*/1,
                              arguments_.epsilon);
    return shape.rank() > 2 ? graph::reshape(builder, value, shape) : value;
  }

 protected:
  void build(std::span<const Shape> inputs) override {
    const Shape shape = normalized_shape(inputs[0]);
    if (arguments_.scale) add_weight("gamma", shape, arguments_.gamma);
    if (arguments_.center) add_weight("beta", shape, arguments_.beta);
  }
  bool weights_fit(std::span<const Shape> inputs) const override {
    return normalized_shape(inputs[0]) == normalized_shape(built_for()[0]);
  }

 private:
  // The extents of the axes that it normalizes over; they must be the last ones.
  Shape normalized_shape(const Shape& input) const {
    const int64_t rank = input.rank() + 1;  // Keras counts the batch as axis 0
    std::vector<int64_t> axes = axes_;
    for (int64_t& axis : axes) axis = axis < 0 ? axis + rank : axis;
    std::sort(axes.begin(), axes.end());
    std::vector<int64_t> extents;
    for (size_t i = 0; i < axes.size(); ++i) {
      if (axes[i] != rank - static_cast<int64_t>(axes.size() - i) || axes[i] < 1)
        fail(
            fmt::format("axis {} is not the last of its input {}, nor several last ones; "
                        "Pronghorn normalizes over these",
                        nlohmann::json(axes_).dump(), input.to_string_any_batch()));
      extents.push_back(input[static_cast<int>(axes[i] - 1)]);
    }
    return Shape(std::move(extents));
  }

  std::vector<int64_t> axes_;
  bool one_;
  NormalizationArguments arguments_;
};

// Each sample by itself, over groups of channels. Weights, those that are there: gamma, beta, of a
// number a channel.
class GroupNormalization final : public Layer {
 public:
  GroupNormalization(int64_t groups, int64_t axis, NormalizationArguments arguments)
      : groups_(groups), axis_(axis), arguments_(std::move(arguments)) {}

  std::string_view class_name() const override { return "GroupNormalization"; }

  nlohmann::ordered_json config() const override {
    nlohmann::ordered_json config = {{"groups", groups_}, {"axis", axis_}};
    config.update(arguments_.config());
    return config;
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    if (input.rank() == 0) fail("needs an axis beside the batch, its input is (None,)");
    if (axis_ != -1 && axis_ != input.rank())
      fail(fmt::format("axis {} is not the last of its input {}; Pronghorn normalizes the last",
                       axis_, input.to_string_any_batch()));
    if (input.back() % groups(input) != 0)
      fail(fmt::format("{} channels are no multiple of {} groups", input.back(), groups(input)));
    return input;
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    const Shape& shape = lowering.builder.graph().value(inputs[0]).shape;
    const GammaBeta weights = gamma_beta(lowering, arguments_);
    return graph::group_norm(lowering.builder, inputs[0], weights.gamma, weights.beta,
                             groups(shape), arguments_.epsilon);
  }

 protected:
  void build(std::span<const Shape> inputs) override {
    const Shape channels{inputs[0].back()};
    if (arguments_.scale) add_weight("gamma", channels, arguments_.gamma);
    if (arguments_.center) add_weight("beta", channels, arguments_.beta);
  }

 private:
  // -1 stands for a group a channel.
  int64_t groups(const Shape& input) const { return groups_ == -1 ? input.back() : groups_; }

  int64_t groups_, axis_;
  NormalizationArguments arguments_;
};

}  // namespace

std::shared_ptr<Layer> make_layer_normalization(ConfigReader& reader) {
  bool one = true;
  std::vector<int64_t> axes = reader.integers("axis", {-1}, one);
  if (axes.empty()) reader.fail("axis", "is an empty list; it must name an axis");
  // Normalizes by the root of the mean square instead.
  reader.only_default("rms_scaling", false);
  return std::make_shared<LayerNormalization>(std::move(axes), one, read_arguments(reader));
}

std::shared_ptr<Layer> make_group_normalization(ConfigReader& reader) {
  const int64_t groups = reader.integer("groups", 32);
  if (groups < 1 && groups != -1)
    reader.fail("groups",
                fmt::format("is {}; it must be positive, or -1 for one a channel", groups));
  const int64_t axis = reader.integer("axis", -1);
  return std::make_shared<GroupNormalization>(groups, axis, read_arguments(reader));
}

}  // namespace pronghorn::model
