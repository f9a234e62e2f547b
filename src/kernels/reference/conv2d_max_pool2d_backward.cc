#include "graph/ops/conv2d_max_pool2d_backward.h"

#include <algorithm>

#include "kernels/reference/convolution_loops.h"
#include "kernels/reference/counted.h"
#include "kernels/reference/tensor_view.h"

namespace pronghorn::kernels::reference {
namespace {

struct Loops {
  graph::Conv2dGeometry g;
  graph::Pool2dGeometry pooling;

  explicit Loops(const KernelCase& kernel_case)
      : g(graph::conv2d_geometry(kernel_case.graph, kernel_case.op)),
        pooling(graph::pooling_geometry(kernel_case.graph, kernel_case.op)) {}

  // Calls visit(n, py, px, o, row, column, i, j, c) for every multiply-accumulate of images [first,
  // last): of each window the place (py, px, o), at its winner the input place (n, row, column, c)
  // and the weight (i, j, c, o).
  template <class Index, class Visit>
  void for_each_product(const Index* index, int64_t first, int64_t last, Visit&& visit) const {
    const graph::Pool2dWindow& w = pooling.window;
    const Tensor4<const Index> winner{index, pooling.out_height, pooling.out_width, g.out_channels};
    for (int64_t n = first; n < last; ++n)
      for (int64_t py = 0; py < pooling.out_height; ++py)
        for (int64_t px = 0; px < pooling.out_width; ++px)
          for (int64_t o = 0; o < g.out_channels; ++o) {
            const int64_t place = winner(n, py, px, o);
            const int64_t y = py * w.stride_h - w.padding.top + place / w.pool_w;
            const int64_t x = px * w.stride_w - w.padding.left + place % w.pool_w;
            for_each_tap(g, y, x, [&](int64_t row, int64_t column, int64_t i, int64_t j) {
              for (int64_t c = 0; c < g.channels; ++c) visit(n, py, px, o, row, column, i, j, c);
            });
          }
  }
  template <class Visit>
  void for_each_product(const Buffers& buffers, int operand, int64_t first, int64_t last,
                        Visit&& visit) const {
    const graph::Pool2dWindow& window = pooling.window;
    if (graph::index_type(window.pool_h * window.pool_w) == graph::ElementType::kUint8)
      for_each_product(input<const uint8_t>(buffers, operand), first, last, visit);
    else
      for_each_product(input<const int32_t>(buffers, operand), first, last, visit);
  }

  template <class T>
  Tensor4<T> pooled(T* data) const {
    return {data, pooling.out_height, pooling.out_width, g.out_channels};
  }
  template <class T>
  Tensor4<T> images(T* data) const {
    return {data, g.height, g.width, g.channels};
  }
  template <class T>
  Tensor4<T> kernel(T* data) const {
    return {data, g.kernel_w, g.channels, g.out_channels};
  }
};

struct BackwardData : Loops {
  using Loops::Loops;
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const Tensor4<T> diff_dst = pooled(input<T>(buffers, 0));
    const Tensor4<T> weights = kernel(input<T>(buffers, 2));
    const Tensor4<T> diff_src = images(output<T>(buffers, 0));
    std::fill_n(diff_src.data, g.batch * g.height * g.width * g.channels, T(0));
    for_each_product(
        buffers, 1, 0, g.batch,
        [&](auto n, auto py, auto px, auto o, auto row, auto column, auto i, auto j, auto c) {
          diff_src(n, row, column, c) += diff_dst(n, py, px, o) * weights(i, j, c, o);
        });
  }
};

struct BackwardWeights : Loops {
  bool bias;

  explicit BackwardWeights(const KernelCase& kernel_case)
      : Loops(kernel_case), bias(kernel_case.op.attributes.has("bias")) {}

  int64_t weights() const { return g.kernel_h * g.kernel_w * g.channels * g.out_channels; }
  int64_t workspace_elements() const {
    return BatchSlices(g.batch).count() * std::max(weights(), g.out_channels);
  }

  template <class T>
  void run(const Buffers& buffers, const RunContext& context) const {
    const Tensor4<T> src = images(input<T>(buffers, 0));
    const Tensor4<T> diff_dst = pooled(input<T>(buffers, 1));
    sum_over_batch(
        context, g.batch, weights(), workspace<T>(buffers), output<T>(buffers, 0),
        [&](int64_t first, int64_t last, T* sum) {
          const Tensor4<T> diff_weights = kernel(sum);
          for_each_product(
              buffers, 2, first, last,
              [&](auto n, auto py, auto px, auto o, auto row, auto column, auto i, auto j, auto c) {
                diff_weights(i, j, c, o) += src(n, row, column, c) * diff_dst(n, py, px, o);
              });
        });
    if (!bias) return;
    sum_pixels(context, g.batch, pooling.out_height * pooling.out_width, g.out_channels,
               diff_dst.data, workspace<T>(buffers), output<T>(buffers, 1));
  }
};

}  // namespace

const ReferenceImplementation& conv2d_max_pool2d_backward_data() {
  static const CountingLoopImplementation<BackwardData> implementation(
      "reference.conv2d_max_pool2d_backward_data");
  return implementation;
}
const ReferenceImplementation& conv2d_max_pool2d_backward_weights() {
  static const CountingLoopImplementation<BackwardWeights> implementation(
      "reference.conv2d_max_pool2d_backward_weights");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
