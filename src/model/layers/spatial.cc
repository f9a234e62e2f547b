#include "model/layers/spatial.h"

#include <fmt/format.h>

#include "graph/ops/reshape.h"
#include "graph/ops/transpose.h"
#include "model/config_reader.h"

namespace pronghorn::model {

Spatial::Spatial(int rank, ConfigReader& reader) : rank_(rank) {
  const std::string format = reader.text("data_format", "channels_last");
  if (format != "channels_last" && format != "channels_first")
    reader.fail("data_format",
                fmt::format("is '{}'; it must be 'channels_last' or 'channels_first'", format));
  channels_first_ = format == "channels_first";
}

std::string_view Spatial::kind() const {
  if (rank_ == 1) return channels_first_ ? "series (channels, steps)" : "series (steps, channels)";
  return channels_first_ ? "images (channels, height, width)" : "images (height, width, channels)";
}

Shape Spatial::image(const Shape& tensor) const {
  const int at = channels_first_ ? 1 : 0;  // of the first axis that is no channel
  const int64_t channels = this->channels(tensor);
  if (rank_ == 1) return {1, tensor[at], channels};
  return {tensor[at], tensor[at + 1], channels};
}

Shape Spatial::tensor(const Shape& image) const {
  std::vector<int64_t> extents;
  if (channels_first_) extents.push_back(image[2]);
  if (rank_ == 2) extents.push_back(image[0]);
  extents.push_back(image[1]);
  if (!channels_first_) extents.push_back(image[2]);
  return Shape(std::move(extents));
}

graph::ValueId Spatial::to_image(graph::Builder& builder, graph::ValueId tensor) const {
  const Shape shape = builder.graph().value(tensor).shape;
  if (channels_first_)
    tensor = graph::transpose(
        builder, tensor,
        rank_ == 1 ? std::vector<int64_t>{0, 2, 1} : std::vector<int64_t>{0, 2, 3, 1});
  if (rank_ == 2) return tensor;
  return graph::reshape(builder, tensor, image(shape.without_batch()).with_batch(shape[0]));
}

graph::ValueId Spatial::to_tensor(graph::Builder& builder, graph::ValueId image) const {
  const Shape shape = builder.graph().value(image).shape;
  if (rank_ == 1) image = graph::reshape(builder, image, {shape[0], shape[2], shape[3]});
  if (!channels_first_) return image;
  return graph::transpose(
      builder, image,
      rank_ == 1 ? std::vector<int64_t>{0, 2, 1} : std::vector<int64_t>{0, 3, 1, 2});
}

std::array<int64_t, 2> Spatial::read(ConfigReader& reader, std::string_view name,
                                     std::optional<std::array<int64_t, 2>> missing, int64_t row,
                                     int64_t least) const {
  const std::optional<std::vector<int64_t>> numbers =
      reader.extents(name, static_cast<size_t>(rank_), least);
  if (!numbers && !missing) reader.fail(name, "is missing");
  if (!numbers) return *missing;
  return rank_ == 1 ? std::array{row, (*numbers)[0]} : std::array{(*numbers)[0], (*numbers)[1]};
}

std::string Spatial::text(int64_t rows, int64_t columns) const {
  return Shape(extents({rows, columns})).to_string();
}

}  // namespace pronghorn::model
