#pragma once

#include <cstdint>

#include "graph/graph.h"

namespace pronghorn::kernels {

// The place, in elements from the tensor's begin, of image element (n, h, w, c) in a layout.
inline int64_t element_offset(graph::Layout layout, const Shape& shape, int64_t n, int64_t h,
                              int64_t w, int64_t c) {
  const int64_t height = shape[1], width = shape[2], channels = shape[3];
  if (layout == graph::Layout::kPlain) return ((n * height + h) * width + w) * channels + c;
  const int64_t block = layout == graph::Layout::kBlocked8 ? 8 : 16;
  return (((n * (channels / block) + c / block) * height + h) * width + w) * block + c % block;
}

}  // namespace pronghorn::kernels
