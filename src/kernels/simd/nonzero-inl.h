// Which gradients are not zero, and where they belong, as masks of bits.
#if defined(PRONGHORN_KERNELS_SIMD_NONZERO_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PRONGHORN_KERNELS_SIMD_NONZERO_INL_H_
#undef PRONGHORN_KERNELS_SIMD_NONZERO_INL_H_
#else
#define PRONGHORN_KERNELS_SIMD_NONZERO_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "kernels/simd/pooled_gradient.h"
#include "kernels/simd/unroll.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// Which of 16 floats are not zero, the first in the lowest bit.
HWY_INLINE uint64_t nonzero_mask(const float* values) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  uint64_t mask = 0;
  const V zero = hn::Zero(d);
  for (int64_t i = 0; i < 16; i += lanes) {
    uint8_t bits[8];
    // Not Ne, which is false of NaN here and there.
    hn::StoreMaskBits(d, hn::Not(hn::Eq(hn::LoadU(d, values + i), zero)), bits);
    // Byte by byte: a load wider than the store before it would wait for it.
    mask |= static_cast<uint64_t>(bits[0]) << i;
    if (lanes > 8) mask |= static_cast<uint64_t>(bits[1]) << (i + 8);
  }
  return mask;
}

// Which of 16 gradients are not zero and belong to a window's element 0, 1, 2, 3; added to the
// masks `shift` bits up.
HWY_INLINE void add_winner_masks(const float* values, const uint8_t* winners, int64_t shift,
                                 uint64_t (&masks)[4]) {
  const hn::CappedTag<uint8_t, 16> d8;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d8));
  const uint64_t nonzero = nonzero_mask(values);
  for (int64_t i = 0; i < 16; i += lanes) {
    const auto winner = hn::LoadU(d8, winners + i);
    PRONGHORN_UNROLL
    for (int place = 0; place < 4; ++place) {
      uint8_t bits[8];
      hn::StoreMaskBits(d8, hn::Eq(winner, hn::Set(d8, static_cast<uint8_t>(place))), bits);
      uint64_t won = bits[0];
      if (lanes > 8) won |= static_cast<uint64_t>(bits[1]) << 8;
      masks[place] |= (nonzero & won << i) << shift;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_NONZERO_INL_H_
