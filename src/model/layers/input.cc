#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "model/config_reader.h"
#include "model/json_text.h"
#include "model/layer.h"
#include "model/layer_registry.h"
#include "pronghorn/error.h"

namespace pronghorn::model {
namespace {

// The place where images come in: config batch_shape (null, height, width, channels).
class InputLayer final : public Layer {
 public:
  explicit InputLayer(Shape shape) : shape_(std::move(shape)) {}

  std::string_view class_name() const override { return "InputLayer"; }

  nlohmann::ordered_json config() const override {
    nlohmann::ordered_json batch_shape = {nullptr};
    for (int64_t extent : shape_.extents()) batch_shape.push_back(extent);
    return {
        {"batch_shape", batch_shape}, {"dtype", "float32"}, {"sparse", false}, {"ragged", false}};
  }

  Shape output_shape(std::span<const Shape>) const override { return shape_; }

  graph::ValueId lower(Lowering&, std::span<const graph::ValueId>) const override {
    throw std::logic_error("an input is no op");
  }

 private:
  Shape shape_;
};

}  // namespace

std::shared_ptr<Layer> make_input(ConfigReader& reader) {
  Shape shape = reader.batch_shape("batch_shape");
  reader.only_default("sparse", false);
  reader.only_default("ragged", false);
  reader.only_default("optional", false);
  return std::make_shared<InputLayer>(std::move(shape));
}

}  // namespace pronghorn::model
