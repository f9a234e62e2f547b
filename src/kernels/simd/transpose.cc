#include "graph/ops/transpose.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/transpose.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// dst[column * dst_stride + row] = src[row * src_stride + column]: row by row of src, each row a
// run; of `rows` rows and `columns` columns.
void transpose_plain(const float* src, int64_t src_stride, float* dst, int64_t dst_stride,
                     int64_t rows, int64_t columns) {
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      dst[column * dst_stride + row] = src[row * src_stride + column];
}

// The same in squares of four by four, turned in registers: four loads, four stores and eight
// shuffles of 16 elements. Wider squares need more shuffles an element, and the copy is bound by
// its cache lines already.
void transpose_tile(const float* src, int64_t src_stride, float* dst, int64_t dst_stride,
                    int64_t rows, int64_t columns) {
#if HWY_TARGET == HWY_SCALAR
  transpose_plain(src, src_stride, dst, dst_stride, rows, columns);
#else
  const hn::FixedTag<float, 4> d;
  const hn::FixedTag<double, 2> pairs;
  const int64_t whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
  for (int64_t row = 0; row < whole_rows; row += 4) {
    const float* from = src + row * src_stride;
    for (int64_t column = 0; column < whole_columns; column += 4) {
      const auto a = hn::LoadU(d, from + column);
      const auto b = hn::LoadU(d, from + column + src_stride);
      const auto c = hn::LoadU(d, from + column + 2 * src_stride);
      const auto e = hn::LoadU(d, from + column + 3 * src_stride);
      const auto ab_low = hn::BitCast(pairs, hn::InterleaveLower(d, a, b));
      const auto ab_high = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b));
      const auto ce_low = hn::BitCast(pairs, hn::InterleaveLower(d, c, e));
      const auto ce_high = hn::BitCast(pairs, hn::InterleaveUpper(d, c, e));
      float* to = dst + column * dst_stride + row;
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab_low, ce_low)), d, to);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab_low, ce_low)), d, to + dst_stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab_high, ce_high)), d,
                 to + 2 * dst_stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab_high, ce_high)), d,
                 to + 3 * dst_stride);
    }
    transpose_plain(from + whole_columns, src_stride, dst + whole_columns * dst_stride + row,
                    dst_stride, 4, columns - whole_columns);
  }
  transpose_plain(src + whole_rows * src_stride, src_stride, dst + whole_rows, dst_stride,
                  rows - whole_rows, columns);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <memory>

#include "kernels/simd/dispatch.h"
#include "kernels/simd/simd.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(transpose_tile);

// A tile's rows are a cache line of dst, its columns a line of src each: 32 lines, which L1 holds
// whatever the strides are, as it has at least eight ways.
constexpr int64_t kTile = 16;

// What a thread takes at a time, in elements.
constexpr int64_t kGrainElements = 16384;

// A transposition as independent pieces. Two axes lie within a piece: dst's last one, and src's
// last one, or where that is the same, so that runs stay together, the one before.
struct Pieces {
  std::vector<int64_t> extents, src_strides, dst_strides;  // of what numbers the pieces
  bool runs;
  int64_t rows = 1, row_stride = 0;        // dst's last axis, and its stride in src
  int64_t columns = 1, column_stride = 0;  // the other, and its stride in dst
  int64_t run_stride = 0;                  // of runs in src
  int64_t bands = 1;                       // of kTile rows each; the innermost number

  explicit Pieces(const graph::TransposeGeometry& g) : runs(g.keeps_runs()) {
    int64_t dst_stride = 1;
    for (size_t axis = g.extents.size(); axis-- > 0;) {
      if (axis + 1 == g.extents.size()) {
        rows = g.extents[axis];
        row_stride = g.strides[axis];
      } else if (runs ? axis + 2 == g.extents.size() : g.strides[axis] == 1) {
        columns = g.extents[axis];
        column_stride = dst_stride;
        run_stride = g.strides[axis];
      } else {
        extents.insert(extents.begin(), g.extents[axis]);
        src_strides.insert(src_strides.begin(), g.strides[axis]);
        dst_strides.insert(dst_strides.begin(), dst_stride);
      }
      dst_stride *= g.extents[axis];
    }
    if (!runs) bands = (rows + kTile - 1) / kTile;
  }

  int64_t count() const {
    int64_t product = bands;
    for (const int64_t extent : extents) product *= extent;
    return product;
  }
  int64_t grain() const {
    const int64_t elements = (runs ? rows : std::min(rows, kTile)) * columns;
    return std::max<int64_t>(1, kGrainElements / elements);
  }
};

class TransposeKernel final : public Kernel {
 public:
  explicit TransposeKernel(const KernelCase& kernel_case)
      : pieces_(graph::transpose_geometry(kernel_case.input(0).shape,
                                          kernel_case.op.attributes.integers("permutation"))) {
    choose_target();
    tile_ = &HWY_DYNAMIC_DISPATCH(transpose_tile);
  }

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    dst_ = buffers.output(0);
  }

  void run(const RunContext& context) override {
    context.parallel.for_ranges(pieces_.count(), pieces_.grain(), [&](int64_t first, int64_t last) {
      for (int64_t piece = first; piece < last; ++piece) move(piece);
    });
  }

 private:
  void move(int64_t piece) const {
    const Pieces& p = pieces_;
    const int64_t band = piece % p.bands;
    int64_t number = piece / p.bands;
    const float* src = src_;
    float* dst = dst_;
    for (size_t axis = p.extents.size(); axis-- > 0;) {
      const int64_t index = number % p.extents[axis];
      number /= p.extents[axis];
      src += index * p.src_strides[axis];
      dst += index * p.dst_strides[axis];
    }
    if (p.runs) {
      for (int64_t run = 0; run < p.columns; ++run)
        std::memcpy(dst + run * p.column_stride, src + run * p.run_stride,
                    static_cast<size_t>(p.rows) * sizeof(float));
      return;
    }
    const int64_t row = band * kTile;
    const int64_t rows = std::min(kTile, p.rows - row);
    for (int64_t column = 0; column < p.columns; column += kTile)
      tile_(src + row * p.row_stride + column, p.row_stride, dst + row + column * p.column_stride,
            p.column_stride, rows, std::min(kTile, p.columns - column));
  }

  Pieces pieces_;
  void (*tile_)(const float*, int64_t, float*, int64_t, int64_t, int64_t);
  const float* src_ = nullptr;
  float* dst_ = nullptr;
};

class Transpose final : public Implementation {
 public:
  std::string_view name() const override { return "simd.transpose"; }
  Family family() const override { return Family::kSimd; }

  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    const Pieces pieces(graph::transpose_geometry(
        kernel_case.input(0).shape, kernel_case.op.attributes.integers("permutation")));
    execution.tasks = (pieces.count() + pieces.grain() - 1) / pieces.grain();
    return execution;
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<TransposeKernel>(kernel_case);
  }
};

}  // namespace

const Implementation& transpose() {
  static const Transpose implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
