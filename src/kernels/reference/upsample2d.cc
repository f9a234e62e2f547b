#include "graph/ops/upsample2d.h"

#include <algorithm>

#include "kernels/reference/loop_kernel.h"
#include "kernels/reference/tensor_view.h"

namespace pronghorn::kernels::reference {
namespace {

using graph::Interpolation;
using graph::Mix;

// Either kind as the same list of products: visit(n, y, x, row, column, factor) for each source
// pixel (row, column) that dst's (y, x) is made of.
struct Upsampling {
  graph::Upsample2dGeometry g;
  std::vector<Mix> rows, columns;

  explicit Upsampling(const KernelCase& kernel_case)
      : g(graph::upsample2d_geometry(kernel_case.graph, kernel_case.op)),
        rows(graph::bilinear_mixes(g.height, g.size_h)),
        columns(graph::bilinear_mixes(g.width, g.size_w)) {}
  int64_t workspace_elements() const { return 0; }

  template <class T, class Visit>
  void for_each_part(Visit&& visit) const {
    for (int64_t n = 0; n < g.batch; ++n)
      for (int64_t y = 0; y < g.out_height(); ++y)
        for (int64_t x = 0; x < g.out_width(); ++x) {
          if (g.interpolation == Interpolation::kNearest) {
            visit(n, y, x, y / g.size_h, x / g.size_w, T(1));
            continue;
          }
          const Mix& row = rows[static_cast<size_t>(y)];
          const Mix& column = columns[static_cast<size_t>(x)];
          const T v = row.weight, u = column.weight;
          visit(n, y, x, row.first, column.first, (1 - v) * (1 - u));
          visit(n, y, x, row.first, column.second, (1 - v) * u);
          visit(n, y, x, row.second, column.first, v * (1 - u));
          visit(n, y, x, row.second, column.second, v * u);
        }
  }
};

template <bool kBackward>
struct Loops : Upsampling {
  using Upsampling::Upsampling;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const int64_t src_elements = g.batch * g.height * g.width * g.channels;
    const Tensor4<T> src{kBackward ? output<T>(buffers, 0) : input<T>(buffers, 0), g.height,
                         g.width, g.channels};
    const Tensor4<T> dst{kBackward ? input<T>(buffers, 0) : output<T>(buffers, 0), g.out_height(),
                         g.out_width(), g.channels};
    if (kBackward)
      std::fill_n(src.data, src_elements, T(0));
    else
      std::fill_n(dst.data, src_elements * g.size_h * g.size_w, T(0));
    for_each_part<T>([&](auto n, auto y, auto x, auto row, auto column, T factor) {
      for (int64_t c = 0; c < g.channels; ++c) {
        if (kBackward)
          src(n, row, column, c) += factor * dst(n, y, x, c);
        else
          dst(n, y, x, c) += factor * src(n, row, column, c);
      }
    });
  }
};

}  // namespace

const ReferenceImplementation& upsample2d() {
  static const LoopImplementation<Loops<false>> implementation("reference.upsample2d");
  return implementation;
}
const ReferenceImplementation& upsample2d_backward() {
  static const LoopImplementation<Loops<true>> implementation("reference.upsample2d_backward");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
