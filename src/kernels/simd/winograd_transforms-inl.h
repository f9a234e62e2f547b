// Winograd's transforms of tiles, a vector of channels at a time.
#if defined(PRONGHORN_KERNELS_SIMD_WINOGRAD_TRANSFORMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PRONGHORN_KERNELS_SIMD_WINOGRAD_TRANSFORMS_INL_H_
#undef PRONGHORN_KERNELS_SIMD_WINOGRAD_TRANSFORMS_INL_H_
#else
#define PRONGHORN_KERNELS_SIMD_WINOGRAD_TRANSFORMS_INL_H_
#endif

#include "kernels/simd/unroll.h"
#include "kernels/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// The one-dimensional transforms of F(m, 3), matrices B^T, G and A^T of Lavin and Gray: a
// convolution's m outputs are A^T [(G weights) * (B^T data)], its polynomials multiplied at the
// points 0, 1, -1, infinity, and for m = 4 also 2 and -2. The gradient to the weights is that of
// this product, G^T [(A output gradients) * (B^T data)].
template <int kOutputs>
struct WinogradTransforms;

template <>
struct WinogradTransforms<2> {
  static HWY_INLINE void data(const V (&d)[4], V (&to)[4]) {
    to[0] = hn::Sub(d[0], d[2]);
    to[1] = hn::Add(d[1], d[2]);
    to[2] = hn::Sub(d[2], d[1]);
    to[3] = hn::Sub(d[1], d[3]);
  }
  static HWY_INLINE void weights(const V (&g)[3], V (&to)[4]) {
    const V half = hn::Set(D(), 0.5f);
    const V even = hn::Mul(half, hn::Add(g[0], g[2])), odd = hn::Mul(half, g[1]);
    to[0] = g[0];
    to[1] = hn::Add(even, odd);
    to[2] = hn::Sub(even, odd);
    to[3] = g[2];
  }
  static HWY_INLINE void outputs(const V (&m)[4], V (&to)[2]) {
    to[0] = hn::Add(hn::Add(m[0], m[1]), m[2]);
    to[1] = hn::Sub(hn::Sub(m[1], m[2]), m[3]);
  }
  static HWY_INLINE void output_gradients(const V (&y)[2], V (&to)[4]) {
    to[0] = y[0];
    to[1] = hn::Add(y[0], y[1]);
    to[2] = hn::Sub(y[0], y[1]);
    to[3] = hn::Neg(y[1]);
  }
  static HWY_INLINE void weight_gradients(const V (&u)[4], V (&to)[3]) {
    const V half = hn::Set(D(), 0.5f), even = hn::Mul(half, hn::Add(u[1], u[2]));
    to[0] = hn::Add(u[0], even);
    to[1] = hn::Mul(half, hn::Sub(u[1], u[2]));
    to[2] = hn::Add(even, u[3]);
  }
};

template <>
struct WinogradTransforms<4> {
  static HWY_INLINE void data(const V (&d)[6], V (&to)[6]) {
    const V two = hn::Set(D(), 2.0f), four = hn::Set(D(), 4.0f), five = hn::Set(D(), 5.0f);
    const V even = hn::NegMulAdd(four, d[2], d[4]), odd = hn::NegMulAdd(four, d[1], d[3]);
    const V even_2 = hn::Sub(d[4], d[2]), odd_2 = hn::Mul(two, hn::Sub(d[3], d[1]));
    to[0] = hn::MulAdd(four, d[0], hn::NegMulAdd(five, d[2], d[4]));
    to[1] = hn::Add(even, odd);
    to[2] = hn::Sub(even, odd);
    to[3] = hn::Add(even_2, odd_2);
    to[4] = hn::Sub(even_2, odd_2);
    to[5] = hn::MulAdd(four, d[1], hn::NegMulAdd(five, d[3], d[5]));
  }
  static HWY_INLINE void weights(const V (&g)[3], V (&to)[6]) {
    const V sixth = hn::Set(D(), 1.0f / 6), twelfth = hn::Set(D(), 1.0f / 12),
            quarter = hn::Set(D(), 0.25f);
    const V even = hn::Mul(sixth, hn::Add(g[0], g[2])), odd = hn::Mul(sixth, g[1]);
    const V even_2 = hn::Mul(sixth, hn::MulAdd(quarter, g[0], g[2])),
            odd_2 = hn::Mul(twelfth, g[1]);
    to[0] = hn::Mul(quarter, g[0]);
    to[1] = hn::Neg(hn::Add(even, odd));
    to[2] = hn::Sub(odd, even);
    to[3] = hn::Add(even_2, odd_2);
    to[4] = hn::Sub(even_2, odd_2);
    to[5] = g[2];
  }
  static HWY_INLINE void outputs(const V (&m)[6], V (&to)[4]) {
    const V two = hn::Set(D(), 2.0f), four = hn::Set(D(), 4.0f), eight = hn::Set(D(), 8.0f);
    const V even = hn::Add(m[1], m[2]), odd = hn::Sub(m[1], m[2]);
    const V even_2 = hn::Add(m[3], m[4]), odd_2 = hn::Sub(m[3], m[4]);
    to[0] = hn::Add(hn::Add(m[0], even), even_2);
    to[1] = hn::MulAdd(two, odd_2, odd);
    to[2] = hn::MulAdd(four, even_2, even);
    to[3] = hn::Add(hn::MulAdd(eight, odd_2, odd), m[5]);
  }
  static HWY_INLINE void output_gradients(const V (&y)[4], V (&to)[6]) {
    const V two = hn::Set(D(), 2.0f), four = hn::Set(D(), 4.0f);
    const V even = hn::Add(y[0], y[2]), odd = hn::Add(y[1], y[3]);
    const V even_2 = hn::MulAdd(four, y[2], y[0]),
            odd_2 = hn::Mul(two, hn::MulAdd(four, y[3], y[1]));
    to[0] = y[0];
    to[1] = hn::Add(even, odd);
    to[2] = hn::Sub(even, odd);
    to[3] = hn::Add(even_2, odd_2);
    to[4] = hn::Sub(even_2, odd_2);
    to[5] = y[3];
  }
  static HWY_INLINE void weight_gradients(const V (&u)[6], V (&to)[3]) {
    const V sixth = hn::Set(D(), 1.0f / 6), twelfth = hn::Set(D(), 1.0f / 12),
            quarter = hn::Set(D(), 0.25f);
    const V even = hn::Mul(sixth, hn::Add(u[1], u[2])),
            even_2 = hn::Mul(sixth, hn::Add(u[3], u[4]));
    to[0] = hn::MulAdd(quarter, hn::Add(u[0], even_2), hn::Neg(even));
    to[1] = hn::MulAdd(twelfth, hn::Sub(u[3], u[4]), hn::Mul(sixth, hn::Sub(u[2], u[1])));
    to[2] = hn::Add(hn::Sub(even_2, even), u[5]);
  }
};

