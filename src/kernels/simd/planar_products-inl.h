// The products of a convolution of planes (conv2d_few_channels.h), in registers.
#if defined(PRONGHORN_KERNELS_SIMD_PLANAR_PRODUCTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PRONGHORN_KERNELS_SIMD_PLANAR_PRODUCTS_INL_H_
#undef PRONGHORN_KERNELS_SIMD_PLANAR_PRODUCTS_INL_H_
#else
#define PRONGHORN_KERNELS_SIMD_PLANAR_PRODUCTS_INL_H_
#endif

#include "kernels/simd/conv2d_few_channels.h"
#include "kernels/simd/register_stages.h"
#include "kernels/simd/unroll.h"
#include "kernels/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// 32 registers hold four vectors of pixels for four output channels, 16 hold two.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr size_t kVectors = 4;
#else
constexpr size_t kVectors = 2;
#endif
static_assert(hn::MaxLanes(D()) <= PlanarConvolution::kMostLanes);

constexpr size_t kOutputs = 4;  // channels

// kV vectors of pixels of kO output channels, from `place` on.
template <size_t kO, size_t kV>
HWY_INLINE void convolve_places(const PlanarConvolution& p, const float* src, const float* weights,
                                const RegisterStages& stages, size_t o, float* dst) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V sums[kO][kV];
  PRONGHORN_UNROLL
  for (size_t k = 0; k < kO; ++k) {
    const V start = stages.bias == nullptr ? hn::Zero(d) : hn::Set(d, stages.bias[o + k]);
    PRONGHORN_UNROLL
    for (size_t v = 0; v < kV; ++v) sums[k][v] = start;
  }
  const float* weight = weights + o;
  for (size_t i = 0; i < p.kernel_h; ++i)
    for (size_t j = 0; j < p.kernel_w; ++j) {
      const float* tap = src + i * p.pitch + j;
      for (size_t c = 0; c < p.channels; ++c, tap += p.plane, weight += p.out_channels) {
        V pixels[kV];
        PRONGHORN_UNROLL
        for (size_t v = 0; v < kV; ++v) pixels[v] = in_register(hn::LoadU(d, tap + v * lanes));
        PRONGHORN_UNROLL
        for (size_t k = 0; k < kO; ++k) {
          const V w = hn::Set(d, weight[k]);
          PRONGHORN_UNROLL
          for (size_t v = 0; v < kV; ++v) sums[k][v] = hn::MulAdd(pixels[v], w, sums[k][v]);
        }
      }
    }
  if (stages.relu) {
    const V slope = hn::Set(d, stages.slope);
    PRONGHORN_UNROLL
    for (size_t k = 0; k < kO; ++k) {
      PRONGHORN_UNROLL
      for (size_t v = 0; v < kV; ++v) {
        // Not a maximum, which on some instruction sets is 0 for a NaN.
        const V x = sums[k][v];
        sums[k][v] = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(x, slope), x);
      }
    }
  }
  PRONGHORN_UNROLL
  for (size_t k = 0; k < kO; ++k) {
    PRONGHORN_UNROLL
    for (size_t v = 0; v < kV; ++v) hn::StoreU(sums[k][v], d, dst + (o + k) * p.plane + v * lanes);
  }
}

template <size_t kO>
HWY_INLINE void convolve_planes(const PlanarConvolution& p, size_t places, const float* src,
                                const float* weights, const RegisterStages& stages, size_t o,
                                float* dst) {
  const size_t lanes = hn::Lanes(D());
  size_t place = 0;
  for (; place + (kVectors - 1) * lanes < places; place += kVectors * lanes)
    convolve_places<kO, kVectors>(p, src + place, weights, stages, o, dst + place);
  for (; place < places; place += lanes)
    convolve_places<kO, 1>(p, src + place, weights, stages, o, dst + place);
}

// Adds to a vector of sums for each of kJ taps of a row of the kernel, from tap (i, j) on, and kO
// output channels, of one input channel. Twelve sums are in registers: four gradients times three
// neighbours of a pixel.
template <size_t kJ, size_t kO>
HWY_INLINE void add_products(const PlanarConvolution& p, size_t places, const float* src,
                             const float* diff_dst, size_t tap_stride, float* to) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V sums[kJ][kO];
  PRONGHORN_UNROLL
  for (size_t j = 0; j < kJ; ++j) {
    PRONGHORN_UNROLL
    for (size_t k = 0; k < kO; ++k) sums[j][k] = hn::Load(d, to + j * tap_stride + k * lanes);
  }
  for (size_t place = 0; place < places; place += lanes) {
    V pixels[kJ];
    PRONGHORN_UNROLL
    for (size_t j = 0; j < kJ; ++j) pixels[j] = in_register(hn::LoadU(d, src + place + j));
    PRONGHORN_UNROLL
    for (size_t k = 0; k < kO; ++k) {
      const V gradient = in_register(hn::LoadU(d, diff_dst + k * p.plane + place));
      PRONGHORN_UNROLL
      for (size_t j = 0; j < kJ; ++j) sums[j][k] = hn::MulAdd(pixels[j], gradient, sums[j][k]);
    }
  }
  PRONGHORN_UNROLL
  for (size_t j = 0; j < kJ; ++j) {
    PRONGHORN_UNROLL
    for (size_t k = 0; k < kO; ++k) hn::Store(sums[j][k], d, to + j * tap_stride + k * lanes);
  }
}

template <size_t kO>
HWY_INLINE void add_products_of_outputs(const PlanarConvolution& p, size_t places, const float* src,
                                        const float* diff_dst, float* sums) {
  const size_t lanes = hn::Lanes(D());
  const size_t tap_stride = p.channels * kO * lanes;
  for (size_t c = 0; c < p.channels; ++c)
    for (size_t i = 0; i < p.kernel_h; ++i) {
      size_t j = 0;
      while (j < p.kernel_w) {
        const float* pixels = src + c * p.plane + i * p.pitch + j;
        float* to = sums + ((i * p.kernel_w + j) * p.channels + c) * kO * lanes;
        switch (p.kernel_w - j) {
          case 1:
            add_products<1, kO>(p, places, pixels, diff_dst, tap_stride, to);
            j += 1;
            break;
          case 2:
          case 4:
            add_products<2, kO>(p, places, pixels, diff_dst, tap_stride, to);
            j += 2;
            break;
          default:
            add_products<3, kO>(p, places, pixels, diff_dst, tap_stride, to);
            j += 3;
        }
      }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_PLANAR_PRODUCTS_INL_H_
