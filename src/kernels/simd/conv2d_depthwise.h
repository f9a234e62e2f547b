#pragma once

#include <cstdint>
#include <vector>

namespace pronghorn::kernels::simd {

// What the two halves of the depthwise kernels, conv2d_depthwise.cc, tell each other.

// Along one axis, which elements of the input make an output: tap t of the kernel with element
// `from`. The convolution and its gradient to data differ in these lists only.
struct Taps {
  struct Tap {
    int32_t tap, from;
  };
  std::vector<Tap> taps;
  std::vector<int32_t> begin;  // of each output's in `taps`, and their end
  // Of each output, how far the next three read from it where they have the same taps; else 0.
  std::vector<int32_t> step;

  int64_t count() const { return static_cast<int64_t>(begin.size()) - 1; }
};

// What a row of outputs is made of.
struct DepthwiseRow {
  const Taps* columns;
  const Taps::Tap *row_taps, *row_taps_end;
  int64_t in_row, in_pixel;  // distances in elements
  int64_t out_pixel;
  int64_t tap_row, tap_pixel;  // of weights
  const float* bias;           // nullptr for none
  bool relu;
  float slope;
};

// A row of the gradient to weights: `taps` places of weights, each a sum over a range of x.
struct GradientTap {
  int64_t weights, src;  // offsets in elements
  int64_t first, last;   // x
};

}  // namespace pronghorn::kernels::simd
