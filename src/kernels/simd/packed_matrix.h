#pragma once

#include <cstdint>

#include "kernels/simd/matmul_panels.h"

namespace pronghorn::kernels::simd {

// A matrix (k, n) of which the rows of others are multiplied: packed once into panels of columns
// (matmul_panels.h), which stay in a cache from one product to the next. The sum of each element
// of a product is in the order of k, however many rows are computed at a time.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  PackedMatrix(int64_t k, int64_t n);

  // What the panels take.
  int64_t floats() const { return panels_ * panel_floats_; }
  int64_t panels() const { return panels_; }

  // Packs one panel of `b`, element (row, column) at b[row * ld + column], or where it is
  // `transposed` at b[column * ld + row].
  void pack(int64_t panel, const float* b, int64_t ld, bool transposed, float* storage) const;

  // dst = a b, or with `add` dst += a b, for so many rows of `a`.
  void multiply(const float* storage, const float* a, int64_t a_stride, int64_t rows, float* dst,
                int64_t dst_stride, bool add) const;

 private:
  int64_t columns(int64_t panel) const;
  // Floats from one row of a panel to the next.
  int64_t stride(int64_t panel) const;

  PanelCode code_{};
  int64_t k_ = 0, n_ = 0;
  int64_t panels_ = 0, panel_floats_ = 0;
};

}  // namespace pronghorn::kernels::simd
