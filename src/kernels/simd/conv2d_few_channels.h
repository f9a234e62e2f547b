#pragma once

#include <algorithm>
#include <cstddef>

#include "graph/ops/conv2d.h"

namespace pronghorn::kernels::simd {

// A convolution of stride and dilation 1 over images of few channels, one channel's plane at a
// time. The planes of source and destination have the same pitch, the width of the padded source:
//
//      source plane, padded           destination plane
//     |<------- pitch ------->|      |<-- out_width -->|     |
//     0 0 s s s s s s s s s 0 0      d d d d d d d d d x x x x
//     0 0 s s s s s s s s s 0 0      d d d d d d d d d x x x x
//
// so that a tap (i, j) is a shift by i pitch + j of the whole plane, and a vector of pixels may run
// over a row's end into the next: what it makes in the kernel_w - 1 places x between two rows is
// never stored, or meets zeros. At 26 of 28 places that leaves 7 % of lanes idle; vectors that end
// with their rows would leave 19 % of sixteen.
struct PlanarConvolution {
  size_t height, width, channels;
  size_t out_height, out_width, out_channels;
  size_t kernel_h, kernel_w;
  size_t top, left;
  size_t pitch;
  // Rows of output that are computed together, so that all planes stay in the L1 cache.
  size_t band_rows;
  // Floats from one plane to the next: a band, and zeros behind it for vectors that run over.
  size_t plane;

  // Floats of the widest vector; planes are aligned to it.
  static constexpr size_t kMostLanes = 16;
  // Floats behind a band's last place that vectors may run over into, and vectors of zeros behind
  // those.
  static constexpr size_t kOverrun = 2 * kMostLanes;

  explicit PlanarConvolution(const graph::Conv2dGeometry& g)
      : height(static_cast<size_t>(g.height)),
        width(static_cast<size_t>(g.width)),
        channels(static_cast<size_t>(g.channels)),
        out_height(static_cast<size_t>(g.out_height)),
        out_width(static_cast<size_t>(g.out_width)),
        out_channels(static_cast<size_t>(g.out_channels)),
        kernel_h(static_cast<size_t>(g.kernel_h)),
        kernel_w(static_cast<size_t>(g.kernel_w)),
        top(static_cast<size_t>(g.window.padding.top)),
        left(static_cast<size_t>(g.window.padding.left)),
        pitch(out_width + kernel_w - 1) {
    constexpr size_t kBandFloats = 24 * 1024 / sizeof(float);
    const size_t row_floats = pitch * (channels + out_channels);
    const size_t halo = pitch * (kernel_h - 1) * channels;
    band_rows = halo >= kBandFloats ? 1 : std::max<size_t>(1, (kBandFloats - halo) / row_floats);
    band_rows = std::min(band_rows, out_height);
    // Bands of about the same height.
    const size_t bands = (out_height + band_rows - 1) / band_rows;
    band_rows = (out_height + bands - 1) / bands;
    plane = (band_rows + kernel_h - 1) * pitch + kOverrun;
    plane = (plane + kMostLanes - 1) / kMostLanes * kMostLanes;
  }

  size_t taps() const { return kernel_h * kernel_w; }
  size_t weights() const { return taps() * channels * out_channels; }
  // The planes of a band.
  size_t scratch_floats() const { return (channels + out_channels) * plane; }
  // A vector of sums for each weight and each bias.
  size_t sum_floats() const { return (weights() + out_channels) * kMostLanes; }
};

}  // namespace pronghorn::kernels::simd
