// Which elements of an image are not zero, as masks of bits.
#if defined(PRONGHORN_KERNELS_SIMD_NONZERO_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PRONGHORN_KERNELS_SIMD_NONZERO_INL_H_
#undef PRONGHORN_KERNELS_SIMD_NONZERO_INL_H_
#else
#define PRONGHORN_KERNELS_SIMD_NONZERO_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "kernels/simd/sparse_gradient.h"

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
    hn::StoreMaskBits(d, hn::Ne(hn::LoadU(d, values + i), zero), bits);
    // Byte by byte: a load wider than the store before it would wait for it.
    mask |= static_cast<uint64_t>(bits[0]) << i;
    if (lanes > 8) mask |= static_cast<uint64_t>(bits[1]) << (i + 8);
  }
  return mask;
}

// Of up to 64 channels, in blocks of 16, from `channel` on at one pixel.
HWY_INLINE uint64_t nonzero_mask(const ImageView& image, const float* pixel, int64_t channels) {
  uint64_t mask = 0;
  for (int64_t c = 0; c < channels; c += 16)
    mask |= nonzero_mask(pixel + c / 16 * image.block) << c;
  return mask;
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_NONZERO_INL_H_
