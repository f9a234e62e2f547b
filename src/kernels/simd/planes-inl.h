// Images of few channels from pixels (channels last) to planes (a channel after the other), and
// back.
#if defined(PRONGHORN_KERNELS_SIMD_PLANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PRONGHORN_KERNELS_SIMD_PLANES_INL_H_
#undef PRONGHORN_KERNELS_SIMD_PLANES_INL_H_
#else
#define PRONGHORN_KERNELS_SIMD_PLANES_INL_H_
#endif

#include "kernels/simd/conv2d_few_channels.h"
#include "kernels/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// Four pixels of four channels to four channels of four pixels, and the other way.
template <class D4, class V4 = hn::Vec<D4>>
HWY_INLINE void transpose(D4 d, V4& a, V4& b, V4& c, V4& e) {
  const V4 ab_low = hn::InterleaveLower(d, a, b), ab_high = hn::InterleaveUpper(d, a, b);
  const V4 ce_low = hn::InterleaveLower(d, c, e), ce_high = hn::InterleaveUpper(d, c, e);
  a = hn::ConcatLowerLower(d, ce_low, ab_low);
  b = hn::ConcatUpperUpper(d, ce_low, ab_low);
  c = hn::ConcatLowerLower(d, ce_high, ab_high);
  e = hn::ConcatUpperUpper(d, ce_high, ab_high);
}

// 2 to 4 channels of a vector of pixels.
template <class D>
HWY_INLINE void to_planes(D d, const float* src, size_t channels, size_t plane, float* planes) {
  hn::Vec<D> a, b, c, e;
  if (channels == 2) {
    hn::LoadInterleaved2(d, src, a, b);
  } else if (channels == 3) {
    hn::LoadInterleaved3(d, src, a, b, c);
    hn::StoreU(c, d, planes + 2 * plane);
  } else {
    hn::LoadInterleaved4(d, src, a, b, c, e);
    hn::StoreU(c, d, planes + 2 * plane);
    hn::StoreU(e, d, planes + 3 * plane);
  }
  hn::StoreU(a, d, planes);
  hn::StoreU(b, d, planes + plane);
}
template <class D>
HWY_INLINE void from_planes(D d, const float* planes, size_t plane, size_t channels, float* dst) {
  const hn::Vec<D> a = hn::LoadU(d, planes), b = hn::LoadU(d, planes + plane);
  if (channels == 2) return hn::StoreInterleaved2(a, b, d, dst);
  const hn::Vec<D> c = hn::LoadU(d, planes + 2 * plane);
  if (channels == 3) return hn::StoreInterleaved3(a, b, c, d, dst);
  hn::StoreInterleaved4(a, b, c, hn::LoadU(d, planes + 3 * plane), d, dst);
}

// Four pixels of 5 to 8 channels: four of them, then the last four, some of which were among the
// first.
using Four = hn::FixedTag<float, 4>;
HWY_INLINE void four_to_planes(const float* src, size_t channels, size_t plane, float* planes) {
  const Four d;
  for (size_t first : {size_t{0}, channels - 4}) {
    const float* from = src + first;
    float* to = planes + first * plane;
    auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + channels);
    auto c = hn::LoadU(d, from + 2 * channels), e = hn::LoadU(d, from + 3 * channels);
    transpose(d, a, b, c, e);
    hn::StoreU(a, d, to);
    hn::StoreU(b, d, to + plane);
    hn::StoreU(c, d, to + 2 * plane);
    hn::StoreU(e, d, to + 3 * plane);
  }
}
HWY_INLINE void four_from_planes(const float* planes, size_t plane, size_t channels, float* dst) {
  const Four d;
  for (size_t first : {size_t{0}, channels - 4}) {
    const float* from = planes + first * plane;
    float* to = dst + first;
    auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + plane);
    auto c = hn::LoadU(d, from + 2 * plane), e = hn::LoadU(d, from + 3 * plane);
    transpose(d, a, b, c, e);
    hn::StoreU(a, d, to);
    hn::StoreU(b, d, to + channels);
    hn::StoreU(c, d, to + 2 * channels);
    hn::StoreU(e, d, to + 3 * channels);
  }
}

// Calls one_vector(at, d) for blocks of pixels: for at most four channels whole vectors, then four
// at a time, of which the last ones overlap what was done already; for more channels four(at).
// Returns how many were done: none where there are fewer than four.
template <class OneVector, class OneFour>
HWY_INLINE size_t for_pixels(size_t pixels, size_t channels, OneVector vector, OneFour four) {
  if (pixels < 4) return 0;
  size_t at = 0;
  if (channels <= 4) {
    const hn::ScalableTag<float> d;
    for (; at + hn::Lanes(d) <= pixels; at += hn::Lanes(d)) vector(at, d);
    for (; at + 4 <= pixels; at += 4) vector(at, Four());
    if (at < pixels) vector(pixels - 4, Four());
  } else {
    for (; at + 4 <= pixels; at += 4) four(at);
    if (at < pixels) four(pixels - 4);
  }
  return pixels;
}

