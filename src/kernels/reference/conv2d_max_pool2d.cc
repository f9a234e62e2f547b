#include "graph/ops/conv2d.h"
#include "graph/ops/pool2d.h"
#include "kernels/reference/convolution_loops.h"
#include "kernels/reference/tensor_view.h"

namespace pronghorn::kernels::reference {
namespace {

struct ConvolutionAndMaxPool {
  graph::Conv2dGeometry g;
  graph::PoolWindow pool;

  explicit ConvolutionAndMaxPool(const KernelCase& kernel_case)
      : g(graph::conv2d_geometry(kernel_case.graph, kernel_case.op)),
        pool(graph::pool_window(kernel_case.op)) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    if (graph::index_type(pool.height * pool.width) == graph::ElementType::kUint8)
      run_with_index<T, uint8_t>(buffers);
    else
      run_with_index<T, int32_t>(buffers);
  }

  template <class T, class Index>
  void run_with_index(const Buffers& buffers) const {
    const int64_t rows = g.out_height / pool.height, columns = g.out_width / pool.width;
    const Tensor4<T> dst{output<T>(buffers, 0), rows, columns, g.out_channels};
    const Tensor4<Index> index{output<Index>(buffers, 1), rows, columns, g.out_channels};
    for (int64_t n = 0; n < g.batch; ++n)
      for (int64_t y = 0; y < rows; ++y)
        for (int64_t x = 0; x < columns; ++x)
          for (int64_t o = 0; o < g.out_channels; ++o) {
            T most = 0;
            int64_t winner = -1;
            for (int64_t place = 0; place < pool.height * pool.width; ++place) {
              const T value = sum_at<T>(buffers, n, y * pool.height + place / pool.width,
                                        x * pool.width + place % pool.width, o);
              if (winner >= 0 && !(value > most)) continue;
              most = value;
              winner = place;
            }
            dst(n, y, x, o) = most;
            index(n, y, x, o) = static_cast<Index>(winner);
          }
  }

  // The convolution's output at (n, y, x, o).
  template <class T>
  T sum_at(const Buffers& buffers, int64_t n, int64_t y, int64_t x, int64_t o) const {
    const Tensor4<const T> src{input<T>(buffers, 0), g.height, g.width, g.channels};
    const int64_t inputs = g.group_channels(), first = o / g.group_out_channels() * inputs;
    const Tensor4<const T> weights{input<T>(buffers, 1), g.kernel_w, inputs, g.out_channels};
    T sum = 0;
    for_each_tap(g, y, x, [&](int64_t row, int64_t column, int64_t i, int64_t j) {
      for (int64_t c = 0; c < inputs; ++c)
        sum += src(n, row, column, first + c) * weights(i, j, c, o);
    });
    return sum;
  }
};

}  // namespace

const ReferenceImplementation& conv2d_max_pool2d() {
  static const LoopImplementation<ConvolutionAndMaxPool> implementation(
      "reference.conv2d_max_pool2d");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
