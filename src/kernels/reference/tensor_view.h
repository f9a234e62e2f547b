#pragma once

#include <cstdint>

namespace pronghorn::kernels::reference {

// Plain row-major tensors by their indices, so that the loops read as their formulas do.

template <class T>
struct Matrix {
  T* data;
  int64_t columns;

  T& operator()(int64_t row, int64_t column) const { return data[row * columns + column]; }
};

// Images (n, row, column, channel), or a convolution's weights (i, j, channel, out channel).
template <class T>
struct Tensor4 {
  T* data;
  int64_t extent1, extent2, extent3;

  T& operator()(int64_t i0, int64_t i1, int64_t i2, int64_t i3) const {
    return data[((i0 * extent1 + i1) * extent2 + i2) * extent3 + i3];
  }
};

}  // namespace pronghorn::kernels::reference
