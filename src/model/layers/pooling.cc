#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "graph/ops/pool2d.h"
#include "graph/ops/reshape.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"
#include "model/layers/window.h"

namespace pronghorn::model {
namespace {

constexpr std::string_view kImages = "images (height, width, channels)";

enum class Pooling : uint8_t { kMax, kAverage };

// MaxPooling2D and AveragePooling2D.
class Pooling2D final : public Layer {
 public:
  Pooling2D(Pooling pooling, Window window) : pooling_(pooling), window_(window) {}

  std::string_view class_name() const override {
    return pooling_ == Pooling::kMax ? "MaxPooling2D" : "AveragePooling2D";
  }

  nlohmann::ordered_json config() const override {
    return {{"pool_size", window_.size},
            {"padding", window_.same_padding ? "same" : "valid"},
            {"strides", window_.strides},
            {"data_format", "channels_last"}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& image = only_input(inputs, 3, kImages);
    const auto [height, width] = window_.outputs(image);
    if (height < 1 || width < 1)
      fail(fmt::format(
          "pool ({}, {}) is larger than its input ({}, {}); use padding='same' or a smaller pool",
          window_.size[0], window_.size[1], image[0], image[1]));
    return {height, width, image.back()};
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    const Shape image = lowering.builder.graph().value(inputs[0]).shape.without_batch();
    const graph::Pool2dWindow window{window_.size[0], window_.size[1], window_.strides[0],
                                     window_.strides[1], window_.padding(image)};
    return pooling_ == Pooling::kMax ? graph::max_pool2d(lowering.builder, inputs[0], window)
                                     : graph::average_pool2d(lowering.builder, inputs[0], window);
  }

 private:
  Pooling pooling_;
  Window window_;
};

std::shared_ptr<Layer> make_pooling(Pooling pooling, ConfigReader& reader) {
  Window window{.size = reader.pair("pool_size", {{2, 2}}), .strides = {}};
  window.strides = reader.pair("strides", window.size);
  window.same_padding = reader.padding_same("padding");
  reader.only_default("data_format", "channels_last");
  return std::make_shared<Pooling2D>(pooling, window);
}

// The mean of each channel: an average pool whose window is the whole image.
class GlobalAveragePooling2D final : public Layer {
 public:
  explicit GlobalAveragePooling2D(bool keepdims) : keepdims_(keepdims) {}

  std::string_view class_name() const override { return "GlobalAveragePooling2D"; }

  nlohmann::ordered_json config() const override {
    return {{"data_format", "channels_last"}, {"keepdims", keepdims_}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& image = only_input(inputs, 3, kImages);
    return keepdims_ ? Shape{1, 1, image.back()} : Shape{image.back()};
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    const Shape shape = lowering.builder.graph().value(inputs[0]).shape;
    const graph::ValueId mean = graph::average_pool2d(lowering.builder, inputs[0],
                                                      {shape[1], shape[2], shape[1], shape[2], {}});
    return keepdims_ ? mean : graph::reshape(lowering.builder, mean, {shape[0], shape.back()});
  }

 private:
  bool keepdims_;
};

}  // namespace

std::shared_ptr<Layer> make_max_pooling2d(ConfigReader& reader) {
  return make_pooling(Pooling::kMax, reader);
}

std::shared_ptr<Layer> make_average_pooling2d(ConfigReader& reader) {
  return make_pooling(Pooling::kAverage, reader);
}

std::shared_ptr<Layer> make_global_average_pooling2d(ConfigReader& reader) {
  reader.only_default("data_format", "channels_last");
  return std::make_shared<GlobalAveragePooling2D>(reader.boolean("keepdims", false));
}

}  // namespace pronghorn::model