// Writes a row of points: those of a row of a tile's data whose columns are transformed already.
template <int kOutputs>
HWY_INLINE void store_points(const V (&columns)[kOutputs + 2], float* to) {
  constexpr int n = kOutputs + 2;
  V out[n];
  WinogradTransforms<kOutputs>::data(columns, out);
  PRONGHORN_UNROLL
  for (int j = 0; j < n; ++j) hn::Store(out[j], D(), to + j * hn::Lanes(D()));
}

// The pixels of a tile that lies in its image.
struct InnerPixels {
  const float* corner;
  int64_t row, pixel;

  static constexpr bool outside(int) { return false; }
  HWY_INLINE V at(int i, int j) const { return hn::LoadU(D(), corner + i * row + j * pixel); }
};

// Of one of which rows or columns lie outside, where all is zero.
template <int kSide>
struct EdgePixels {
  const float* rows[kSide];  // one outside is a vector of zeros, with a step of 0
  int64_t steps[kSide];
  int64_t left, right;  // columns [left, right) are inside

  HWY_INLINE bool outside(int j) const { return j < left || j >= right; }
  HWY_INLINE V at(int i, int j) const { return hn::LoadU(D(), rows[i] + j * steps[i]); }
};

// Two rows of a tile's points at a time, which share most of their sums: 12 vectors are in
// registers then. All 36 of a tile are in none, and to load data twice costs less than to store and
// load them.
template <int kFirst, int kSecond, class Pixels>
HWY_INLINE void two_rows_of_points(const Pixels& pixels, float* to) {
  V first[6], second[6];
  PRONGHORN_UNROLL
  for (int j = 0; j < 6; ++j) {
    if (pixels.outside(j)) {
      first[j] = second[j] = hn::Zero(D());
      continue;
    }
    V in[6], out[6];
    PRONGHORN_UNROLL
    for (int i = 0; i < 6; ++i) in[i] = pixels.at(i, j);
    WinogradTransforms<4>::data(in, out);  // of which what isn't used is not computed
    first[j] = out[kFirst];
    second[j] = out[kSecond];
  }
  store_points<4>(first, to + kFirst * 6 * hn::Lanes(D()));
  store_points<4>(second, to + kSecond * 6 * hn::Lanes(D()));
}

// A tile of data: from (m + 2) x (m + 2) pixels to as many points, vector after vector.
template <int kOutputs, class Pixels>
HWY_INLINE void winograd_data(const Pixels& pixels, float* to) {
  if constexpr (kOutputs == 4) {
    two_rows_of_points<1, 2>(pixels, to);
    two_rows_of_points<3, 4>(pixels, to);
    two_rows_of_points<0, 5>(pixels, to);
  } else {
    constexpr int n = kOutputs + 2;
    V rows[n][n];
    PRONGHORN_UNROLL
    for (int j = 0; j < n; ++j) {
      if (pixels.outside(j)) {
        PRONGHORN_UNROLL
        for (int i = 0; i < n; ++i) rows[i][j] = hn::Zero(D());
        continue;
      }
      V in[n], out[n];
      PRONGHORN_UNROLL
      for (int i = 0; i < n; ++i) in[i] = pixels.at(i, j);
      WinogradTransforms<kOutputs>::data(in, out);
      PRONGHORN_UNROLL
      for (int i = 0; i < n; ++i) rows[i][j] = out[i];
    }
    PRONGHORN_UNROLL
    for (int i = 0; i < n; ++i) store_points<kOutputs>(rows[i], to + i * n * hn::Lanes(D()));
  }
}

