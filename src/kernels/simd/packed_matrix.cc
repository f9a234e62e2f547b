#include "kernels/simd/packed_matrix.h"

#include <algorithm>
#include <bit>

#include "kernels/simd/workspace.h"

namespace pronghorn::kernels::simd {

PackedMatrix::PackedMatrix(int64_t k, int64_t n) : code_(panel_code()), k_(k), n_(n) {
  panels_ = (n + code_.panel_columns - 1) / code_.panel_columns;
  // The first is as wide as any.
  panel_floats_ = whole_lines(k * stride(0));
}

int64_t PackedMatrix::columns(int64_t panel) const {
  return std::min(code_.panel_columns, n_ - panel * code_.panel_columns);
}

int64_t PackedMatrix::stride(int64_t panel) const {
  // Tiles are of 1, 2, 4... vectors.
  const auto vectors = static_cast<uint64_t>((columns(panel) + code_.lanes - 1) / code_.lanes);
  return static_cast<int64_t>(std::bit_ceil(vectors)) * code_.lanes;
}

void PackedMatrix::pack(int64_t panel, const float* b, int64_t ld, bool transposed,
                        float* storage) const {
  const int64_t column = panel * code_.panel_columns;
  float* const to = storage + panel * panel_floats_;
  if (transposed)
    code_.transpose(b + column * ld, ld, k_, columns(panel), to, stride(panel));
  else
    code_.pack(b + column, ld, k_, columns(panel), to, stride(panel));
}

void PackedMatrix::multiply(const float* storage, const float* a, int64_t a_stride, int64_t rows,
                            float* dst, int64_t dst_stride, bool add) const {
  // Blocks of about the same number of rows: none is left with one or two.
  const int64_t blocks = (rows + code_.dense_rows - 1) / code_.dense_rows;
  for (int64_t panel = 0; panel < panels_; ++panel)
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t begin = block * rows / blocks, end = (block + 1) * rows / blocks;
      code_.dense({a + begin * a_stride, a_stride, end - begin, storage + panel * panel_floats_,
                   stride(panel), k_, dst + begin * dst_stride + panel * code_.panel_columns,
                   dst_stride, columns(panel), add});
    }
}

}  // namespace pronghorn::kernels::simd
