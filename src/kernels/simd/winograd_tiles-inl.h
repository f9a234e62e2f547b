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

// Where a tile of a block is.
struct BlockTile {
  int64_t image, row, column;
};

// Output channels [o, o + vectors * lanes) of a block's tiles.
template <int kOutputs, bool kPooled>
HWY_INLINE void transform_outputs(const WinogradConvolution& w, const WinogradTask& task,
                                  const BlockTile* tiles, int64_t count, int64_t o,
                                  int64_t vectors) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const ImageStrides& strides = task.dst_strides;
  const int64_t width = vectors * lanes;
  constexpr int kWindow = kPooled ? 2 : 1;
  constexpr int kSide = kOutputs / kWindow;  // of what a tile writes
  const int64_t height = w.g.out_height / kWindow, columns = w.g.out_width / kWindow;
  const float* products = task.products;
  for (int64_t slot = 0; slot < count; ++slot, products += w.points() * width) {
    const BlockTile& place = tiles[slot];
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

// Background: tiles all of whose pixels are the same, to the bit, have the same outputs, to the
// bit. The first of a task is computed, the others are copies of it. A fifth of the tiles of
// MNIST's digits are so; elsewhere it takes two loads to see that a tile is not.
template <int kOutputs, bool kPooled>
class FlatTiles {
 public:
  FlatTiles(const WinogradConvolution& w, const WinogradTask& task) : w_(w), task_(task) {}

  // Whether the tile is a copy of one that was asked about before.
  HWY_INLINE bool is_copy(const BlockTile& tile) {
    if (!is_flat(tile)) return false;
    if (first_.image >= 0) return same_pixel(corner(first_), corner(tile));
    first_ = tile;
    return false;
  }

  // The outputs of the tile that is copied must have been written.
  void copy_to(const BlockTile& tile) const {
    const ImageStrides& strides = task_.dst_strides;
    for (int64_t c = 0; c < w_.g.out_channels; c += kLanes)
      for (int64_t i = 0; i < kSide; ++i)
        for (int64_t j = 0; j < kSide; ++j) {
          const auto place = [&](const BlockTile& of) {
            return of.image * strides.image + (of.row * kSide + i) * strides.row +
                   (of.column * kSide + j) * strides.pixel + strides.channel(c);
          };
          std::copy_n(task_.dst + place(first_), kLanes, task_.dst + place(tile));
          if (kPooled) std::copy_n(task_.index + place(first_), kLanes, task_.index + place(tile));
        }
  }

 private:
  static constexpr int64_t kLanes = hn::MaxLanes(D());
  static constexpr int64_t kWindow = kPooled ? 2 : 1;
  static constexpr int64_t kSide = kOutputs / kWindow;

  const float* corner(const BlockTile& place) const {
    const ImageStrides& strides = task_.src_strides;
    return task_.src + place.image * strides.image +
           (place.row * kOutputs - w_.g.window.padding.top) * strides.row +
           (place.column * kOutputs - w_.g.window.padding.left) * strides.pixel;
  }

  HWY_INLINE bool same_pixel(const float* a, const float* b) const {
    const hn::RebindToSigned<D> di;
    for (int64_t c = 0; c < w_.g.channels; c += kLanes) {
      const int64_t at = task_.src_strides.channel(c);
      const auto bits = [&](const float* pixel)
                            HWY_ATTR { return hn::BitCast(di, hn::LoadU(D(), pixel + at)); };
      if (!hn::AllTrue(di, hn::Eq(bits(a), bits(b)))) return false;
    }
    return true;
  }

  // One that lies in the image with all of its pixels and outputs.
  HWY_INLINE bool is_flat(const BlockTile& place) const {
    constexpr int64_t kExtent = kOutputs + 2;
    const graph::Conv2dGeometry& g = w_.g;
    const int64_t y = place.row * kOutputs - g.window.padding.top;
    const int64_t x = place.column * kOutputs - g.window.padding.left;
    if (y < 0 || x < 0 || y + kExtent > g.height || x + kExtent > g.width ||
        (place.row + 1) * kSide > g.out_height / kWindow ||
        (place.column + 1) * kSide > g.out_width / kWindow)
      return false;
    const float* const first = corner(place);
    // From the far corner: where a tile is not flat it most likely differs from the near one.
    for (int64_t i = kExtent - 1; i >= 0; --i)
      for (int64_t j = kExtent - 1; j >= 0; --j)
        if (!same_pixel(first, first + i * task_.src_strides.row + j * task_.src_strides.pixel))
          return false;
    return true;
  }

  const WinogradConvolution& w_;
  const WinogradTask& task_;
  BlockTile first_{-1, 0, 0};  // flat, and computed; image -1: none yet
};

template <int kOutputs, bool kPooled>
void convolve_tiles(const WinogradConvolution& w, const WinogradTask& task) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  const int64_t tiles = (task.last - task.first) * w.tiles_per_image();
  FlatTiles<kOutputs, kPooled> flat(w, task);
  TilePlace place(w, task.first, 0);
  TilePrefetch ahead(TilePlace(w, task.first, kTilesAhead), task.src, task.src_strides, w.g.height,
                     w.g.width, w.g.channels, /*shift=*/2);
  for (int64_t next = 0; next < tiles;) {
    constexpr int64_t kMost = WinogradConvolution::kMostBlockTiles;
    BlockTile block[kMost], copies[kMost];
    int64_t count = 0, copied = 0;
    for (; next < tiles && count < w.block_tiles && copied < kMost; ++next, place.next()) {
      const BlockTile tile{place.image, place.row, place.column};
      if (flat.is_copy(tile)) {
        ahead.next();
        copies[copied++] = tile;
        continue;
      }
      transform_data<kOutputs>(w, task.src, task.src_strides, place, 1, ahead,
                               task.data + count * w.data_stride());
      block[count++] = tile;
    }
    // While this block is multiplied, whose operands are near, the next one's come nearer: to L2,
    // from where `ahead` takes them.
    BlockPrefetch prefetch(task, place, w.block_tiles);
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
      transform_outputs<kOutputs, kPooled>(w, task, block, count, o, vectors);
    }
    for (int64_t i = 0; i < copied; ++i) flat.copy_to(copies[i]);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_WINOGRAD_TILES_INL_H_
