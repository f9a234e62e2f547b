#include "graph/ops/moving_average.h"

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

struct MovingAverage {
  int64_t elements;
  graph::MovingAverage arguments;

  explicit MovingAverage(const KernelCase& kernel_case)
      : elements(kernel_case.input(0).shape.elements()),
        arguments(graph::moving_average_arguments(kernel_case.op)) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext& context) const {
    T* w = output<T>(buffers, 0);
    T* average = output<T>(buffers, 1);
    const int64_t update = static_cast<int64_t>(context.step) / arguments.accumulation_steps;
    const T keep = update == 0 ? T(0) : static_cast<T>(arguments.momentum);
    for (int64_t i = 0; i < elements; ++i) average[i] = keep * average[i] + (1 - keep) * w[i];
    const int64_t frequency = arguments.overwrite_frequency;
    if (frequency > 0 && (update + 1) % frequency == 0) std::copy_n(average, elements, w);
  }
};

}  // namespace

const ReferenceImplementation& moving_average() {
  static const LoopImplementation<MovingAverage> implementation("reference.moving_average");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
