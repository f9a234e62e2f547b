#include "graph/ops/accumulate_gradient.h"

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

struct AccumulateGradient {
  int64_t elements, steps;
  bool last;

  explicit AccumulateGradient(const KernelCase& kernel_case)
      : elements(kernel_case.input(0).shape.elements()),
        steps(kernel_case.op.attributes.integer("steps")),
        last(kernel_case.op.attributes.integer("last") != 0) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    T* accumulator = output<T>(buffers, 0);
    const T* gradient = input<T>(buffers, 1);
    for (int64_t i = 0; i < elements; ++i) {
      const T sum = gradient[i] + accumulator[i];
      accumulator[i] = last ? 0 : sum;
      if (last) output<T>(buffers, 1)[i] = sum / static_cast<T>(steps);
    }
  }
};

}  // namespace

const ReferenceImplementation& accumulate_gradient() {
  static const LoopImplementation<AccumulateGradient> implementation(
      "reference.accumulate_gradient");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
