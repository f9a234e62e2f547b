// Walks along a row of any length in vectors, and softmax of a row.
#if defined(PRONGHORN_KERNELS_SIMD_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PRONGHORN_KERNELS_SIMD_ROWS_INL_H_
#undef PRONGHORN_KERNELS_SIMD_ROWS_INL_H_
#else
#define PRONGHORN_KERNELS_SIMD_ROWS_INL_H_
#endif

#include <limits>

#include "kernels/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// A vector's place in a row: all of its lanes, or the first `count`.
struct WholePart {
  size_t at;
  V load(const float* row) const { return hn::LoadU(D(), row + at); }
  void store(V v, float* row) const { hn::StoreU(v, D(), row + at); }
  // v, with `other` in the lanes that are no part of the row.
  V or_else(V v, V) const { return v; }
};
struct RestPart {
  size_t at;
  size_t count;
  V load(const float* row) const { return load_n(D(), row + at, count); }
  void store(V v, float* row) const { store_n(v, D(), row + at, count); }
  V or_else(V v, V other) const { return hn::IfThenElse(hn::FirstN(D(), count), v, other); }
};

// Calls f(part) for the parts of a row from left to right, from column `at` on.
template <class F>
HWY_INLINE void for_parts(size_t columns, F f, size_t at = 0) {
  const size_t lanes = hn::Lanes(D());
  for (; at + lanes <= columns; at += lanes) f(WholePart{at});
  if (at < columns) f(RestPart{at, columns - at});
}

// The sum over a row of term(part), whose lanes beyond the row's end are left out; in all lanes.
template <class Term>
HWY_INLINE V sum_of_parts(size_t columns, Term term) {
  V sum = hn::Zero(D());
  for_parts(columns, [&](auto part)
                         HWY_ATTR { sum = hn::Add(sum, part.or_else(term(part), hn::Zero(D()))); });
  return hn::SumOfLanes(D(), sum);
}

HWY_INLINE V max_of_row(const float* row, size_t columns) {
  const V lowest = hn::Set(D(), -std::numeric_limits<float>::infinity());
  V most = lowest;
  for_parts(columns, [&](auto part)
                         HWY_ATTR { most = hn::Max(part.or_else(part.load(row), lowest), most); });
  return hn::MaxOfLanes(D(), most);
}

// dst = exp(src - max); returns the sum of dst. The rows may be the same.
HWY_INLINE V exponentials_of_row(const float* src, V max, float* dst, size_t columns) {
  return sum_of_parts(columns, [&](auto part) HWY_ATTR {
    const V e = exp(D(), hn::Sub(part.load(src), max));
    part.store(e, dst);
    return e;
  });
}

HWY_INLINE void divide_row(float* row, V divisor, size_t columns) {
  for_parts(columns,
            [&](auto part) HWY_ATTR { part.store(hn::Div(part.load(row), divisor), row); });
}

// Natural logarithm within 4 ulp; of a NaN a NaN, which Highway's does not keep.
HWY_INLINE V log(V x) { return hn::IfThenElse(hn::IsNaN(x), x, hn::Log(D(), x)); }

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_ROWS_INL_H_
