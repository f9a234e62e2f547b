#include "kernels/simd/bfloat16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/bfloat16.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

void round_to_bfloat16(const float* HWY_RESTRICT src, int64_t elements,
                       uint16_t* HWY_RESTRICT dst) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<uint16_t, decltype(d)> d16;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto rounded = [&](hn::Vec<decltype(d)> x) {
    const auto bits = hn::BitCast(du, x);
    const auto even = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
    const auto nearest = hn::Add(bits, hn::Add(even, hn::Set(du, 0x7FFF)));
    // A NaN's payload could be rounded away to an infinity.
    const auto quiet = hn::Or(bits, hn::Set(du, 0x400000));
    const auto chosen = hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(x)), quiet, nearest);
    return hn::DemoteTo(d16, hn::BitCast(di, hn::ShiftRight<16>(chosen)));
  };
  int64_t i = 0;
  for (; i + lanes <= elements; i += lanes)
    hn::StoreU(rounded(hn::LoadU(d, src + i)), d16, dst + i);
  if (i == elements) return;
  HWY_ALIGN float rest[hn::MaxLanes(d)] = {};
  HWY_ALIGN uint16_t out[hn::MaxLanes(d)];
  for (int64_t j = i; j < elements; ++j) rest[j - i] = src[j];
  hn::Store(rounded(hn::Load(d, rest)), d16, out);
  for (int64_t j = i; j < elements; ++j) dst[j] = out[j - i];
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace pronghorn::kernels::simd {

HWY_EXPORT(round_to_bfloat16);

void round_to_bfloat16(const float* src, int64_t elements, uint16_t* dst) {
  HWY_DYNAMIC_DISPATCH(round_to_bfloat16)(src, elements, dst);
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
