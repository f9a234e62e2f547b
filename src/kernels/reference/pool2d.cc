#include "graph/ops/pool2d.h"

#include <algorithm>

#include "kernels/reference/loop_kernel.h"
#include "kernels/reference/tensor_view.h"

namespace pronghorn::kernels::reference {
namespace {

using graph::Pool2dGeometry;

struct PoolLoops {
  Pool2dGeometry g;
  bool byte_index;

  explicit PoolLoops(const KernelCase& kernel_case)
      : g(graph::pool2d_geometry(kernel_case.graph, kernel_case.op)),
        byte_index(graph::index_type(g.window.pool_h * g.window.pool_w) ==
                   graph::ElementType::kUint8) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  Tensor4<T> src_view(T* data) const {
    return {data, g.height, g.width, g.channels};
  }
  template <class T>
  Tensor4<T> dst_view(T* data) const {
    return {data, g.out_height, g.out_width, g.channels};
  }

  // Calls visit(n, y, x, c) for every window.
  template <class Visit>
  void for_each_window(Visit&& visit) const {
    for (int64_t n = 0; n < g.batch; ++n)
      for (int64_t y = 0; y < g.out_height; ++y)
        for (int64_t x = 0; x < g.out_width; ++x)
          for (int64_t c = 0; c < g.channels; ++c) visit(n, y, x, c);
  }

  // Calls visit(row, column, place in the window) for each element of window (y, x) that lies
  // inside of the image.
  template <class Visit>
  void for_each_inside(int64_t y, int64_t x, Visit&& visit) const {
    const graph::Pool2dWindow& w = g.window;
    for (int64_t i = 0; i < w.pool_h; ++i) {
      const int64_t row = y * w.stride_h - w.padding.top + i;
      if (row < 0 || row >= g.height) continue;
      for (int64_t j = 0; j < w.pool_w; ++j) {
        const int64_t column = x * w.stride_w - w.padding.left + j;
        if (column < 0 || column >= g.width) continue;
        visit(row, column, i * w.pool_w + j);
      }
    }
  }

  template <class T>
  void fill_src_with_zeros(T* data) const {
    std::fill(data, data + g.batch * g.height * g.width * g.channels, T(0));
  }
};

struct MaxPool : PoolLoops {
  using PoolLoops::PoolLoops;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    if (byte_index)
      run_with_index<T, uint8_t>(buffers);
    else
      run_with_index<T, int32_t>(buffers);
  }

  template <class T, class Index>
  void run_with_index(const Buffers& buffers) const {
    const auto src = src_view<const T>(input<T>(buffers, 0));
    const auto dst = dst_view(output<T>(buffers, 0));
    const auto index = dst_view(output<Index>(buffers, 1));
    for_each_window([&](int64_t n, int64_t y, int64_t x, int64_t c) {
      T most = 0;
      int64_t winner = -1;
      for_each_inside(y, x, [&](int64_t row, int64_t column, int64_t place) {
        const T value = src(n, row, column, c);
        if (winner >= 0 && !(value > most)) return;
        most = value;
        winner = place;
      });
      dst(n, y, x, c) = most;
      index(n, y, x, c) = static_cast<Index>(winner);
    });
  }
};

struct MaxPoolBackward : PoolLoops {
  using PoolLoops::PoolLoops;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    if (byte_index)
      run_with_index<T, uint8_t>(buffers);
    else
      run_with_index<T, int32_t>(buffers);
  }

  template <class T, class Index>
  void run_with_index(const Buffers& buffers) const {
    const graph::Pool2dWindow& w = g.window;
    const auto diff_dst = dst_view<const T>(input<T>(buffers, 0));
    const auto index = dst_view<const Index>(input<Index>(buffers, 1));
    const auto diff_src = src_view(output<T>(buffers, 0));
    fill_src_with_zeros(diff_src.data);
    for_each_window([&](int64_t n, int64_t y, int64_t x, int64_t c) {
      const int64_t place = index(n, y, x, c);
      const int64_t row = y * w.stride_h - w.padding.top + place / w.pool_w;
      const int64_t column = x * w.stride_w - w.padding.left + place % w.pool_w;
      diff_src(n, row, column, c) += diff_dst(n, y, x, c);
    });
  }
};

struct AveragePool : PoolLoops {
  using PoolLoops::PoolLoops;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const auto src = src_view<const T>(input<T>(buffers, 0));
    const auto dst = dst_view(output<T>(buffers, 0));
    for_each_window([&](int64_t n, int64_t y, int64_t x, int64_t c) {
      T sum = 0;
      T count = 0;
      for_each_inside(y, x, [&](int64_t row, int64_t column, int64_t) {
        sum += src(n, row, column, c);
        count += 1;
      });
      dst(n, y, x, c) = sum / count;
    });
  }
};

struct AveragePoolBackward : PoolLoops {
  using PoolLoops::PoolLoops;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const auto diff_dst = dst_view<const T>(input<T>(buffers, 0));
    const auto diff_src = src_view(output<T>(buffers, 0));
    fill_src_with_zeros(diff_src.data);
    for_each_window([&](int64_t n, int64_t y, int64_t x, int64_t c) {
      T count = 0;
      for_each_inside(y, x, [&](int64_t, int64_t, int64_t) { count += 1; });
      for_each_inside(y, x, [&](int64_t row, int64_t column, int64_t) {
        diff_src(n, row, column, c) += diff_dst(n, y, x, c) / count;
      });
    });
  }
};

}  // namespace

const ReferenceImplementation& max_pool2d() {
  static const LoopImplementation<MaxPool> implementation("reference.max_pool2d");
  return implementation;
}
const ReferenceImplementation& max_pool2d_backward() {
  static const LoopImplementation<MaxPoolBackward> implementation("reference.max_pool2d_backward");
  return implementation;
}
const ReferenceImplementation& average_pool2d() {
  static const LoopImplementation<AveragePool> implementation("reference.average_pool2d");
  return implementation;
}
const ReferenceImplementation& average_pool2d_backward() {
  static const LoopImplementation<AveragePoolBackward> implementation(
      "reference.average_pool2d_backward");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
