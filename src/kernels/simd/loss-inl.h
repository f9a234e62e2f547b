// What the files of the losses share: their rows, labels and clips, and powers.
#if defined(PRONGHORN_KERNELS_SIMD_LOSS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PRONGHORN_KERNELS_SIMD_LOSS_INL_H_
#undef PRONGHORN_KERNELS_SIMD_LOSS_INL_H_
#else
#define PRONGHORN_KERNELS_SIMD_LOSS_INL_H_
#endif

#include <limits>

#include "kernels/simd/activations-inl.h"
#include "kernels/simd/loss_rows.h"
#include "kernels/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

using graph::LossFunction;

constexpr float kLowest = static_cast<float>(graph::kProbabilityEpsilon);
constexpr float kHighest = static_cast<float>(1 - graph::kProbabilityEpsilon);

HWY_INLINE V set(float value) { return hn::Set(D(), value); }

// `p` between the two; a NaN stays one.
HWY_INLINE V clip(V p, float lowest = kLowest, float highest = kHighest) {
  const V clipped = hn::Min(set(highest), hn::Max(set(lowest), p));
  return hn::IfThenElse(hn::IsNaN(p), p, clipped);
}
HWY_INLINE auto is_inside(V p, float lowest = kLowest, float highest = kHighest) {
  return hn::And(hn::Ge(p, set(lowest)), hn::Le(p, set(highest)));
}

// +1, -1, or 0 of 0.
HWY_INLINE V sign(V x) {
  return hn::IfThenElseZero(hn::Ne(x, hn::Zero(D())), hn::CopySign(set(1.0f), x));
}

// The class that a label names, or `columns` for one that names none: such labels are refused
// where data enters, but must not make a kernel write elsewhere.
HWY_INLINE size_t class_of(float label, size_t columns) {
  return label >= 0 && label < static_cast<float>(columns) ? static_cast<size_t>(label) : columns;
}

// A part of a row's labels, smoothed.
template <class Part>
HWY_INLINE V label(const LossRows& r, Part part, const float* labels) {
  return hn::MulAdd(part.load(labels), set(r.label_scale), set(r.label_offset));
}

// Calls f(y_pred, y_true, index) for every row.
template <class F>
HWY_INLINE void for_rows(const LossRows& r, bool class_numbers, F f) {
  for (int64_t row = 0; row < r.rows; ++row) {
    const size_t at = static_cast<size_t>(row) * r.columns;
    f(r.y_pred + at, r.y_true + (class_numbers ? static_cast<size_t>(row) : at), row);
  }
}
HWY_INLINE float* out_row(const LossRows& r, int64_t row) {
  return r.out + static_cast<size_t>(row) * r.columns;
}

// x^exponent for x >= 0. Whole exponents that occur (gamma is 2 by default) are products, which
// keep more of the precision than an exponential does.
HWY_INLINE V power(V x, float exponent) {
  if (exponent == 0) return set(1.0f);
  if (exponent == 1) return x;
  if (exponent == 2) return hn::Mul(x, x);
  if (exponent == 3) return hn::Mul(hn::Mul(x, x), x);
  // The logarithm's range begins above zero.
  const float of_zero = exponent > 0 ? 0.0f : std::numeric_limits<float>::infinity();
  const V result = exp(D(), hn::Mul(set(exponent), log(x)));
  return hn::IfThenElse(hn::Eq(x, hn::Zero(D())), set(of_zero), result);
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_LOSS_INL_H_