// The weights of a vector of output channels: from taps that load(tap) gives to points `point`
// apart.
template <int kOutputs, class Load>
HWY_INLINE void winograd_weights(Load load, float* to, int64_t point) {
  constexpr int n = kOutputs + 2;
  const D d;
  V columns[n][3];
  PRONGHORN_UNROLL
  for (int j = 0; j < 3; ++j) {
    V in[3], out[n];
    PRONGHORN_UNROLL
    for (int i = 0; i < 3; ++i) in[i] = load(i * 3 + j);
    WinogradTransforms<kOutputs>::weights(in, out);
    PRONGHORN_UNROLL
    for (int i = 0; i < n; ++i) columns[i][j] = out[i];
  }
  PRONGHORN_UNROLL
  for (int i = 0; i < n; ++i) {
    V out[n];
    WinogradTransforms<kOutputs>::weights(columns[i], out);
    PRONGHORN_UNROLL
    for (int j = 0; j < n; ++j) hn::StoreU(out[j], d, to + (i * n + j) * point);
  }
}

// The points of a tile of gradients to the outputs, vector after vector.
template <int kOutputs>
HWY_INLINE void winograd_output_gradients(const float* src, int64_t row, int64_t pixel, float* to) {
  constexpr int n = kOutputs + 2;
  const D d;
  V rows[n][kOutputs];
  PRONGHORN_UNROLL
  for (int j = 0; j < kOutputs; ++j) {
    V in[kOutputs], out[n];
    PRONGHORN_UNROLL
    for (int i = 0; i < kOutputs; ++i) in[i] = hn::LoadU(d, src + i * row + j * pixel);
    WinogradTransforms<kOutputs>::output_gradients(in, out);
    PRONGHORN_UNROLL
    for (int i = 0; i < n; ++i) rows[i][j] = out[i];
  }
  PRONGHORN_UNROLL
  for (int i = 0; i < n; ++i) {
    V out[n];
    WinogradTransforms<kOutputs>::output_gradients(rows[i], out);
    PRONGHORN_UNROLL
    for (int j = 0; j < n; ++j) hn::Store(out[j], d, to + (i * n + j) * hn::Lanes(d));
  }
}

// The gradients of a vector of pairs of channels, from sums of products `point` apart to taps
// `tap` apart.
template <int kOutputs>
HWY_INLINE void winograd_weight_gradients(const float* sums, int64_t point, float* to,
                                          int64_t tap) {
  constexpr int n = kOutputs + 2;
  const D d;
  V columns[3][n];
  PRONGHORN_UNROLL
  for (int j = 0; j < n; ++j) {
    V in[n], out[3];
    PRONGHORN_UNROLL
    for (int i = 0; i < n; ++i) in[i] = hn::Load(d, sums + (i * n + j) * point);
    WinogradTransforms<kOutputs>::weight_gradients(in, out);
    PRONGHORN_UNROLL
    for (int i = 0; i < 3; ++i) columns[i][j] = out[i];
  }
  PRONGHORN_UNROLL
  for (int i = 0; i < 3; ++i) {
    V out[3];
    WinogradTransforms<kOutputs>::weight_gradients(columns[i], out);
    PRONGHORN_UNROLL
    for (int j = 0; j < 3; ++j) hn::StoreU(out[j], d, to + (i * 3 + j) * tap);
  }
}

// A tile of outputs from its products, vector after vector. `bias` is added to all:
// the point (1, 1) goes into every output with the factor one.
template <int kOutputs>
HWY_INLINE void winograd_outputs(const float* products, V bias, V (&to)[kOutputs][kOutputs]) {
  constexpr int n = kOutputs + 2;
  const D d;
  V columns[kOutputs][n];
  PRONGHORN_UNROLL
  for (int j = 0; j < n; ++j) {
    V in[n], out[kOutputs];
    PRONGHORN_UNROLL
    for (int i = 0; i < n; ++i) in[i] = hn::Load(d, products + (i * n + j) * hn::Lanes(d));
    if (j == 1) in[1] = hn::Add(in[1], bias);
    WinogradTransforms<kOutputs>::outputs(in, out);
    PRONGHORN_UNROLL
    for (int i = 0; i < kOutputs; ++i) columns[i][j] = out[i];
  }
  PRONGHORN_UNROLL
  for (int i = 0; i < kOutputs; ++i) WinogradTransforms<kOutputs>::outputs(columns[i], to[i]);
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_WINOGRAD_TRANSFORMS_INL_H_
