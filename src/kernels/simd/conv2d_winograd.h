#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "graph/graph.h"
#include "graph/ops/conv2d.h"
#include "kernels/simd/register_stages.h"

namespace pronghorn::kernels::simd {

// Where the floats of a tensor of images are, in any of its layouts. Within a block, channels are
// neighbours.
struct ImageStrides {
  int64_t image, row, pixel, block;
  int block_log;  // to base 2, of the channels of a block; a plain image is one block

  ImageStrides(graph::Layout layout, int64_t height, int64_t width, int64_t channels)
      : image(height * width * channels),
        block_log(layout == graph::Layout::kPlain      ? 32
                  : layout == graph::Layout::kBlocked8 ? 3
                                                       : 4) {
    pixel = layout == graph::Layout::kPlain ? channels : int64_t{1} << block_log;
    row = width * pixel;
    block = height * row;
  }

  explicit ImageStrides(const graph::Value& value)
      : ImageStrides(value.layout, value.shape[1], value.shape[2], value.shape[3]) {}

  int64_t channel(int64_t c) const {
    return (c >> block_log) * block + (c & ((int64_t{1} << block_log) - 1));
  }
};

// A convolution of 3x3 kernels by Winograd's minimal filtering, F(m x m, 3x3) (Lavin and Gray,
// "Fast Algorithms for Convolutional Neural Networks", CVPR 2016): a tile of m x m outputs needs
// (m + 2)^2 products for each pair of channels where the direct sum needs 9 m^2.
//
//   transformed data      [tile of the block][vector of channels in][point][lane]
//   transformed weights   [group of channels out][point][channel in][channel out]
//   products              [tile of the block][vector of the group][point][lane]
//
// A block of tiles is taken through all three steps before the next, so that its data and products
// stay in the L2 cache; of the weights, a group's point (channels in x 64 at most) is in L1 while
// it is multiplied with the block's tiles.
struct WinogradConvolution {
  graph::Conv2dGeometry g;
  // The outputs are max-pooled in windows of 2x2 before they are written.
  bool pooled;
  int64_t outputs;  // m
  int64_t tile_rows, tile_columns;
  int64_t block_tiles;
  int64_t task_images;

  // Blocks are multiples of it, the microkernels' rows of tiles its divisors.
  static constexpr int64_t kTileMultiple = 24;
  static constexpr int64_t kMostGroupChannels = 64;
  static constexpr int64_t kMostBlockTiles = 24;

  WinogradConvolution(const graph::Conv2dGeometry& geometry, bool is_pooled)
      : g(geometry), pooled(is_pooled) {
    const auto tiles = [&](int64_t m, int64_t extent) {
      return (extent / (pooled ? 2 : 1) * (pooled ? 2 : 1) + m - 1) / m;
    };
    const auto products = [&](int64_t m) {
      return tiles(m, g.out_height) * tiles(m, g.out_width) * (m + 2) * (m + 2);
    };
    outputs = products(2) < products(4) ? 2 : 4;
    tile_rows = tiles(outputs, g.out_height);
    tile_columns = tiles(outputs, g.out_width);

    // At most half of an L2 cache of 1 MiB. More tiles than it takes to read each weight rarely,
    // and the data is that much farther away.
    constexpr int64_t kBlockFloats = 512 * 1024 / sizeof(float);
    // Tiles that a task takes at least, where its images are small.
    constexpr int64_t kTaskTiles = 48, kMostTaskImages = 16;
    const int64_t tile_floats =
        points() * (g.channels + std::min(g.out_channels, kMostGroupChannels));
    task_images = std::clamp<int64_t>((kTaskTiles + tiles_per_image() - 1) / tiles_per_image(), 1,
                                      std::min(kMostTaskImages, g.batch));
    const int64_t task_tiles = task_images * tiles_per_image();
    const int64_t most = std::clamp(kBlockFloats / tile_floats, kTileMultiple, kMostBlockTiles);
    const int64_t blocks = (task_tiles + most - 1) / most;
    block_tiles = (task_tiles + blocks - 1) / blocks;
    block_tiles = (block_tiles + kTileMultiple - 1) / kTileMultiple * kTileMultiple;
    static_assert(kMostBlockTiles % kTileMultiple == 0);  // so it is still one at most
  }

  int64_t points() const { return (outputs + 2) * (outputs + 2); }
  int64_t tiles_per_image() const { return tile_rows * tile_columns; }
  int64_t tasks() const { return (g.batch + task_images - 1) / task_images; }

  int64_t weights_floats() const { return points() * g.channels * g.out_channels; }
  // From the data of one tile to the next's: an odd number of cache lines, so that a point of
  // several tiles does not meet in one set of the cache.
  int64_t data_stride() const { return ((points() * g.channels + 15) / 16 | 1) * 16; }
  int64_t data_floats() const { return block_tiles * data_stride(); }
  int64_t products_floats() const {
    return block_tiles * points() * std::min(g.out_channels, kMostGroupChannels);
  }

  int64_t multiply_accumulates() const {
    return g.batch * tiles_per_image() * points() * g.channels * g.out_channels;
  }
  // Whether it pays: the transforms of tiles make up for half of the products that it saves, and
  // transforming the weights costs as much as four tiles (docs/kernels.md).
  bool pays() const {
    const int64_t weights = 4 * points() * g.channels * g.out_channels;
    return 2 * (multiply_accumulates() + weights) < g.multiply_accumulates();
  }
  // One-dimensional transforms of 12, 8 and 10 flops (of 4 each for m = 2), applied to the columns
  // and to the rows of what they make: data points by points, weights 3 by points, outputs points
  // by m.
  int64_t transform_flops() const {
    const int64_t n = outputs + 2, large = outputs == 4;
    const int64_t data = (large ? 12 : 4) * 2 * n, weights = (large ? 8 : 4) * (3 + n),
                  output = (large ? 10 : 4) * (n + outputs);
    return g.batch * tiles_per_image() * (g.channels * data + g.out_channels * output) +
           g.channels * g.out_channels * weights;
  }
};

// Why the kernels here can't run a convolution, on this CPU.
std::optional<std::string> why_no_winograd(const graph::Conv2dGeometry& g);
// The layout, where its blocks hold whole vectors of this CPU and the channels fill blocks.
graph::Layout winograd_layout(graph::Layout layout, int64_t channels);

// Images [first, last) of a convolution.
struct WinogradTask {
  int64_t first, last;
  const float* src;
  ImageStrides src_strides;
  const float* weights;  // transformed
  RegisterStages stages;
  float* data;
  float* products;
  float* dst;
  uint8_t* index;  // of pooled outputs
  ImageStrides dst_strides;
};

}  // namespace pronghorn::kernels::simd
