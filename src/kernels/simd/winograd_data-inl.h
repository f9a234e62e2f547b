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

// Tiles whose pixels are asked for ahead of their transform.
constexpr int64_t kTilesAhead = 2;

// Asks for the pixels of tiles some way ahead of those that are transformed: nobody foresees the
// way through an image as well as we do. Of a tile that is its m x m pixels from `shift` behind its
// first output's on; the overlap with the tiles around it is left to them.
class TilePrefetch {
 public:
  TilePrefetch(TilePlace first, const float* images, const ImageStrides& strides, int64_t height,
               int64_t width, int64_t channels, int64_t shift)
      : place_(first),
        images_(images),
        strides_(strides),
        height_(height),
        width_(width),
        channels_(channels),
        shift_(shift) {}

  HWY_INLINE void next() {
    const int64_t m = place_.w.outputs;
    if (place_.image >= place_.w.g.batch) return;
    const int64_t x = place_.column * m + shift_;
    const int64_t floats = HWY_MIN(m, width_ - x) * strides_.pixel;
    const int64_t y = place_.row * m + shift_, rows = HWY_MIN(m, height_ - y);
    const float* line =
        images_ + place_.image * strides_.image + y * strides_.row + x * strides_.pixel;
    constexpr int64_t kLine = 64 / sizeof(float);
    for (int64_t i = 0; i < rows; ++i, line += strides_.row)
      for (int64_t c = 0, block = 0; c < channels_; c += strides_.pixel, block += strides_.block)
        for (int64_t f = 0; f < floats; f += kLine) __builtin_prefetch(line + block + f, 0, 3);
    place_.next();
  }

 private:
  TilePlace place_;
  const float* images_;
  const ImageStrides& strides_;
  int64_t height_, width_, channels_, shift_;
};

// Data of `tiles` tiles from `place` on, [tile][vector of channels][point][lane].
template <int kOutputs>
HWY_INLINE void transform_data(const WinogradConvolution& w, const float* src,
                               const ImageStrides& strides, TilePlace place, int64_t tiles,
                               TilePrefetch& prefetch, float* to) {
  constexpr int n = kOutputs + 2;
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  const graph::Conv2dGeometry& g = w.g;
  HWY_ALIGN static constexpr float kZeros[hn::MaxLanes(D())] = {};
  for (int64_t tile = 0; tile < tiles; ++tile, place.next(), to += w.data_stride()) {
    prefetch.next();
    const int64_t y = place.row * kOutputs - g.window.padding.top;
    const int64_t x = place.column * kOutputs - g.window.padding.left;
    const float* const corner =
        src + place.image * strides.image + (y * strides.row + x * strides.pixel);
    if (y >= 0 && x >= 0 && y + n <= g.height && x + n <= g.width) {
      for (int64_t c = 0; c < g.channels; c += lanes)
        winograd_data<kOutputs>(
            InnerPixels{corner + strides.channel(c), strides.row, strides.pixel},
            to + c * w.points());
      continue;
    }
    EdgePixels<n> pixels;
    pixels.left = -x;
    pixels.right = g.width - x;
    for (int64_t c = 0; c < g.channels; c += lanes) {
      for (int64_t i = 0; i < n; ++i) {
        const bool inside = y + i >= 0 && y + i < g.height;
        pixels.rows[i] = inside ? corner + strides.channel(c) + i * strides.row : kZeros;
        pixels.steps[i] = inside ? strides.pixel : 0;
      }
      winograd_data<kOutputs>(pixels, to + c * w.points());
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_WINOGRAD_DATA_INL_H_
