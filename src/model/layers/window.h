#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "graph/ops/conv2d.h"
#include "pronghorn/shape.h"

namespace pronghorn::model {

// How a window treats the edges of its input. Causal: all padding before, so that no output sees
// what comes after it; of series only.
enum class EdgePadding : uint8_t { kValid, kSame, kCausal };

// A window that slides over images, as convolutions and pooling layers have it. One over series is
// a window of one row.
struct Window {
  std::array<int64_t, 2> size;
  std::array<int64_t, 2> strides;
  std::array<int64_t, 2> dilation = {1, 1};
  EdgePadding edges = EdgePadding::kValid;

  int64_t span(size_t axis) const { return (size[axis] - 1) * dilation[axis] + 1; }

  // Of images (height, width, channels). Extents are 0 where the window doesn't fit.
  std::array<int64_t, 2> outputs(const Shape& image) const {
    std::array<int64_t, 2> extents{};
    for (size_t axis = 0; axis < 2; ++axis) {
      const int64_t extent = image[static_cast<int>(axis)];
      const int64_t covered = edges == EdgePadding::kValid ? extent - span(axis) + 1 : extent;
      extents[axis] = covered < 1 ? 0 : (covered - 1) / strides[axis] + 1;
    }
    return extents;
  }

  graph::Padding2d padding(const Shape& image) const {
    if (edges == EdgePadding::kValid) return {};
    if (edges == EdgePadding::kCausal) return {span(0) - 1, span(1) - 1, 0, 0};
    const graph::SamePadding rows = graph::same_padding(image[0], size[0], strides[0], dilation[0]);
    const graph::SamePadding columns =
        graph::same_padding(image[1], size[1], strides[1], dilation[1]);
    return {rows.before, columns.before, rows.after, columns.after};
  }

  graph::Conv2dWindow convolution(const Shape& image) const {
    return {strides[0], strides[1], dilation[0], dilation[1], padding(image)};
  }
};

inline const char* to_string(EdgePadding edges) {
  return edges == EdgePadding::kValid ? "valid" : edges == EdgePadding::kSame ? "same" : "causal";
}

}  // namespace pronghorn::model
