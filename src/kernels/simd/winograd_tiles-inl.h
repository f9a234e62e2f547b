// A Winograd convolution (conv2d_winograd.h), block of tiles by block of tiles.
#if defined(PRONGHORN_KERNELS_SIMD_WINOGRAD_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PRONGHORN_KERNELS_SIMD_WINOGRAD_TILES_INL_H_
#undef PRONGHORN_KERNELS_SIMD_WINOGRAD_TILES_INL_H_
#else
#define PRONGHORN_KERNELS_SIMD_WINOGRAD_TILES_INL_H_
#endif

#include "kernels/simd/winograd_data-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

// Vectors of output channels in a group: with six tiles 24 sums in 32 registers, 12 in 16.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int kGroupVectors = 4;
#else
constexpr int kGroupVectors = 2;
#endif
static_assert(kGroupVectors * hn::MaxLanes(D()) <= WinogradConvolution::kMostGroupChannels);

// The products of one point, of kRows tiles and kVectors vectors of output channels.
template <int kRows, int kVectors>
HWY_INLINE void multiply_tiles(const WinogradConvolution& w, const float* HWY_RESTRICT data,
                               const float* HWY_RESTRICT weights, float* HWY_RESTRICT products) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t points = w.points(), data_stride = w.data_stride();
  V sums[kRows][kVectors];
  PRONGHORN_UNROLL
  for (int r = 0; r < kRows; ++r) {
    PRONGHORN_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::Zero(d);
  }
  for (int64_t c = 0; c < w.g.channels; c += lanes, data += points * lanes)
    for (int64_t lane = 0; lane < lanes; ++lane, weights += kVectors * lanes) {
      V weight[kVectors];
      PRONGHORN_UNROLL
      for (int v = 0; v < kVectors; ++v) weight[v] = in_register(hn::Load(d, weights + v * lanes));
      PRONGHORN_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const V x = hn::Set(d, data[r * data_stride + lane]);
        PRONGHORN_UNROLL
        for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(x, weight[v], sums[r][v]);
      }
    }
  PRONGHORN_UNROLL
  for (int r = 0; r < kRows; ++r) {
    PRONGHORN_UNROLL
    for (int v = 0; v < kVectors; ++v)
      hn::Store(sums[r][v], d, products + (r * kVectors + v) * points * lanes);
  }
}

// Asks for the pixels of the next block's tiles to be brought into the L2 cache, a row of a tile at
// a time: nobody foresees the way through an image as well as we do. A tile's overlap with those
// after it is left to them.
class BlockPrefetch {
 public:
  BlockPrefetch(const WinogradTask& task, TilePlace first, int64_t tiles)
      : task_(task), place_(first), rows_(tiles * first.w.outputs), left_(rows_) {}

  // All rows are asked for in so many calls.
  HWY_INLINE void advance(int64_t calls) {
    for (due_ += rows_; due_ >= calls && left_ > 0; due_ -= calls, --left_) ask_for_row();
  }

 private:
  HWY_INLINE void ask_for_row() {
    const WinogradConvolution& w = place_.w;
    const graph::Conv2dGeometry& g = w.g;
    if (place_.image >= g.batch) return;
    const ImageStrides& strides = task_.src_strides;
    const int64_t x = HWY_MIN(place_.column * w.outputs, HWY_MAX(g.width - w.outputs, 0));
    const int64_t y = HWY_MIN(place_.row * w.outputs + row_, g.height - 1);
    const float* at =
        task_.src + place_.image * strides.image + y * strides.row + x * strides.pixel;
    const int64_t floats = HWY_MIN(w.outputs, g.width) * strides.pixel;
    constexpr int64_t kLine = 64 / sizeof(float);
    for (int64_t c = 0; c < g.channels; c += strides.pixel, at += strides.block)
      for (int64_t f = 0; f < floats; f += kLine) __builtin_prefetch(at + f, 0, 2);
    if (++row_ < w.outputs) return;
    row_ = 0;
    place_.next();
  }

  const WinogradTask& task_;
  TilePlace place_;
  int64_t rows_, left_, row_ = 0, due_ = 0;
};

// All points of a block and a group of kVectors vectors. Behind the block's last tile up to
// kTileMultiple - 1 more are multiplied, whatever is there, and read by nobody.
template <int kVectors>
void multiply_block(const WinogradConvolution& w, int64_t tiles, const float* data,
                    const float* weights, float* products, BlockPrefetch& prefetch) {
  constexpr int kRows = kVectors > 2 || kGroupVectors == kVectors ? 6 : 8;
  static_assert(WinogradConvolution::kTileMultiple % kRows == 0);
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  const int64_t width = kVectors * lanes, points = w.points();
  const int64_t calls = points * ((tiles + kRows - 1) / kRows);
  for (int64_t p = 0; p < points; ++p)
    for (int64_t tile = 0; tile < tiles; tile += kRows) {
      prefetch.advance(calls);
      multiply_tiles<kRows, kVectors>(w, data + tile * w.data_stride() + p * lanes,
                                      weights + p * w.g.channels * width,
                                      products + tile * points * width + p * lanes);
    }
}

