#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "graph/ops/pad.h"
#include "model/config_reader.h"
#include "model/json_text.h"
#include "model/layer.h"
#include "model/layer_registry.h"
#include "model/layers/spatial.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;

// Elements before and behind an axis.
struct Edges {
  int64_t before, after;
};

// ZeroPadding and Cropping, 1D and 2D: zeros around an image, or an image without its edges.
class EdgeLayer final : public Layer {
 public:
  EdgeLayer(bool pads, Spatial spatial, std::array<Edges, 2> edges)
      : pads_(pads), spatial_(spatial), edges_(edges) {}

  std::string_view class_name() const override {
    if (pads_) return spatial_.rank() == 1 ? "ZeroPadding1D" : "ZeroPadding2D";
    return spatial_.rank() == 1 ? "Cropping1D" : "Cropping2D";
  }

  Json config() const override {
    const auto [rows, columns] = edges_;
    Json config = Json::object();
    const Json of_columns{columns.before, columns.after};
    config[argument(pads_)] =
        spatial_.rank() == 1 ? of_columns : Json::array({{rows.before, rows.after}, of_columns});
    config["data_format"] = spatial_.data_format();
    // Keras's Cropping1D has no such argument, its ZeroPadding1D has.
    if (!pads_ && spatial_.rank() == 1) config.erase("data_format");
    return config;
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs, spatial_.rank() + 1, spatial_.kind());
    const Shape image = spatial_.image(input);
    std::array<int64_t, 2> extents{};
    for (size_t i = 0; i < 2; ++i) {
      const int64_t edge = edges_[i].before + edges_[i].after;
      extents[i] = image[static_cast<int>(i)] + (pads_ ? edge : -edge);
      if (extents[i] < 1)
        fail(fmt::format("crops {} and {} elements of an axis of its input {}, all there are",
                         edges_[i].before, edges_[i].after, input.to_string_any_batch()));
    }
    return spatial_.tensor({extents[0], extents[1], image[2]});
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    const auto [rows, columns] = edges_;
    const auto change = pads_ ? graph::pad : graph::crop;
    const graph::ValueId src = spatial_.to_image(lowering.builder, inputs[0]);
    return spatial_.to_tensor(lowering.builder,
                              change(lowering.builder, src, {0, rows.before, columns.before, 0},
                                     {0, rows.after, columns.after, 0}));
  }

  static const char* argument(bool pads) { return pads ? "padding" : "cropping"; }

 private:
  bool pads_;
  Spatial spatial_;
  std::array<Edges, 2> edges_;  // of rows, of columns
};

// Keras's spellings: of two axes 1, [1, 2], or [[1, 1], [2, 2]]; of one 1 or [1, 2].
std::array<Edges, 2> read_edges(int rank, bool pads, ConfigReader& reader) {
  const char* name = EdgeLayer::argument(pads);
  const Json& value = reader.json(name);
  // Keras's defaults: a padding of 1, and croppings that do nothing in 2D, one element in 1D.
  const int64_t missing = pads || rank == 1 ? 1 : 0;
  const auto number = [&](const Json& entry) {
    const int64_t n = reader.to_integer(name, entry);
    if (n < 0) reader.fail(name, fmt::format("is {}; it must not be negative", excerpt(value)));
    return n;
  };
  const auto pair = [&](const Json& entry) {
    if (!entry.is_array()) return Edges{number(entry), number(entry)};
    if (entry.size() != 2)
      reader.fail(name,
                  fmt::format("is {}; of an axis it must be one number or two", excerpt(value)));
    return Edges{number(entry[0]), number(entry[1])};
  };
  if (value.is_null()) {
    const Edges edges{missing, missing};
    return {rank == 1 ? Edges{0, 0} : edges, edges};
  }
  if (rank == 1) return {Edges{0, 0}, pair(value)};
  if (!value.is_array()) return {pair(value), pair(value)};
  if (value.size() != 2)
    reader.fail(name, fmt::format("is {}; it must be an integer or a list of 2", excerpt(value)));
  return {pair(value[0]), pair(value[1])};
}

std::shared_ptr<Layer> make(int rank, bool pads, ConfigReader& reader) {
  const Spatial spatial(rank, reader);
  return std::make_shared<EdgeLayer>(pads, spatial, read_edges(rank, pads, reader));
}

}  // namespace

std::shared_ptr<Layer> make_zero_padding1d(ConfigReader& reader) { return make(1, true, reader); }
std::shared_ptr<Layer> make_zero_padding2d(ConfigReader& reader) { return make(2, true, reader); }
std::shared_ptr<Layer> make_cropping1d(ConfigReader& reader) { return make(1, false, reader); }
std::shared_ptr<Layer> make_cropping2d(ConfigReader& reader) { return make(2, false, reader); }

}  // namespace pronghorn::model
