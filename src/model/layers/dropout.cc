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
// inference the layer is nothing.
class Dropout final : public Layer {
 public:
  Dropout(double rate, std::optional<int64_t> seed) : rate_(rate), seed_(seed) {}

  std::string_view class_name() const override { return "Dropout"; }
  nlohmann::ordered_json config() const override {
    return {{"rate", rate_},
            {"seed", seed_ ? nlohmann::ordered_json(*seed_) : nlohmann::ordered_json()},
            {"noise_shape", nullptr}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override { return only_input(inputs); }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    if (!lowering.training || rate_ == 0) return inputs[0];
    // The odd constant of Fibonacci hashing spreads a seed over the upper bits, far from the
    // numbers that tell layers apart.
    const uint64_t mixed =
        seed_ ? (static_cast<uint64_t>(*seed_) + 1) * 0x9E3779B97F4A7C15ull : uint64_t{0};
    return graph::dropout(lowering.builder, inputs[0], rate_, lowering.stream + mixed);
  }

 private:
  double rate_;
  std::optional<int64_t> seed_;
};

}  // namespace

std::shared_ptr<Layer> make_dropout(ConfigReader& reader) {
  const double rate = reader.real("rate", -1);
  if (rate < 0 || rate >= 1) reader.fail("rate", fmt::format("is {}; it must be in [0, 1)", rate));
  return std::make_shared<Dropout>(rate, reader.optional_integer("seed"));
}

}  // namespace pronghorn::model
