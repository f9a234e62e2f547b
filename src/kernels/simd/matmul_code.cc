#include "kernels/simd/matmul_panels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/matmul_code.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <type_traits>

#include "kernels/simd/unroll.h"
#include "kernels/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// Sums that the registers hold, as rows times vectors of columns. Dense, six rows make ten loads of
// 24 products (32 registers) or eight of twelve (16 registers). Sparse, two rows: of more, seldom
// all are zero at the same k. They need a vector of the panel for every second product, which is
// what an L2 delivers.
constexpr size_t kDenseRows = 6;
constexpr size_t kSparseRows = 2;
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr size_t kDenseVectors = 4;
constexpr size_t kSparseVectors = 8;
#else
constexpr size_t kDenseVectors = 2;
constexpr size_t kSparseVectors = 4;
#endif
constexpr size_t kPanelVectors = 8;
constexpr int64_t kLineFloats = 16;

template <size_t kRows, size_t kVectors>
struct Sums {
  V of[kRows][kVectors];

  HWY_INLINE void start(const PanelRows& part, size_t column) {
    const D d;
    const size_t lanes = hn::Lanes(d);
    PRONGHORN_UNROLL
    for (size_t r = 0; r < kRows; ++r) {
      PRONGHORN_UNROLL
      for (size_t v = 0; v < kVectors; ++v) of[r][v] = hn::Zero(d);
    }
    if (!part.add) return;
    const size_t columns = static_cast<size_t>(part.columns) - column;
    PRONGHORN_UNROLL
    for (size_t r = 0; r < kRows; ++r) {
      const float* const row = part.dst + static_cast<int64_t>(r) * part.dst_stride + column;
      PRONGHORN_UNROLL
      for (size_t v = 0; v < kVectors; ++v)
        if ((v + 1) * lanes <= columns)
          of[r][v] = hn::LoadU(d, row + v * lanes);
        else if (v * lanes < columns)
          of[r][v] = load_n(d, row + v * lanes, columns - v * lanes);
    }
  }

  HWY_INLINE void add_products(const float* a, int64_t a_stride, const float* b) {
    const D d;
    const size_t lanes = hn::Lanes(d);
    V of_b[kVectors];
    PRONGHORN_UNROLL
    for (size_t v = 0; v < kVectors; ++v) of_b[v] = in_register(hn::LoadU(d, b + v * lanes));
    PRONGHORN_UNROLL
    for (size_t r = 0; r < kRows; ++r) {
      const V of_a = hn::Set(d, a[static_cast<int64_t>(r) * a_stride]);
      PRONGHORN_UNROLL
      for (size_t v = 0; v < kVectors; ++v) of[r][v] = hn::MulAdd(of_a, of_b[v], of[r][v]);
    }
  }

  HWY_INLINE void store(const PanelRows& part, size_t column) const {
    const D d;
    const size_t lanes = hn::Lanes(d);
    const size_t columns = static_cast<size_t>(part.columns) - column;
    PRONGHORN_UNROLL
    for (size_t r = 0; r < kRows; ++r) {
      float* const row = part.dst + static_cast<int64_t>(r) * part.dst_stride + column;
      PRONGHORN_UNROLL
      for (size_t v = 0; v < kVectors; ++v)
        if ((v + 1) * lanes <= columns)
          hn::StoreU(of[r][v], d, row + v * lanes);
        else if (v * lanes < columns)
          store_n(of[r][v], d, row + v * lanes, columns - v * lanes);
    }
  }
};

template <size_t kRows, size_t kVectors>
HWY_INLINE void dense_tile(const PanelRows& part, size_t column) {
  Sums<kRows, kVectors> sums;
  sums.start(part, column);
  const float* a = part.a;
  const float* b = part.panel + column;
  for (int64_t k = 0; k < part.k; ++k, ++a, b += part.panel_stride)
    sums.add_products(a, part.a_stride, b);
  sums.store(part, column);
}

template <size_t kRows, size_t kVectors>
HWY_INLINE void sparse_tile(const PanelRows& part, const int32_t* list, int32_t count,
                            size_t column) {
  Sums<kRows, kVectors> sums;
  sums.start(part, column);
  for (int32_t entry = 0; entry < count; ++entry) {
    const int64_t k = list[entry];
    sums.add_products(part.a + k, part.a_stride, part.panel + k * part.panel_stride + column);
  }
  sums.store(part, column);
}

// Calls tile(column, width), width an integral_constant of vectors: the widest that fits, and where
// the columns end one of 8, 4, 2 or 1 that reaches their end. The panel holds zeros so far.
template <size_t kMost, class Tile>
HWY_INLINE void for_tiles(int64_t columns, Tile tile) {
  const size_t lanes = hn::Lanes(D());
  const size_t end = static_cast<size_t>(columns);
  size_t column = 0;
  for (; column + kMost / 2 * lanes < end; column += kMost * lanes)
    tile(column, std::integral_constant<size_t, kMost>());
  if constexpr (kMost > 1)
    if (column < end)
      for_tiles<kMost / 2>(static_cast<int64_t>(end - column),
                           [&](size_t more, auto width) HWY_ATTR { tile(column + more, width); });
}

template <size_t kRows>
HWY_NOINLINE void dense_rows(const PanelRows& part) {
  for_tiles<kDenseVectors>(part.columns, [&](size_t column, auto width) HWY_ATTR {
    dense_tile<kRows, width()>(part, column);
  });
}

void dense(const PanelRows& part) {
  switch (part.rows) {
    case 1:
      return dense_rows<1>(part);
    case 2:
      return dense_rows<2>(part);
    case 3:
      return dense_rows<3>(part);
    case 4:
      return dense_rows<4>(part);
    case 5:
      return dense_rows<5>(part);
    default:
      return dense_rows<kDenseRows>(part);
  }
}

