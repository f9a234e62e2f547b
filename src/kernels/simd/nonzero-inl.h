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

// The lanes of a mask as bits, the first in the lowest.
template <class Tag>
HWY_INLINE uint64_t mask_bits(Tag tag, hn::Mask<Tag> mask) {
  constexpr size_t kBytes = (hn::MaxLanes(tag) + 7) / 8;
  uint8_t bytes[8];
  hn::StoreMaskBits(tag, mask, bytes);
  // As wide as the store: a wider load would wait for it.
  uint64_t bits = 0;
  hwy::CopyBytes<kBytes>(bytes, &bits);
  return bits;
}

// Which of `count` floats, a multiple of the lanes and at most 64, are not zero.
HWY_INLINE uint64_t nonzero_mask(const float* values, int64_t count) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  uint64_t mask = 0;
  const V zero = hn::Zero(d);
  // Not Ne, which is false of NaN here and there.
  for (int64_t i = 0; i < count; i += lanes)
    mask |= mask_bits(d, hn::Not(hn::Eq(hn::LoadU(d, values + i), zero))) << i;
  return mask;
}

// Which of kCount gradients, 16 or 64, are not zero and belong to a window's element 0, 1, 2, 3;
// added to the masks `shift` bits up.
template <int64_t kCount>
HWY_INLINE void add_winner_masks(const float* values, const uint8_t* winners, int64_t shift,
                                 uint64_t (&masks)[4]) {
  const hn::CappedTag<uint8_t, kCount> d8;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d8));
  const uint64_t nonzero = nonzero_mask(values, kCount) << shift;
  for (int64_t i = 0; i < kCount; i += lanes) {
    const auto winner = hn::LoadU(d8, winners + i);
    PRONGHORN_UNROLL
    for (int place = 0; place < 4; ++place) {
      const auto won = hn::Eq(winner, hn::Set(d8, static_cast<uint8_t>(place)));
      masks[place] |= nonzero & mask_bits(d8, won) << (i + shift);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_NONZERO_INL_H_
