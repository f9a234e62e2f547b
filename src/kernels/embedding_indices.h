#pragma once

#include <cstdint>

#include "graph/graph.h"

namespace pronghorn::kernels {

// The row number that stands at `i` of some indices, -1 where it is none of [0, rows). Float is
// what the indices' floats are held in.
template <class Float>
int64_t index_at(const void* indices, graph::ElementType element, int64_t i, int64_t rows) {
  switch (element) {
    case graph::ElementType::kUint8: {
      const int64_t row = static_cast<const uint8_t*>(indices)[i];
      return row < rows ? row : -1;
    }
    case graph::ElementType::kInt32: {
      const int64_t row = static_cast<const int32_t*>(indices)[i];
      return row >= 0 && row < rows ? row : -1;
    }
    case graph::ElementType::kFloat32:
      break;
  }
  const Float number = static_cast<const Float*>(indices)[i];
  // Compared as a number: a NaN or an infinity has no integer.
  return number >= 0 && number < static_cast<Float>(rows) ? static_cast<int64_t>(number) : -1;
}

}  // namespace pronghorn::kernels
