#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "graph/ops/pool2d.h"
#include "graph/ops/reshape.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"
#include "model/layers/spatial.h"
#include "model/layers/window.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;

enum class Pooling : uint8_t { kMax, kAverage };

graph::ValueId lower_pooling(graph::Builder& builder, Pooling pooling, graph::ValueId src,
                             const graph::Pool2dWindow& window) {
  return pooling == Pooling::kMax ? graph::max_pool2d(builder, src, window)
                                  : graph::average_pool2d(builder, src, window);
}

// MaxPooling and AveragePooling, 1D and 2D.
class LocalPooling final : public Layer {
 public:
  LocalPooling(Pooling pooling, Spatial spatial, Window window)
      : pooling_(pooling), spatial_(spatial), window_(window) {}

  std::string_view class_name() const override {
    if (pooling_ == Pooling::kMax) return spatial_.rank() == 1 ? "MaxPooling1D" : "MaxPooling2D";
    return spatial_.rank() == 1 ? "AveragePooling1D" : "AveragePooling2D";
  }

  Json config() const override {
    return {{"pool_size", spatial_.extents(window_.size)},
            {"padding", to_string(window_.edges)},
            {"strides", spatial_.extents(window_.strides)},
            {"data_format", spatial_.data_format()}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape image = spatial_.image(only_input(inputs, spatial_.rank() + 1, spatial_.kind()));
    const auto [height, width] = window_.outputs(image);
    if (height < 1 || width < 1)
      fail(fmt::format("pool {} is larger than its input {}; use padding='same' or a smaller pool",
                       spatial_.text(window_.size[0], window_.size[1]),
                       spatial_.text(image[0], image[1])));
    return spatial_.tensor({height, width, image[2]});
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    const graph::ValueId src = spatial_.to_image(lowering.builder, inputs[0]);
    const Shape image = lowering.builder.graph().value(src).shape.without_batch();
    return spatial_.to_tensor(lowering.builder,
                              lower_pooling(lowering.builder, pooling_, src,
                                            {window_.size[0], window_.size[1], window_.strides[0],
                                             window_.strides[1], window_.padding(image)}));
  }

 private:
  Pooling pooling_;
  Spatial spatial_;
  Window window_;
};

// GlobalMaxPooling and GlobalAveragePooling, 1D and 2D: a pool whose window is the whole input.
class GlobalPooling final : public Layer {
 public:
  GlobalPooling(Pooling pooling, Spatial spatial, bool keepdims)
      : pooling_(pooling), spatial_(spatial), keepdims_(keepdims) {}

  std::string_view class_name() const override {
    if (pooling_ == Pooling::kMax)
      return spatial_.rank() == 1 ? "GlobalMaxPooling1D" : "GlobalMaxPooling2D";
    return spatial_.rank() == 1 ? "GlobalAveragePooling1D" : "GlobalAveragePooling2D";
  }

  Json config() const override {
    return {{"data_format", spatial_.data_format()}, {"keepdims", keepdims_}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape image = spatial_.image(only_input(inputs, spatial_.rank() + 1, spatial_.kind()));
    return keepdims_ ? spatial_.tensor({1, 1, image[2]}) : Shape{image[2]};
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    const graph::ValueId src = spatial_.to_image(builder, inputs[0]);
    const Shape shape = builder.graph().value(src).shape;
    const graph::ValueId pooled =
        lower_pooling(builder, pooling_, src, {shape[1], shape[2], shape[1], shape[2], {}});
    return keepdims_ ? spatial_.to_tensor(builder, pooled)
                     : graph::reshape(builder, pooled, {shape[0], shape[3]});
  }

 private:
  Pooling pooling_;
  Spatial spatial_;
  bool keepdims_;
};

std::shared_ptr<Layer> make_local(Pooling pooling, int rank, ConfigReader& reader) {
  const Spatial spatial(rank, reader);
  const std::array<int64_t, 2> twos =
      rank == 1 ? std::array<int64_t, 2>{1, 2} : std::array<int64_t, 2>{2, 2};
  Window window{.size = spatial.read(reader, "pool_size", twos), .strides = {}};
  window.strides = spatial.read(reader, "strides", window.size);
  window.edges = reader.edge_padding("padding");
  return std::make_shared<LocalPooling>(pooling, spatial, window);
}

std::shared_ptr<Layer> make_global(Pooling pooling, int rank, ConfigReader& reader) {
  const Spatial spatial(rank, reader);
  return std::make_shared<GlobalPooling>(pooling, spatial, reader.boolean("keepdims", false));
}

}  // namespace

std::shared_ptr<Layer> make_max_pooling1d(ConfigReader& reader) {
  return make_local(Pooling::kMax, 1, reader);
}
std::shared_ptr<Layer> make_max_pooling2d(ConfigReader& reader) {
  return make_local(Pooling::kMax, 2, reader);
}
std::shared_ptr<Layer> make_average_pooling1d(ConfigReader& reader) {
  return make_local(Pooling::kAverage, 1, reader);
}
std::shared_ptr<Layer> make_average_pooling2d(ConfigReader& reader) {
  return make_local(Pooling::kAverage, 2, reader);
}
std::shared_ptr<Layer> make_global_max_pooling1d(ConfigReader& reader) {
  return make_global(Pooling::kMax, 1, reader);
}
std::shared_ptr<Layer> make_global_max_pooling2d(ConfigReader& reader) {
  return make_global(Pooling::kMax, 2, reader);
}
std::shared_ptr<Layer> make_global_average_pooling1d(ConfigReader& reader) {
  return make_global(Pooling::kAverage, 1, reader);
}
std::shared_ptr<Layer> make_global_average_pooling2d(ConfigReader& reader) {
  return make_global(Pooling::kAverage, 2, reader);
}

}  // namespace pronghorn::model
