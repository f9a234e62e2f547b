#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "graph/ops/conv2d.h"
#include "graph/ops/elementwise.h"
#include "model/activation.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"
#include "model/layers/convolution.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;

struct TransposedArguments {
  int64_t filters;
  Window window;
  std::optional<std::array<int64_t, 2>> output_padding;
  std::string activation;
  bool use_bias;
  WeightArguments kernel, bias;
};

// Along one axis, the convolution whose transposition the layer is: from `extent` elements, padded
// by before and after, to the layer's input.
struct TransposedAxis {
  int64_t extent, before, after;
};

// Keras 3's rule (compute_conv_transpose_padding_args_for_jax in its backend_utils.py, on which its
// backends agree): of the (input - 1) stride + span elements that the window reaches, and
// output_padding more at the end, valid keeps all, and same all but those that make it input
// stride, or what output_padding says.
TransposedAxis transposed_axis(int64_t input, int64_t span, int64_t stride, bool same,
                               std::optional<int64_t> output_padding) {
  int64_t left, right;  // what jax pads the input by, after spreading it by stride
  if (!same) {
    left = span - 1;
    right = span - 1 + output_padding.value_or(std::max<int64_t>(0, stride - span));
  } else {
    const int64_t both = output_padding ? span + span % 2 - 2 + *output_padding : stride + span - 2;
    left = std::min(both / 2 + both % 2, span - 1);
    right = both - left;
  }
  const int64_t extent = (input - 1) * stride + left + right + 2 - span;
  // Elements that the window never reaches are no padding: the convolution reads past none of them.
  return {extent, span - 1 - left, std::max<int64_t>(0, span - 1 - right)};
}

// Conv1DTranspose and Conv2DTranspose: activation(transposed convolution + bias); weights kernel
// (height, width, filters, in), bias (filters).
class TransposedConvolution final : public Layer {
 public:
  TransposedConvolution(Spatial spatial, TransposedArguments arguments)
      : spatial_(spatial), arguments_(std::move(arguments)) {}

  std::string_view class_name() const override {
    return spatial_.rank() == 1 ? "Conv1DTranspose" : "Conv2DTranspose";
  }

  Json config() const override {
    Json config = Json::object();
    config["filters"] = arguments_.filters;
    write_window(spatial_, arguments_.window, config);
    if (arguments_.output_padding)
      config["output_padding"] = spatial_.extents(*arguments_.output_padding);
    config.update({{"activation", arguments_.activation},
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
    const Shape image = spatial_.image(only_input(inputs, spatial_.rank() + 1, spatial_.kind()));
    const int64_t height = axis(image, 0).extent, width = axis(image, 1).extent;
    if (height < 1 || width < 1)
      fail(fmt::format("of its input {} nothing is left, with these strides and padding",
                       inputs[0].to_string_any_batch()));
    return spatial_.tensor({height, width, arguments_.filters});
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    const graph::ValueId src = spatial_.to_image(builder, inputs[0]);
    const Shape shape = builder.graph().value(src).shape;
    const Shape image = shape.without_batch();
    const TransposedAxis rows = axis(image, 0), columns = axis(image, 1);
    graph::Conv2dWindow window = arguments_.window.convolution(image);
    window.padding = {rows.before, columns.before, rows.after, columns.after};
    const graph::ValueId kernel =
        image_kernel(builder, arguments_.window, lowering.weights[0], arguments_.filters, image[2]);
    graph::ValueId value = graph::conv2d_transpose(
        builder, src, kernel, window, {shape[0], rows.extent, columns.extent, arguments_.filters});
    if (arguments_.use_bias) value = graph::bias_add(builder, value, lowering.weights[1]);
    return spatial_.to_tensor(builder, lower_activation(builder, value, arguments_.activation));
  }

 protected:
  int64_t channels(const Shape& input) const override { return spatial_.channels(input); }

  void build(std::span<const Shape> inputs) override {
    add_weight(
        "kernel",
        kernel_shape(spatial_, arguments_.window, arguments_.filters, spatial_.channels(inputs[0])),
        arguments_.kernel);
    if (arguments_.use_bias) add_weight("bias", {arguments_.filters}, arguments_.bias);
  }

 private:
  TransposedAxis axis(const Shape& image, size_t i) const {
    if (i == 0 && spatial_.rank() == 1) return {1, 0, 0};
    const Window& window = arguments_.window;
    return transposed_axis(
        image[static_cast<int>(i)], window.span(i), window.strides[i],
        window.edges == EdgePadding::kSame,
        arguments_.output_padding ? std::optional((*arguments_.output_padding)[i]) : std::nullopt);
  }

  Spatial spatial_;
  TransposedArguments arguments_;
};

std::shared_ptr<Layer> make(int rank, ConfigReader& reader) {
  const Spatial spatial(rank, reader);
  TransposedArguments arguments{.filters = reader.positive("filters"),
                                .window = read_window(spatial, reader, /*allow_causal=*/false),
                                .output_padding = {},
                                .activation = reader.activation("activation", "linear"),
                                .use_bias = reader.boolean("use_bias", true),
                                .kernel = reader.weight("kernel", "glorot_uniform"),
                                .bias = reader.weight("bias", "zeros")};
  constexpr std::array<int64_t, 2> kNone{-1, -1};
  const auto padding = spatial.read(reader, "output_padding", kNone, /*row=*/0, /*least=*/0);
  if (padding != kNone) {
    for (size_t i = 0; i < 2; ++i)
      if (padding[i] >= arguments.window.strides[i])
        reader.fail("output_padding", fmt::format("is {}; it must be below the strides, {}",
                                                  spatial.text(padding[0], padding[1]),
                                                  spatial.text(arguments.window.strides[0],
                                                               arguments.window.strides[1])));
    arguments.output_padding = padding;
  }
  return std::make_shared<TransposedConvolution>(spatial, std::move(arguments));
}

}  // namespace

std::shared_ptr<Layer> make_conv1d_transpose(ConfigReader& reader) { return make(1, reader); }
std::shared_ptr<Layer> make_conv2d_transpose(ConfigReader& reader) { return make(2, reader); }

}  // namespace pronghorn::model
