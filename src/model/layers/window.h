#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "graph/ops/conv2d.h"
#include "pronghorn/shape.h"

namespace pronghorn::model {

// A window that slides over images, as Conv2D and the pooling layers have it.
struct Window {
  std::array<int64_t, 2> size;
  std::array<int64_t, 2> strides;
  std::array<int64_t, 2> dilation = {1, 1};
  bool same_padding = false;

  int64_t span(size_t axis) const { return (size[axis] - 1) * dilation[axis] + 1; }

  // Of images (height, width, channels). Extents are 0 where the window doesn't fit.
  std::array<int64_t, 2> outputs(const Shape& image) const {
    std::array<int64_t, 2> extents{};
    for (size_t axis = 0; axis < 2; ++axis) {
      const int64_t covered = same_padding ? image[static_cast<int>(axis)]
                                           : image[static_cast<int>(axis)] - span(axis) + 1;
      extents[axis] = covered < 1 ? 0 : (covered - 1) / strides[axis] + 1;
    }
    return extents;
  }

  graph::Padding2d padding(const Shape& image) const {
    if (!same_padding) return {};
    const graph::SamePadding rows = graph::same_padding(image[0], size[0], strides[0], dilation[0]);
    const graph::SamePadding columns =
        graph::same_padding(image[1], size[1], strides[1], dilation[1]);
    return {rows.before, columns.before, rows.after, columns.after};
  }
};

}  // namespace pronghorn::model