HWY_INLINE V rectify(const RegisterStages& stages, V x) {
  if (!stages.relu) return x;
  // Not a maximum, which on some instruction sets is 0 for a NaN.
  return hn::IfThenElse(hn::Lt(x, hn::Zero(D())), hn::Mul(x, hn::Set(D(), stages.slope)), x);
}

// The most of a 2x2 window and its place: the first of equals in row-major order, as max_pool2d
// has it; the first element wins against nothing, whatever it is.
HWY_INLINE V max_of_window(V a, V b, V c, V e, hn::Vec<hn::RebindToSigned<D>>& place) {
  const hn::RebindToSigned<D> di;
  V most = a;
  place = hn::Zero(di);
  const V others[3] = {b, c, e};
  PRONGHORN_UNROLL
  for (int i = 0; i < 3; ++i) {
    const auto wins = hn::Gt(others[i], most);
    most = hn::IfThenElse(wins, others[i], most);
    place = hn::IfThenElse(hn::RebindMask(di, wins), hn::Set(di, i + 1), place);
  }
  return most;
}

// Output channels [o, o + vectors * lanes) of a block's tiles.
template <int kOutputs, bool kPooled>
HWY_INLINE void transform_outputs(const WinogradConvolution& w, const WinogradTask& task,
                                  TilePlace place, int64_t tiles, int64_t o, int64_t vectors) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const ImageStrides& strides = task.dst_strides;
  const int64_t width = vectors * lanes;
  constexpr int kWindow = kPooled ? 2 : 1;
  constexpr int kSide = kOutputs / kWindow;  // of what a tile writes
  const int64_t height = w.g.out_height / kWindow, columns = w.g.out_width / kWindow;
  const float* products = task.products;
  for (int64_t tile = 0; tile < tiles; ++tile, place.next(), products += w.points() * width) {
    const int64_t y = place.row * kSide, x = place.column * kSide;
    const int64_t corner = place.image * strides.image + y * strides.row + x * strides.pixel;
    const int64_t rows_inside = HWY_MIN(kSide, height - y);
    const int64_t columns_inside = HWY_MIN(kSide, columns - x);
    for (int64_t v = 0; v < vectors; ++v) {
      const int64_t offset = corner + strides.channel(o + v * lanes);
      const V bias = task.stages.bias == nullptr ? hn::Zero(d)
                                                 : hn::LoadU(d, task.stages.bias + o + v * lanes);
      V outputs[kOutputs][kOutputs];
      winograd_outputs<kOutputs>(products + v * w.points() * lanes, kPooled ? hn::Zero(d) : bias,
                                 outputs);
      PRONGHORN_UNROLL
      for (int i = 0; i < kSide; ++i) {
        PRONGHORN_UNROLL
        for (int j = 0; j < kSide; ++j) {
          if (i >= rows_inside || j >= columns_inside) continue;
          const int64_t at = offset + i * strides.row + j * strides.pixel;
          V result;
          if constexpr (kPooled) {
            hn::Vec<hn::RebindToSigned<D>> winner;
            result =
                max_of_window(outputs[2 * i][2 * j], outputs[2 * i][2 * j + 1],
                              outputs[2 * i + 1][2 * j], outputs[2 * i + 1][2 * j + 1], winner);
            const hn::Rebind<uint8_t, D> d8;
            hn::StoreU(hn::DemoteTo(d8, winner), d8, task.index + at);
            result = hn::Add(result, bias);
          } else {
            result = outputs[i][j];
          }
          hn::StoreU(rectify(task.stages, result), d, task.dst + at);
        }
      }
    }
  }
}

template <int kOutputs, bool kPooled>
void convolve_tiles(const WinogradConvolution& w, const WinogradTask& task) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  const int64_t tiles = (task.last - task.first) * w.tiles_per_image();
  for (int64_t first = 0; first < tiles; first += w.block_tiles) {
    const int64_t count = HWY_MIN(w.block_tiles, tiles - first);
    const TilePlace place(w, task.first, first);
    transform_data<kOutputs>(w, task.src, task.src_strides, place, count, task.data);
    // While this block is multiplied, whose operands are near, the next one's come nearer.
    BlockPrefetch prefetch(task, TilePlace(w, task.first, first + count), w.block_tiles);
    for (int64_t o = 0; o < w.g.out_channels; o += kGroupVectors * lanes) {
      const int64_t vectors =
          HWY_MIN(static_cast<int64_t>(kGroupVectors), (w.g.out_channels - o) / lanes);
      const float* const weights = task.weights + o * w.points() * w.g.channels;
      switch (vectors) {
        case 1:
          multiply_block<1>(w, count, task.data, weights, task.products, prefetch);
          break;
        case 2:
          multiply_block<2>(w, count, task.data, weights, task.products, prefetch);
          break;
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
        case 3:
          multiply_block<3>(w, count, task.data, weights, task.products, prefetch);
          break;
        default:
          multiply_block<4>(w, count, task.data, weights, task.products, prefetch);
#endif
      }
      transform_outputs<kOutputs, kPooled>(w, task, place, count, o, vectors);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_WINOGRAD_TILES_INL_H_
