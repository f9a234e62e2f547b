#include "graph/ops/conv2d.h"

#include <algorithm>

#include "kernels/reference/convolution_loops.h"
#include "kernels/reference/counted.h"
#include "kernels/reference/tensor_view.h"

namespace pronghorn::kernels::reference {
namespace {

using graph::Conv2dGeometry;

// Calls visit(n, y, x, o, row, column, i, j, c) for every multiply-accumulate of images
// [first, last): output place (n, y, x, o), input place (n, row, column, channel), weight
// (i, j, c, o), c counted within o's group.
// Forward and both gradients are these same products, added up in different places.
template <class Visit>
void for_each_product(const Conv2dGeometry& g, int64_t first, int64_t last, Visit&& visit) {
  const int64_t inputs = g.group_channels(), outputs = g.group_out_channels();
  for (int64_t n = first; n < last; ++n)
    for (int64_t y = 0; y < g.out_height; ++y)
      for (int64_t x = 0; x < g.out_width; ++x)
        for (int64_t o = 0; o < g.out_channels; ++o)
          for_each_tap(g, y, x, [&](int64_t row, int64_t column, int64_t i, int64_t j) {
            for (int64_t c = 0; c < inputs; ++c)
              visit(n, y, x, o, row, column, o / outputs * inputs + c, i, j, c);
          });
}

// The tensors of a convolution, whichever of the three is being computed.
template <class T>
struct Tensors {
  Tensor4<T> src, weights, dst;

  Tensors(const Conv2dGeometry& g, T* src_data, T* weights_data, T* dst_data)
      : src{src_data, g.height, g.width, g.channels},
        weights{weights_data, g.kernel_w, g.group_channels(), g.out_channels},
        dst{dst_data, g.out_height, g.out_width, g.out_channels} {}
};

struct Conv2dLoops {
  Conv2dGeometry g;

  explicit Conv2dLoops(const KernelCase& kernel_case)
      : g(graph::conv2d_geometry(kernel_case.graph, kernel_case.op)) {}
  int64_t workspace_elements() const { return 0; }
  int64_t dst_elements() const { return g.batch * g.out_height * g.out_width * g.out_channels; }
};

struct Forward : Conv2dLoops {
  using Conv2dLoops::Conv2dLoops;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const Tensors<T> t(g, input<T>(buffers, 0), input<T>(buffers, 1), output<T>(buffers, 0));
    std::fill(t.dst.data, t.dst.data + dst_elements(), T(0));
    for_each_product(g, 0, g.batch,
                     [&](auto n, auto y, auto x, auto o, auto row, auto column, auto channel,
                         auto i, auto j, auto c) {
                       t.dst(n, y, x, o) += t.src(n, row, column, channel) * t.weights(i, j, c, o);
                     });
  }
};

struct BackwardData : Conv2dLoops {
  using Conv2dLoops::Conv2dLoops;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const Tensors<T> t(g, output<T>(buffers, 0), input<T>(buffers, 1), input<T>(buffers, 0));
    std::fill(t.src.data, t.src.data + g.batch * g.height * g.width * g.channels, T(0));
    for_each_product(g, 0, g.batch,
                     [&](auto n, auto y, auto x, auto o, auto row, auto column, auto channel,
                         auto i, auto j, auto c) {
                       t.src(n, row, column, channel) += t.dst(n, y, x, o) * t.weights(i, j, c, o);
                     });
  }
};

struct BackwardWeights : Conv2dLoops {
  bool bias;

  explicit BackwardWeights(const KernelCase& kernel_case)
      : Conv2dLoops(kernel_case), bias(kernel_case.op.attributes.has("bias")) {}

  int64_t weights() const { return g.weights_elements(); }
  int64_t workspace_elements() const {
    return BatchSlices(g.batch).count() * std::max(weights(), g.out_channels);
  }

  template <class T>
  void run(const Buffers& buffers, const RunContext& context) const {
    T* src = input<T>(buffers, 0);
    T* diff_dst = input<T>(buffers, 1);
    sum_over_batch(context, g.batch, weights(), workspace<T>(buffers), output<T>(buffers, 0),
                   [&](int64_t first, int64_t last, T* diff_weights) {
                     const Tensors<T> t(g, src, diff_weights, diff_dst);
                     for_each_product(g, first, last,
                                      [&](auto n, auto y, auto x, auto o, auto row, auto column,
                                          auto channel, auto i, auto j, auto c) {
                                        t.weights(i, j, c, o) +=
                                            t.src(n, row, column, channel) * t.dst(n, y, x, o);
                                      });
                   });
    if (!bias) return;
    sum_pixels(context, g.batch, g.out_height * g.out_width, g.out_channels, diff_dst,
               workspace<T>(buffers), output<T>(buffers, 1));
  }
};

}  // namespace

const ReferenceImplementation& conv2d() {
  static const CountingLoopImplementation<Forward> implementation("reference.conv2d");
  return implementation;
}
const ReferenceImplementation& conv2d_backward_data() {
  static const CountingLoopImplementation<BackwardData> implementation(
      "reference.conv2d_backward_data");
  return implementation;
}
const ReferenceImplementation& conv2d_backward_weights() {
  static const CountingLoopImplementation<BackwardWeights> implementation(
      "reference.conv2d_backward_weights");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
