#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "graph/ops/upsample2d.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"
#include "model/layers/spatial.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;

// UpSampling1D and UpSampling2D: every pixel becomes size_h x size_w of them.
class UpSampling final : public Layer {
 public:
  UpSampling(Spatial spatial, std::array<int64_t, 2> size, graph::Interpolation interpolation)
      : spatial_(spatial), size_(size), interpolation_(interpolation) {}

  std::string_view class_name() const override {
    return spatial_.rank() == 1 ? "UpSampling1D" : "UpSampling2D";
  }

  Json config() const override {
    Json config = Json::object();
    if (spatial_.rank() == 1) {
      config["size"] = size_[1];
      return config;
    }
    config["size"] = size_;
    config["data_format"] = spatial_.data_format();
    config["interpolation"] =
        interpolation_ == graph::Interpolation::kBilinear ? "bilinear" : "nearest";
    return config;
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape image = spatial_.image(only_input(inputs, spatial_.rank() + 1, spatial_.kind()));
    return spatial_.tensor({image[0] * size_[0], image[1] * size_[1], image[2]});
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    const graph::ValueId src = spatial_.to_image(lowering.builder, inputs[0]);
    return spatial_.to_tensor(lowering.builder, graph::upsample2d(lowering.builder, src, size_[0],
                                                                  size_[1], interpolation_));
  }

 private:
  Spatial spatial_;
  std::array<int64_t, 2> size_;
  graph::Interpolation interpolation_;
};

std::shared_ptr<Layer> make(int rank, ConfigReader& reader) {
  const Spatial spatial(rank, reader);
  const std::array<int64_t, 2> size = spatial.read(reader, "size", {{rank == 1 ? 1 : 2, 2}});
  const std::string interpolation =
      rank == 1 ? "nearest" : reader.one_of("interpolation", "nearest", {"nearest", "bilinear"});
  return std::make_shared<UpSampling>(spatial, size,
                                      interpolation == "bilinear" ? graph::Interpolation::kBilinear
                                                                  : graph::Interpolation::kNearest);
}

}  // namespace

std::shared_ptr<Layer> make_up_sampling1d(ConfigReader& reader) { return make(1, reader); }
std::shared_ptr<Layer> make_up_sampling2d(ConfigReader& reader) { return make(2, reader); }

}  // namespace pronghorn::model
