// The tiles of a Winograd convolution (conv2d_winograd.h) and their data.
#if defined(PRONGHORN_KERNELS_SIMD_WINOGRAD_DATA_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PRONGHORN_KERNELS_SIMD_WINOGRAD_DATA_INL_H_
#undef PRONGHORN_KERNELS_SIMD_WINOGRAD_DATA_INL_H_
#else
#define PRONGHORN_KERNELS_SIMD_WINOGRAD_DATA_INL_H_
#endif

#include "kernels/simd/conv2d_winograd.h"
#include "kernels/simd/winograd_transforms-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

// Where a tile is: its image and its place in it.
struct TilePlace {
  const WinogradConvolution& w;
  int64_t image, row, column;

  TilePlace(const WinogradConvolution& winograd, int64_t first_image, int64_t tile)
      : w(winograd),
        image(first_image + tile / w.tiles_per_image()),
        row(tile % w.tiles_per_image() / w.tile_columns),
        column(tile % w.tile_columns) {}

  void next() {
    if (++column < w.tile_columns) return;
    column = 0;
    if (++row < w.tile_rows) return;
    row = 0;
    ++image;
  }
};

// Data of `tiles` tiles from `place` on, [tile][vector of channels][point][lane].
template <int kOutputs>
HWY_INLINE void transform_data(const WinogradConvolution& w, const float* src,
                               const ImageStrides& strides, TilePlace place, int64_t tiles,
                               float* to) {
  constexpr int n = kOutputs + 2;
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const graph::Conv2dGeometry& g = w.g;
  for (int64_t tile = 0; tile < tiles; ++tile, place.next(), to += w.data_stride()) {
    const int64_t y = place.row * kOutputs - g.window.padding.top;
    const int64_t x = place.column * kOutputs - g.window.padding.left;
    const float* const image = src + place.image * strides.image;
    const int64_t corner = y * strides.row + x * strides.pixel;
    if (y >= 0 && x >= 0 && y + n <= g.height && x + n <= g.width) {
      for (int64_t c = 0; c < g.channels; c += lanes)
        winograd_data<kOutputs>(image + (strides.channel(c) + corner), strides.row, strides.pixel,
                                to + c * w.points());
      continue;
    }
    // What lies outside of the image is zero for all channels.
    HWY_ALIGN float patch[n * n * hn::MaxLanes(D())] = {};
    const int64_t top = HWY_MAX(-y, 0), bottom = HWY_MIN(n, g.height - y);
    const int64_t left = HWY_MAX(-x, 0), right = HWY_MIN(n, g.width - x);
    for (int64_t c = 0; c < g.channels; c += lanes) {
      const int64_t offset = strides.channel(c) + corner;
      for (int64_t i = top; i < bottom; ++i)
        for (int64_t j = left; j < right; ++j)
          hn::Store(hn::LoadU(d, image + (offset + i * strides.row + j * strides.pixel)), d,
                    patch + (i * n + j) * lanes);
      winograd_data<kOutputs>(patch, n * lanes, lanes, to + c * w.points());
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_WINOGRAD_DATA_INL_H_
