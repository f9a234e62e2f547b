#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "graph/ops/reshape.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {
namespace {

// Both layers are one view; nothing runs.
graph::ValueId lower_view(Lowering& lowering, graph::ValueId src, const Shape& shape) {
  const Shape& src_shape = lowering.builder.graph().value(src).shape;
  const Shape dst_shape = shape.with_batch(src_shape[0]);
  return src_shape == dst_shape ? src : graph::reshape(lowering.builder, src, dst_shape);
}

class Flatten final : public Layer {
 public:
  std::string_view class_name() const override { return "Flatten"; }
  nlohmann::ordered_json config() const override { return {{"data_format", "channels_last"}}; }

  Shape output_shape(std::span<const Shape> inputs) const override {
    return {only_input(inputs).elements()};
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    const Shape& shape = lowering.builder.graph().value(inputs[0]).shape;
    return lower_view(lowering, inputs[0], {shape.without_batch().elements()});
  }
};

class Reshape final : public Layer {
 public:
  explicit Reshape(Shape target) : target_(std::move(target)) {}

  std::string_view class_name() const override { return "Reshape"; }
  nlohmann::ordered_json config() const override {
    const auto extents = target_.extents();
    return {{"target_shape", std::vector<int64_t>(extents.begin(), extents.end())}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    std::vector<int64_t> extents(target_.extents().begin(), target_.extents().end());
    int64_t known = 1;
    int64_t* unknown = nullptr;
    bool fits = true;
    for (int64_t& extent : extents) {
      if (extent == -1)
        unknown = &extent;
      else
        fits = fits && !__builtin_mul_overflow(known, extent, &known);
    }
    if (fits && unknown != nullptr && input.elements() % known == 0)
      *unknown = input.elements() / known;
    else if (!fits || known != input.elements())
      fail(fmt::format("target_shape {} does not have the {} elements of its input {}",
                       target_.to_string(), input.elements(), input.to_string_any_batch()));
    return Shape(std::move(extents));
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    const Shape shape = lowering.builder.graph().value(inputs[0]).shape.without_batch();
    return lower_view(lowering, inputs[0], output_shape({&shape, 1}));
  }

 private:
  Shape target_;
};

}  // namespace

std::shared_ptr<Layer> make_flatten(ConfigReader& reader) {
  reader.only_default("data_format", "channels_last");
  return std::make_shared<Flatten>();
}

std::shared_ptr<Layer> make_reshape(ConfigReader& reader) {
  Shape target = reader.shape("target_shape", /*allow_unknown=*/true);
  int unknown = 0;
  for (int64_t extent : target.extents()) unknown += extent == -1 ? 1 : 0;
  if (unknown > 1)
    reader.fail("target_shape",
                fmt::format("is {}; one extent at most may be -1", target.to_string()));
  return std::make_shared<Reshape>(std::move(target));
}

}  // namespace pronghorn::model