#endif  // HWY_TARGET != HWY_SCALAR

// planes[c * plane + x] = src[x * channels + c]
HWY_INLINE void to_planes(const float* src, size_t pixels, size_t channels, size_t plane,
                          float* planes) {
  if (channels == 1) return map(src, planes, pixels, [](auto v) HWY_ATTR { return v; });
  size_t x = 0;
#if HWY_TARGET != HWY_SCALAR
  x = for_pixels(
      pixels, channels,
      [&](size_t at, auto d)
          HWY_ATTR { to_planes(d, src + at * channels, channels, plane, planes + at); },
      [&](size_t at)
          HWY_ATTR { four_to_planes(src + at * channels, channels, plane, planes + at); });
#endif
  for (; x < pixels; ++x)
    for (size_t c = 0; c < channels; ++c) planes[c * plane + x] = src[x * channels + c];
}

// dst[x * channels + c] = planes[c * plane + x]
HWY_INLINE void from_planes(const float* planes, size_t plane, size_t pixels, size_t channels,
                            float* dst) {
  if (channels == 1) return map(planes, dst, pixels, [](auto v) HWY_ATTR { return v; });
  size_t x = 0;
#if HWY_TARGET != HWY_SCALAR
  x = for_pixels(
      pixels, channels,
      [&](size_t at, auto d)
          HWY_ATTR { from_planes(d, planes + at, plane, channels, dst + at * channels); },
      [&](size_t at)
          HWY_ATTR { four_from_planes(planes + at, plane, channels, dst + at * channels); });
#endif
  for (; x < pixels; ++x)
    for (size_t c = 0; c < channels; ++c) dst[x * channels + c] = planes[c * plane + x];
}

// Whole vectors of zeros from `to` on, until `count` floats at least are zero.
HWY_INLINE void zero(float* to, size_t count) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < count; i += hn::Lanes(d)) hn::StoreU(hn::Zero(d), d, to + i);
}

// The padded source of output rows [y, y + rows), and zeros behind each plane, which must not hold
// NaNs: they meet the zeros between two rows of gradients. Written from top to bottom, so that
// vectors of zeros may run over into what comes next.
HWY_INLINE void source_planes(const PlanarConvolution& p, const float* src, size_t y, size_t rows,
                              float* planes) {
  const size_t padded_rows = rows + p.kernel_h - 1;
  // Of the band's rows, those inside of the image.
  const size_t first = HWY_MIN(padded_rows, y < p.top ? p.top - y : 0);
  const size_t end =
      HWY_MAX(first, HWY_MIN(padded_rows, p.height + p.top > y ? p.height + p.top - y : 0));
  const size_t between = p.pitch - p.width;
  const size_t before = first * p.pitch + p.left;
  if (before > 0)
    for (size_t c = 0; c < p.channels; ++c) zero(planes + c * p.plane, before);
  const float* from = src + (y + first - p.top) * p.width * p.channels;
  if (between == 0) {
    to_planes(from, (end - first) * p.width, p.channels, p.plane, planes + first * p.pitch);
  } else {
    for (size_t r = first; r < end; ++r, from += p.width * p.channels) {
      float* row = planes + r * p.pitch + p.left;
      to_planes(from, p.width, p.channels, p.plane, row);
      for (size_t c = 0; c < p.channels; ++c) zero(row + c * p.plane + p.width, between);
    }
  }
  for (size_t c = 0; c < p.channels; ++c)
    zero(planes + c * p.plane + end * p.pitch, (padded_rows - end) * p.pitch + p.kMostLanes);
}

// Rows [y, y + rows) of the gradient to the output, with zeros between rows and, at least a vector,
// behind them.
HWY_INLINE void gradient_planes(const PlanarConvolution& p, const float* diff_dst, size_t y,
                                size_t rows, float* planes) {
  const float* from = diff_dst + y * p.out_width * p.out_channels;
  for (size_t r = 0; r < rows; ++r, from += p.out_width * p.out_channels) {
    float* row = planes + r * p.pitch;
    to_planes(from, p.out_width, p.out_channels, p.plane, row);
    for (size_t o = 0; o < p.out_channels; ++o)
      zero(row + o * p.plane + p.out_width, p.pitch - p.out_width + 1);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_PLANES_INL_H_
