#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "graph/ops/elementwise.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {
namespace {

// In training an element is kept with probability 1 - rate and scaled by 1 / (1 - rate); at
// inference the layer is nothing. Of SpatialDropout (rank 1: series, 2: images) a channel of a
// sample is kept or dropped as a whole.
class Dropout final : public Layer {
 public:
  Dropout(int spatial_rank, double rate, std::optional<int64_t> seed)
      : spatial_rank_(spatial_rank), rate_(rate), seed_(seed) {}

  std::string_view class_name() const override {
    return spatial_rank_ == 0   ? "Dropout"
           : spatial_rank_ == 1 ? "SpatialDropout1D"
                                : "SpatialDropout2D";
  }
  nlohmann::ordered_json config() const override {
    nlohmann::ordered_json config = nlohmann::ordered_json::object();
    config["rate"] = rate_;
    config["seed"] = seed_ ? nlohmann::ordered_json(*seed_) : nlohmann::ordered_json();
    if (spatial_rank_ == 0) config["noise_shape"] = nullptr;
    if (spatial_rank_ == 2) config["data_format"] = "channels_last";
    return config;
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    if (spatial_rank_ == 0) return only_input(inputs);
    return only_input(
        inputs, spatial_rank_ + 1,
        spatial_rank_ == 1 ? "series (steps, channels)" : "images (height, width, channels)");
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    if (!lowering.training || rate_ == 0) return inputs[0];
    graph::Stage stage{graph::StageFunction::kDropout, -1, rate_,
                       lowering.stream + mixed_seed(seed_)};
    const Shape& shape = lowering.builder.graph().value(inputs[0]).shape;
    if (spatial_rank_ > 0) stage.shared = shape.elements() / (shape[0] * shape.back());
    return graph::elementwise(lowering.builder, inputs[0], stage);
  }

 private:
  int spatial_rank_;
  double rate_;
  std::optional<int64_t> seed_;
};

std::shared_ptr<Layer> make(int spatial_rank, ConfigReader& reader) {
  const double rate = reader.real("rate", -1);
  if (rate < 0 || rate >= 1) reader.fail("rate", fmt::format("is {}; it must be in [0, 1)", rate));
  if (spatial_rank == 2) reader.only_default("data_format", "channels_last");
  return std::make_shared<Dropout>(spatial_rank, rate, reader.optional_integer("seed"));
}

}  // namespace

std::shared_ptr<Layer> make_dropout(ConfigReader& reader) { return make(0, reader); }
std::shared_ptr<Layer> make_spatial_dropout1d(ConfigReader& reader) { return make(1, reader); }
std::shared_ptr<Layer> make_spatial_dropout2d(ConfigReader& reader) { return make(2, reader); }

}  // namespace pronghorn::model
