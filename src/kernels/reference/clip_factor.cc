#include "graph/ops/clip_factor.h"

#include <algorithm>
#include <cmath>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

struct ClipFactor {
  int inputs;
  double limit;
  bool global;

  explicit ClipFactor(const KernelCase& kernel_case)
      : inputs(static_cast<int>(kernel_case.op.inputs.size())),
        limit(kernel_case.op.attributes.real("limit")),
        global(kernel_case.op.attributes.integer("global") != 0) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    double sum = 0;
    for (int i = 0; i < inputs; ++i) sum += static_cast<double>(*input<T>(buffers, i));
    const double norm = std::sqrt(sum);
    // In this order a norm that is no number stays so.
    double factor = limit / std::max(norm, limit);
    if (global) factor += norm - norm;
    output<T>(buffers, 0)[0] = static_cast<T>(factor);
  }
};

}  // namespace

const ReferenceImplementation& clip_factor() {
  static const LoopImplementation<ClipFactor> implementation("reference.clip_factor");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
