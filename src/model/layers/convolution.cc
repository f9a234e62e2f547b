#include "model/layers/convolution.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "graph/ops/conv2d.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/reshape.h"
#include "model/activation.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {

using Json = nlohmann::ordered_json;

Window read_window(const Spatial& spatial, ConfigReader& reader, bool allow_causal) {
  Window window{.size = spatial.read(reader, "kernel_size", std::nullopt),
                .strides = spatial.read(reader, "strides", {{1, 1}}),
                .dilation = spatial.read(reader, "dilation_rate", {{1, 1}}),
                .edges = reader.edge_padding("padding", allow_causal)};
  // Keras refuses it too, as its backends can't do both.
  if (std::max(window.strides[0], window.strides[1]) > 1 &&
      std::max(window.dilation[0], window.dilation[1]) > 1)
    reader.fail("dilation_rate", "and 'strides' are both above 1; one of them must be 1");
  return window;
}

void write_window(const Spatial& spatial, const Window& window, Json& config) {
  config["kernel_size"] = spatial.extents(window.size);
  config["strides"] = spatial.extents(window.strides);
  config["padding"] = to_string(window.edges);
  config["data_format"] = spatial.data_format();
  config["dilation_rate"] = spatial.extents(window.dilation);
}

std::string kernel_does_not_fit(const Spatial& spatial, const Window& window, const Shape& image) {
  return fmt::format(
      "kernel {} is larger than its input {}; use padding='same' or a smaller kernel",
      spatial.text(window.span(0), window.span(1)), spatial.text(image[0], image[1]));
}

Shape kernel_shape(const Spatial& spatial, const Window& window, int64_t inputs, int64_t outputs) {
  std::vector<int64_t> extents = spatial.extents(window.size);
  extents.push_back(inputs);
  extents.push_back(outputs);
  return Shape(std::move(extents));
}

graph::ValueId image_kernel(graph::Builder& builder, const Window& window, graph::ValueId kernel,
                            int64_t inputs, int64_t outputs) {
  const Shape shape{window.size[0], window.size[1], inputs, outputs};
  return builder.graph().value(kernel).shape == shape ? kernel
                                                      : graph::reshape(builder, kernel, shape);
}

namespace {

struct ConvolutionArguments {
  int64_t filters;
  Window window;
  int64_t groups;
  std::string activation;
  bool use_bias;
  WeightArguments kernel;
  WeightArguments bias;
};

// Conv1D and Conv2D: activation(convolution + bias); weights kernel (height, width, in / groups,
// filters), bias (filters).
class Convolution final : public Layer {
 public:
  Convolution(Spatial spatial, ConvolutionArguments arguments)
      : spatial_(spatial), arguments_(std::move(arguments)) {}

  std::string_view class_name() const override {
    return spatial_.rank() == 1 ? "Conv1D" : "Conv2D";
  }

  Json config() const override {
    Json config = Json::object();
    config["filters"] = arguments_.filters;
    write_window(spatial_, arguments_.window, config);
    config.update({{"groups", arguments_.groups},
                   {"activation", arguments_.activation},
                   {"use_bias", arguments_.use_bias},
                   {"kernel_initializer", to_json(arguments_.kernel.initializer)},
                   {"bias_initializer", to_json(arguments_.bias.initializer)},
                   {"kernel_regularizer", to_json(arguments_.kernel.regularizer)},
                   {"bias_regularizer", to_json(arguments_.bias.regularizer)},
                   {"activity_regularizer", nullptr},
                   {"kernel_constraint", to_json(arguments_.kernel.constraint)},
                   {"bias_constraint", to_json(arguments_.bias.constraint)}});
    return config;
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs, spatial_.rank() + 1, spatial_.kind());
    const Shape image = spatial_.image(input);
    if (image[2] % arguments_.groups != 0)
      fail(fmt::format("its input {} has {} channels, which {} groups don't divide",
                       input.to_string_any_batch(), image[2], arguments_.groups));
    const auto [height, width] = arguments_.window.outputs(image);
    if (height < 1 || width < 1) fail(kernel_does_not_fit(spatial_, arguments_.window, image));
    return spatial_.tensor({height, width, arguments_.filters});
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    const graph::ValueId src = spatial_.to_image(builder, inputs[0]);
    const Shape image = builder.graph().value(src).shape.without_batch();
    const graph::ValueId kernel = image_kernel(builder, arguments_.window, lowering.weights[0],
                                               image[2] / arguments_.groups, arguments_.filters);
    graph::ValueId value =
        graph::conv2d(builder, src, kernel, arguments_.window.convolution(image));
    if (arguments_.use_bias) value = graph::bias_add(builder, value, lowering.weights[1]);
    return spatial_.to_tensor(builder, lower_activation(builder, value, arguments_.activation));
  }

 protected:
  int64_t channels(const Shape& input) const override { return spatial_.channels(input); }

  void build(std::span<const Shape> inputs) override {
    add_weight("kernel",
               kernel_shape(spatial_, arguments_.window,
                            spatial_.channels(inputs[0]) / arguments_.groups, arguments_.filters),
               arguments_.kernel);
    if (arguments_.use_bias) add_weight("bias", {arguments_.filters}, arguments_.bias);
  }

 private:
  Spatial spatial_;
  ConvolutionArguments arguments_;
};

std::shared_ptr<Layer> make_convolution(int rank, ConfigReader& reader) {
  const Spatial spatial(rank, reader);
  ConvolutionArguments arguments{.filters = reader.positive("filters"),
                                 .window = read_window(spatial, reader, /*allow_causal=*/rank == 1),
                                 .groups = reader.integer("groups", 1),
                                 .activation = reader.activation("activation", "linear"),
                                 .use_bias = reader.boolean("use_bias", true),
                                 .kernel = reader.weight("kernel", "glorot_uniform"),
                                 .bias = reader.weight("bias", "zeros")};
  if (arguments.groups < 1 || arguments.filters % arguments.groups != 0)
    reader.fail("groups", fmt::format("is {}; it must be positive and divide the {} filters",
                                      arguments.groups, arguments.filters));
  return std::make_shared<Convolution>(spatial, std::move(arguments));
}

}  // namespace

std::shared_ptr<Layer> make_conv1d(ConfigReader& reader) { return make_convolution(1, reader); }
std::shared_ptr<Layer> make_conv2d(ConfigReader& reader) { return make_convolution(2, reader); }

}  // namespace pronghorn::model
