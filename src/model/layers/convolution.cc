#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "graph/ops/conv2d.h"
#include "graph/ops/elementwise.h"
#include "model/activation.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"
#include "model/layers/window.h"

namespace pronghorn::model {
namespace {

struct Conv2DArguments {
  int64_t filters;
  Window window;
  std::string activation;
  bool use_bias;
  WeightArguments kernel;
  WeightArguments bias;
};

// activation(convolution + bias); weights kernel (height, width, in, filters), bias (filters).
class Conv2D final : public Layer {
 public:
  explicit Conv2D(Conv2DArguments arguments) : arguments_(std::move(arguments)) {}

  std::string_view class_name() const override { return "Conv2D"; }

  nlohmann::ordered_json config() const override {
    return {{"filters", arguments_.filters},
            {"kernel_size", arguments_.window.size},
            {"strides", arguments_.window.strides},
            {"padding", arguments_.window.same_padding ? "same" : "valid"},
            {"data_format", "channels_last"},
            {"dilation_rate", arguments_.window.dilation},
            {"groups", 1},
            {"activation", arguments_.activation},
            {"use_bias", arguments_.use_bias},
            {"kernel_initializer", to_json(arguments_.kernel.initializer)},
            {"bias_initializer", to_json(arguments_.bias.initializer)},
            {"kernel_regularizer", to_json(arguments_.kernel.regularizer)},
            {"bias_regularizer", to_json(arguments_.bias.regularizer)},
            {"activity_regularizer", nullptr},
            {"kernel_constraint", to_json(arguments_.kernel.constraint)},
            {"bias_constraint", to_json(arguments_.bias.constraint)}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& image = only_input(inputs, 3, "images (height, width, channels)");
    const Window& window = arguments_.window;
    const auto [height, width] = window.outputs(image);
    if (height < 1 || width < 1)
      fail(fmt::format(
          "kernel ({}, {}) is larger than its input ({}, {}); use padding='same' or a smaller "
          "kernel",
          window.span(0), window.span(1), image[0], image[1]));
    return {height, width, arguments_.filters};
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    const Window& window = arguments_.window;
    const Shape image = builder.graph().value(inputs[0]).shape.without_batch();
    graph::ValueId value = graph::conv2d(builder, inputs[0], lowering.weights[0],
                                         {window.strides[0], window.strides[1], window.dilation[0],
                                          window.dilation[1], window.padding(image)});
    if (arguments_.use_bias) value = graph::bias_add(builder, value, lowering.weights[1]);
    return lower_activation(builder, value, arguments_.activation);
  }

 protected:
  void build(std::span<const Shape> inputs) override {
    const Window& window = arguments_.window;
    add_weight("kernel", {window.size[0], window.size[1], inputs[0].back(), arguments_.filters},
               arguments_.kernel);
    if (arguments_.use_bias) add_weight("bias", {arguments_.filters}, arguments_.bias);
  }

 private:
  Conv2DArguments arguments_;
};

}  // namespace

std::shared_ptr<Layer> make_conv2d(ConfigReader& reader) {
  Conv2DArguments arguments{
      .filters = reader.positive("filters"),
      .window = {.size = reader.pair("kernel_size", std::nullopt),
                 .strides = reader.pair("strides", {{1, 1}}),
                 .dilation = reader.pair("dilation_rate", {{1, 1}}),
                 .same_padding = reader.padding_same("padding")},
      .activation = reader.activation("activation", "linear"),
      .use_bias = reader.boolean("use_bias", true),
      .kernel = reader.weight("kernel", "glorot_uniform"),
      .bias = reader.weight("bias", "zeros")};
  reader.only_default("data_format", "channels_last");
  reader.only_default("groups", 1);
  // Keras refuses it too, as its backends can't do both.
  const Window& window = arguments.window;
  if (std::max(window.strides[0], window.strides[1]) > 1 &&
      std::max(window.dilation[0], window.dilation[1]) > 1)
    reader.fail("dilation_rate", "and 'strides' are both above 1; one of them must be 1");
  return std::make_shared<Conv2D>(std::move(arguments));
}

}  // namespace pronghorn::model
