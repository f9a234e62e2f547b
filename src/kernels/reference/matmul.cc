#include "graph/ops/matmul.h"

#include <algorithm>

#include "kernels/reference/counted.h"
#include "kernels/reference/tensor_view.h"

namespace pronghorn::kernels::reference {
namespace {

struct Loops {
  graph::MatmulGeometry g;

  explicit Loops(const KernelCase& kernel_case)
      : g(graph::matmul_geometry(kernel_case.graph, kernel_case.op)) {}

  // A transposed `a` has the batch as its rows, so its product is a sum over the batch.
  int64_t workspace_elements() const {
    return g.transpose_a ? BatchSlices(g.k).count() * g.m * g.n : 0;
  }

  template <class T>
  void run(const Buffers& buffers, const RunContext& context) const {
    if (!g.transpose_a) {
      product(buffers, 0, g.k, output<T>(buffers, 0));
      return;
    }
    sum_over_batch(
        context, g.k, g.m * g.n, workspace<T>(buffers), output<T>(buffers, 0),
        [&](int64_t first, int64_t last, T* partial) { product(buffers, first, last, partial); });
  }

  // The product with k in [first, last).
  template <class T>
  void product(const Buffers& buffers, int64_t first, int64_t last, T* dst_data) const {
    const Matrix<const T> a{input<T>(buffers, 0), g.transpose_a ? g.m : g.k};
    const Matrix<const T> b{input<T>(buffers, 1), g.transpose_b ? g.k : g.n};
    const Matrix<T> dst{dst_data, g.n};
    for (int64_t m = 0; m < g.m; ++m)
      for (int64_t n = 0; n < g.n; ++n) {
        T sum = 0;
        for (int64_t k = first; k < last; ++k)
          sum += (g.transpose_a ? a(k, m) : a(m, k)) * (g.transpose_b ? b(n, k) : b(k, n));
        dst(m, n) = sum;
      }
  }
};

}  // namespace

const ReferenceImplementation& matmul() {
  static const CountingLoopImplementation<Loops> implementation("reference.matmul");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
