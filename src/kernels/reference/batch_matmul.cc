#include "graph/ops/batch_matmul.h"

#include "kernels/reference/counted.h"

namespace pronghorn::kernels::reference {
namespace {

struct Loops {
  graph::BatchMatmulGeometry g;

  explicit Loops(const KernelCase& kernel_case)
      : g(graph::batch_matmul_geometry(kernel_case.graph, kernel_case.op)) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (int64_t batch = 0; batch < g.batch; ++batch)
      for (int64_t head = 0; head < g.heads; ++head) {
        const T* a = input<T>(buffers, 0) + g.a.offset(batch, head);
        const T* b = input<T>(buffers, 1) + g.b.offset(batch, head);
        T* dst = output<T>(buffers, 0) + g.dst.offset(batch, head);
        for (int64_t m = 0; m < g.m; ++m)
          for (int64_t n = 0; n < g.n; ++n) {
            T sum = 0;
            for (int64_t k = 0; k < g.k; ++k)
              sum += a[g.transpose_a ? k * g.a.row_distance + m : m * g.a.row_distance + k] *
                     b[g.transpose_b ? n * g.b.row_distance + k : k * g.b.row_distance + n];
            dst[m * g.dst.row_distance + n] = sum;
          }
      }
  }
};

}  // namespace

const ReferenceImplementation& batch_matmul() {
  static const CountingLoopImplementation<Loops> implementation("reference.batch_matmul");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
