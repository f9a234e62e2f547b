#include "graph/ops/broadcast.h"

#include <algorithm>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

struct Broadcast {
  graph::RepeatGeometry g;

  explicit Broadcast(const KernelCase& kernel_case)
      : g(graph::repeat_geometry(kernel_case.input(0).shape, kernel_case.output(0).shape)) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (int64_t outer = 0; outer < g.outer; ++outer)
      for (int64_t i = 0; i < g.repeat; ++i)
        std::copy_n(input<T>(buffers, 0) + outer * g.inner, g.inner,
                    output<T>(buffers, 0) + (outer * g.repeat + i) * g.inner);
  }
};

struct ReduceSum {
  graph::RepeatGeometry g;

  explicit ReduceSum(const KernelCase& kernel_case)
      : g(graph::repeat_geometry(kernel_case.output(0).shape, kernel_case.input(0).shape)) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (int64_t outer = 0; outer < g.outer; ++outer) {
      T* sum = output<T>(buffers, 0) + outer * g.inner;
      std::fill_n(sum, g.inner, T(0));
      for (int64_t i = 0; i < g.repeat; ++i) {
        const T* src = input<T>(buffers, 0) + (outer * g.repeat + i) * g.inner;
        for (int64_t j = 0; j < g.inner; ++j) sum[j] += src[j];
      }
    }
  }
};

}  // namespace

const ReferenceImplementation& broadcast() {
  static const LoopImplementation<Broadcast> implementation("reference.broadcast");
  return implementation;
}
const ReferenceImplementation& reduce_sum() {
  static const LoopImplementation<ReduceSum> implementation("reference.reduce_sum");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
