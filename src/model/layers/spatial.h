#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "graph/builder.h"
#include "pronghorn/shape.h"

namespace pronghorn::model {

class ConfigReader;

// How the tensors of a layer over images (rank 2) or series (rank 1) become images (height, width,
// channels), which all ops work on: series are images of one row, and tensors of Keras's
// data_format "channels_first" are transposed.
class Spatial {
 public:
  // Reads data_format.
  Spatial(int rank, ConfigReader& reader);

  int rank() const { return rank_; }
  std::string_view data_format() const {
    return channels_first_ ? "channels_first" : "channels_last";
  }
  // What messages call such a tensor: "images (height, width, channels)".
  std::string_view kind() const;

  int64_t channels(const Shape& tensor) const {
    return channels_first_ ? tensor[0] : tensor.back();
  }
  // Shapes without batch.
  Shape image(const Shape& tensor) const;
  Shape tensor(const Shape& image) const;
  graph::ValueId to_image(graph::Builder& builder, graph::ValueId tensor) const;
  graph::ValueId to_tensor(graph::Builder& builder, graph::ValueId image) const;

  // One of Keras's spellings of an extent for each axis: 2, [2], or [2, 2]; each at least `least`.
  // Of series the first of the two is `row`.
  std::array<int64_t, 2> read(ConfigReader& reader, std::string_view name,
                              std::optional<std::array<int64_t, 2>> missing, int64_t row = 1,
                              int64_t least = 1) const;
  // What the layer's config says of rows and columns: of a series' the second.
  std::vector<int64_t> extents(const std::array<int64_t, 2>& rows_and_columns) const {
    return {rows_and_columns.end() - rank_, rows_and_columns.end()};
  }
  // "(3, 3)", "(3,)"
  std::string text(int64_t rows, int64_t columns) const;

 private:
  int rank_;
  bool channels_first_;
};

}  // namespace pronghorn::model
