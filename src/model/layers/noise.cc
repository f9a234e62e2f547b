#include "graph/ops/noise.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {
namespace {

// GaussianNoise, GaussianDropout, AlphaDropout: noise in training, nothing at inference.
class NoiseLayer final : public Layer {
 public:
  NoiseLayer(graph::Noise function, double rate, std::optional<int64_t> seed)
      : function_(function), rate_(rate), seed_(seed) {}

  std::string_view class_name() const override {
    return function_ == graph::Noise::kGaussianNoise     ? "GaussianNoise"
           : function_ == graph::Noise::kGaussianDropout ? "GaussianDropout"
                                                         : "AlphaDropout";
  }

  nlohmann::ordered_json config() const override {
    nlohmann::ordered_json config = {
        {function_ == graph::Noise::kGaussianNoise ? "stddev" : "rate", rate_},
        {"seed", seed_ ? nlohmann::ordered_json(*seed_) : nlohmann::ordered_json()}};
    if (function_ == graph::Noise::kAlphaDropout) config["noise_shape"] = nullptr;
    return config;
  }

  Shape output_shape(std::span<const Shape> inputs) const override { return only_input(inputs); }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    if (!lowering.training || rate_ == 0) return inputs[0];
    return graph::noise(lowering.builder, inputs[0], function_, rate_,
                        lowering.stream + mixed_seed(seed_));
  }

 private:
  graph::Noise function_;
  double rate_;
  std::optional<int64_t> seed_;
};

std::shared_ptr<Layer> make_noise(ConfigReader& reader, graph::Noise function,
                                  std::string_view argument) {
  const double rate = reader.real(argument, -1);
  const bool whole = function == graph::Noise::kGaussianNoise;
  if (rate < 0 || rate > 1 || (rate == 1 && !whole))
    reader.fail(argument, fmt::format("is {}; it must be in [0, 1{}", rate, whole ? "]" : ")"));
  return std::make_shared<NoiseLayer>(function, rate, reader.optional_integer("seed"));
}

}  // namespace

std::shared_ptr<Layer> make_gaussian_noise(ConfigReader& reader) {
  return make_noise(reader, graph::Noise::kGaussianNoise, "stddev");
}
std::shared_ptr<Layer> make_gaussian_dropout(ConfigReader& reader) {
  return make_noise(reader, graph::Noise::kGaussianDropout, "rate");
}
std::shared_ptr<Layer> make_alpha_dropout(ConfigReader& reader) {
  return make_noise(reader, graph::Noise::kAlphaDropout, "rate");
}

}  // namespace pronghorn::model