template <size_t kRows>
HWY_INLINE void sparse_rows(const PanelRows& part, const int32_t* list, int32_t count) {
  for_tiles<kSparseVectors>(part.columns, [&](size_t column, auto width) HWY_ATTR {
    sparse_tile<kRows, width()>(part, list, count, column);
  });
}

void sparse(const PanelRows& part, const int32_t* list, int32_t count) {
  if (part.rows == 1)
    sparse_rows<1>(part, list, count);
  else
    sparse_rows<kSparseRows>(part, list, count);
}

// Rows of b are far apart, so that no prefetcher of a CPU foresees them.
constexpr int64_t kRowsAhead = 8;

void pack(const float* b, int64_t ld, int64_t k, int64_t columns, float* panel, int64_t stride) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (; k > 0; --k, b += ld, panel += stride) {
    if (k > kRowsAhead)
      for (int64_t column = 0; column < columns; column += kLineFloats)
        hwy::Prefetch(b + kRowsAhead * ld + column);
    int64_t column = 0;
    for (; column + lanes <= columns; column += lanes)
      hn::StoreU(hn::LoadU(d, b + column), d, panel + column);
    if (column < columns) {
      hn::StoreU(load_n(d, b + column, static_cast<size_t>(columns - column)), d, panel + column);
      column += lanes;
    }
    for (; column < stride; column += lanes) hn::StoreU(hn::Zero(d), d, panel + column);
  }
}

// From `column` to the rows' end, element by element.
HWY_INLINE void transpose_rest(const float* from, int64_t from_row, int64_t rows, int64_t columns,
                               float* to, int64_t to_row, int64_t column) {
  for (; column < to_row; ++column)
    for (int64_t row = 0; row < rows; ++row)
      to[row * to_row + column] = column < columns ? from[column * from_row + row] : 0.0f;
}

// Rows of `to` that are written in one go over its columns, and so stay in L1: they may be
// multiples of 4 KiB apart, which share places there.
constexpr int64_t kRowsAtOnce = 16;

void transpose(const float* from, int64_t from_row, int64_t rows, int64_t columns, float* to,
               int64_t to_row) {
  for (; rows > 0; rows -= kRowsAtOnce, from += kRowsAtOnce, to += kRowsAtOnce * to_row) {
    const int64_t at_once = HWY_MIN(rows, kRowsAtOnce);
    int64_t column = 0;
#if HWY_TARGET != HWY_SCALAR
    // Blocks of 4x4, in vectors of four: wider ones would need as many shuffles and stores.
    const hn::Full128<float> d;
    const hn::Full128<double> pairs;
    for (; at_once == kRowsAtOnce && column + 4 <= columns; column += 4) {
      const float* const c = from + column * from_row;
      PRONGHORN_UNROLL
      for (int64_t i = 0; i < kRowsAtOnce; i += 4) {
        const auto c0 = hn::LoadU(d, c + i), c1 = hn::LoadU(d, c + from_row + i),
                   c2 = hn::LoadU(d, c + 2 * from_row + i), c3 = hn::LoadU(d, c + 3 * from_row + i);
        const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, c0, c1)),
                   low23 = hn::BitCast(pairs, hn::InterleaveLower(d, c2, c3)),
                   high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, c0, c1)),
                   high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, c2, c3));
        float* const at = to + i * to_row + column;
        hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, at);
        hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, at + to_row);
        hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, at + 2 * to_row);
        hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, at + 3 * to_row);
      }
    }
#endif
    transpose_rest(from, from_row, at_once, columns, to, to_row, column);
  }
}

int32_t list_nonzeros(const float* a, int64_t a_stride, int64_t rows, int64_t k, int32_t* list) {
  const D d;
  const hn::RebindToSigned<D> di;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const V zero = hn::Zero(d);
  auto indices = hn::Iota(di, 0);
  const auto step = hn::Set(di, static_cast<int32_t>(lanes));
  int32_t* end = list;
  for (int64_t i = 0; i < k; i += lanes, indices = hn::Add(indices, step)) {
    const auto at_once = static_cast<size_t>(HWY_MIN(lanes, k - i));
    // A NaN is not equal to zero, and Ne is false for it on some instruction sets.
    auto nonzero = hn::Lt(zero, zero);
    for (int64_t r = 0; r < rows; ++r) {
      const float* const from = a + r * a_stride + i;
      const V of_a = at_once == hn::Lanes(d) ? hn::LoadU(d, from) : load_n(d, from, at_once);
      nonzero = hn::Or(nonzero, hn::Not(hn::Eq(of_a, zero)));
    }
    const auto mask = hn::RebindMask(di, nonzero);
    hn::StoreU(hn::Compress(indices, mask), di, end);
    end += hn::CountTrue(di, mask);
  }
  return static_cast<int32_t>(end - list);
}

PanelCode code() {
  PanelCode code{};
  code.lanes = static_cast<int64_t>(hn::Lanes(D()));
  code.panel_columns = static_cast<int64_t>(kPanelVectors) * code.lanes;
  code.dense_rows = kDenseRows;
  code.sparse_rows = kSparseRows;
  code.pack = &pack;
  code.transpose = &transpose;
  code.list_nonzeros = &list_nonzeros;
  code.dense = &dense;
  code.sparse = &sparse;
  return code;
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include "kernels/simd/dispatch.h"

namespace pronghorn::kernels::simd {

HWY_EXPORT(code);

PanelCode panel_code() {
  choose_target();
  return HWY_DYNAMIC_DISPATCH(code)();
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
