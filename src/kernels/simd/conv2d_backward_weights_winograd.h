#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/simd/conv2d_winograd.h"
#include "kernels/simd/workspace.h"

namespace pronghorn::kernels::simd {

// The gradient to the weights of a 3x3 convolution by Winograd's minimal filtering: that of
// A^T [(G weights) * (B^T data)], which is G^T [sum over tiles of (A output gradients) * (B^T
// data)]. It needs (m + 2)^2 products where the direct sum needs 9 m^2.
//
//   transformed data       [tile of the block][vector of channels in][point][lane]
//   transformed gradients  [tile of the block][vector of channels out][point][lane]
//   sums of products       [point][group of channels out][channel in][channel out]
//
// Sums are over a slice of the batch, block of tiles by block of tiles; then they are transformed
// back, to 9 numbers instead of (m + 2)^2, and the slices added by the reduction tree.
struct WinogradWeightGradient {
  WinogradConvolution w;
  int64_t slices, block_tiles;

  WinogradWeightGradient(const graph::Conv2dGeometry& geometry, int64_t batch_slices,
                         int64_t slice_images)
      : w(geometry, /*is_pooled=*/false), slices(batch_slices) {
    // As many as an L2 cache of 1 MiB holds; but each block reads and writes the sums once, so not
    // fewer than make that a small part of its work.
    constexpr int64_t kBlockFloats = 768 * 1024 / sizeof(float), kFewest = 48, kMost = 96;
    const int64_t tiles = slice_images * w.tiles_per_image();
    const int64_t most =
        std::clamp<int64_t>(kBlockFloats / (data_stride() + gradients_stride()), kFewest, kMost);
    const int64_t blocks = (tiles + most - 1) / most;
    block_tiles = (tiles + blocks - 1) / blocks;
  }

  int64_t data_stride() const { return w.data_stride(); }
  int64_t gradients_stride() const { return ((w.points() * w.g.out_channels + 15) / 16 | 1) * 16; }
  int64_t data_floats() const { return block_tiles * data_stride(); }
  int64_t gradients_floats() const { return block_tiles * gradients_stride(); }
  int64_t sums_floats() const { return whole_lines(w.weights_floats()); }
  int64_t thread_floats() const { return data_floats() + gradients_floats() + sums_floats(); }
  // What a slice leaves: gradients to weights (3, 3, in, out), then to biases.
  int64_t weights_floats() const { return 9 * w.g.channels * w.g.out_channels; }
  int64_t partial_floats() const { return whole_lines(weights_floats() + w.g.out_channels); }

  // Whether it pays: the transforms of tiles make up for half of the products that it saves, and
  // writing a slice's sums and transforming them back costs as much as eight tiles.
  bool pays() const {
    const int64_t sums = 8 * slices * w.points() * w.g.channels * w.g.out_channels;
    return 2 * (w.multiply_accumulates() + sums) < w.g.multiply_accumulates();
  }
  // One-dimensional transforms of 12, 9 and 10 flops (of 4, 3 and 6 for m = 2): data points by
  // points, output gradients points by m, sums 3 by points.
  int64_t transform_flops() const {
    const int64_t m = w.outputs, n = m + 2, large = m == 4;
    const int64_t data = (large ? 12 : 4) * 2 * n, gradients = (large ? 9 : 3) * (m + n),
                  sums = (large ? 10 : 6) * (n + 3);
    return w.g.batch * w.tiles_per_image() * (w.g.channels * data + w.g.out_channels * gradients) +
           slices * w.g.channels * w.g.out_channels * sums;
  }
};

// A slice of the batch: images [first, last).
struct WinogradWeightGradientTask {
  int64_t first, last;
  const float* src;
  ImageStrides src_strides;
  const float* diff_dst;
  ImageStrides diff_dst_strides;
  float* data;
  float* gradients;
  float* sums;
  float* diff_weights;
  float* diff_bias;  // or none
};

}  // namespace pronghorn::kernels::simd
