#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "graph/ops/broadcast.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/reshape.h"
#include "model/activation.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"
#include "model/layers/convolution.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;

struct SeparableArguments {
  int64_t depth_multiplier;
  // Of the pointwise convolution; none for a depthwise layer.
  std::optional<int64_t> filters;
  Window window;
  std::string activation;
  bool use_bias;
  WeightArguments depthwise, pointwise, bias;
};

// DepthwiseConv and SeparableConv, 1D and 2D: each channel is convolved with depth_multiplier
// kernels of its own; a separable layer then mixes the channels by a 1x1 convolution. Weights: the
// depthwise kernel (height, width, in, depth_multiplier), the pointwise one (1, 1,
// in depth_multiplier, filters), bias.
class SeparableConvolution final : public Layer {
 public:
  SeparableConvolution(Spatial spatial, SeparableArguments arguments)
      : spatial_(spatial), arguments_(std::move(arguments)) {}

  std::string_view class_name() const override {
    if (is_separable()) return spatial_.rank() == 1 ? "SeparableConv1D" : "SeparableConv2D";
    return spatial_.rank() == 1 ? "DepthwiseConv1D" : "DepthwiseConv2D";
  }

  Json config() const override {
    Json config = Json::object();
    config["depth_multiplier"] = arguments_.depth_multiplier;
    if (is_separable()) config["filters"] = *arguments_.filters;
    write_window(spatial_, arguments_.window, config);
    config["activation"] = arguments_.activation;
    config["use_bias"] = arguments_.use_bias;
    const auto write = [&](const std::string& name, const WeightArguments& weight) {
      config[name + "_initializer"] = to_json(weight.initializer);
      config[name + "_regularizer"] = to_json(weight.regularizer);
      config[name + "_constraint"] = to_json(weight.constraint);
    };
    write("depthwise", arguments_.depthwise);
    if (is_separable()) write("pointwise", arguments_.pointwise);
    write("bias", arguments_.bias);
    config["activity_regularizer"] = nullptr;
    return config;
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape image = spatial_.image(only_input(inputs, spatial_.rank() + 1, spatial_.kind()));
    const auto [height, width] = arguments_.window.outputs(image);
    if (height < 1 || width < 1) fail(kernel_does_not_fit(spatial_, arguments_.window, image));
    return spatial_.tensor({height, width, outputs(image[2])});
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    graph::ValueId src = spatial_.to_image(builder, inputs[0]);
    const Shape shape = builder.graph().value(src).shape;
    const Shape image = shape.without_batch();
    // Each channel as often as it has kernels: that pass over the images costs less than what a
    // kernel for several outputs a channel would lose to a kernel for one.
    if (const int64_t times = arguments_.depth_multiplier; times > 1) {
      const int64_t pixels = shape.elements() / shape[3];
      src = graph::reshape(builder, src, {shape[0], pixels / shape[0] * shape[3], 1});
      src = graph::broadcast(builder, src, {shape[0], pixels / shape[0] * shape[3], times});
      src = graph::reshape(builder, src, {shape[0], shape[1], shape[2], shape[3] * times});
    }
    const int64_t depthwise_channels = image[2] * arguments_.depth_multiplier;
    size_t next = 0;
    // Keras's (height, width, in, depth_multiplier), as it lies, is the kernel of so many groups.
    graph::ValueId kernel =
        image_kernel(builder, arguments_.window, lowering.weights[next++], 1, depthwise_channels);
    graph::ValueId value =
        graph::conv2d(builder, src, kernel, arguments_.window.convolution(image));
    if (is_separable()) {
      kernel = image_kernel(builder, kPointwise, lowering.weights[next++], depthwise_channels,
                            *arguments_.filters);
      value = graph::conv2d(builder, value, kernel, {});
    }
    if (arguments_.use_bias) value = graph::bias_add(builder, value, lowering.weights[next]);
    return spatial_.to_tensor(builder, lower_activation(builder, value, arguments_.activation));
  }

 protected:
  int64_t channels(const Shape& input) const override { return spatial_.channels(input); }

  void build(std::span<const Shape> inputs) override {
    const int64_t in = spatial_.channels(inputs[0]);
    add_weight(is_separable() ? "depthwise_kernel" : "kernel",
               kernel_shape(spatial_, arguments_.window, in, arguments_.depth_multiplier),
               arguments_.depthwise);
    if (is_separable())
      add_weight(
          "pointwise_kernel",
          kernel_shape(spatial_, kPointwise, in * arguments_.depth_multiplier, *arguments_.filters),
          arguments_.pointwise);
    if (arguments_.use_bias) add_weight("bias", {outputs(in)}, arguments_.bias);
  }

 private:
  static constexpr Window kPointwise{.size = {1, 1}, .strides = {1, 1}};

  bool is_separable() const { return arguments_.filters.has_value(); }
  int64_t outputs(int64_t in) const {
    return arguments_.filters.value_or(in * arguments_.depth_multiplier);
  }

  Spatial spatial_;
  SeparableArguments arguments_;
};

std::shared_ptr<Layer> make(int rank, bool separable, ConfigReader& reader) {
  const Spatial spatial(rank, reader);
  SeparableArguments arguments{
      .depth_multiplier = reader.integer("depth_multiplier", 1),
      .filters = separable ? std::optional(reader.positive("filters")) : std::nullopt,
      .window = read_window(spatial, reader, /*allow_causal=*/false),
      .activation = reader.activation("activation", "linear"),
      .use_bias = reader.boolean("use_bias", true),
      .depthwise = reader.weight("depthwise", "glorot_uniform"),
      .pointwise = separable ? reader.weight("pointwise", "glorot_uniform") : WeightArguments(),
      .bias = reader.weight("bias", "zeros")};
  if (arguments.depth_multiplier < 1)
    reader.fail("depth_multiplier",
                fmt::format("is {}; it must be positive", arguments.depth_multiplier));
  return std::make_shared<SeparableConvolution>(spatial, std::move(arguments));
}

}  // namespace

std::shared_ptr<Layer> make_depthwise_conv1d(ConfigReader& reader) {
  return make(1, /*separable=*/false, reader);
}
std::shared_ptr<Layer> make_depthwise_conv2d(ConfigReader& reader) {
  return make(2, /*separable=*/false, reader);
}
std::shared_ptr<Layer> make_separable_conv1d(ConfigReader& reader) {
  return make(1, /*separable=*/true, reader);
}
std::shared_ptr<Layer> make_separable_conv2d(ConfigReader& reader) {
  return make(2, /*separable=*/true, reader);
}

}  // namespace pronghorn::model
