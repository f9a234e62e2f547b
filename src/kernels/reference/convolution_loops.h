#pragma once

#include "graph/ops/conv2d.h"
#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {

// Calls visit(row, column, i, j) for each weight (i, j) of a kernel whose place (row, column) in
// the source, for the output at (y, x), is inside of the image.
template <class Visit>
void for_each_tap(const graph::Conv2dGeometry& g, int64_t y, int64_t x, Visit&& visit) {
  const graph::Conv2dWindow& w = g.window;
  for (int64_t i = 0; i < g.kernel_h; ++i) {
    const int64_t row = y * w.stride_h - w.padding.top + i * w.dilation_h;
    if (row < 0 || row >= g.height) continue;
    for (int64_t j = 0; j < g.kernel_w; ++j) {
      const int64_t column = x * w.stride_w - w.padding.left + j * w.dilation_w;
      if (column < 0 || column >= g.width) continue;
      visit(row, column, i, j);
    }
  }
}

// The gradient to a bias: the sum over the batch of all of an image's `pixels`. Workspace as for
// sum_over_batch.
template <class T>
void sum_pixels(const RunContext& context, int64_t batch, int64_t pixels, int64_t channels,
                const T* diff_dst, T* partials, T* diff_bias) {
  sum_over_batch(context, batch, channels, partials, diff_bias,
                 [&](int64_t first, int64_t last, T* sum) {
                   for (int64_t pixel = first * pixels; pixel < last * pixels; ++pixel)
                     for (int64_t c = 0; c < channels; ++c)
                       sum[c] += diff_dst[pixel * channels + c];
                 });
}

}  // namespace pronghorn::kernels::reference
