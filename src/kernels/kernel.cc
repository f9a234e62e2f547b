#include "kernels/kernel.h"

#include <algorithm>

#include "platform/batch_slices.h"

namespace pronghorn::kernels {

std::string_view to_string(Family family) {
  switch (family) {
    case Family::kReference:
      return "reference";
    case Family::kSimd:
      return "simd";
    case Family::kOnednn:
      return "onednn";
  }
  return "";
}

OpLayouts Implementation::layouts(const KernelCase& kernel_case,
                                  std::span<const graph::Layout>) const {
  return {std::vector(kernel_case.op.inputs.size(), graph::Layout::kPlain),
          std::vector(kernel_case.op.outputs.size(), graph::Layout::kPlain)};
}

Execution Implementation::execution(const KernelCase& kernel_case) const {
  const graph::Cost cost = graph::cost(kernel_case.graph, kernel_case.op);
  return {.multiply_accumulates = cost.multiply_accumulates,
          .other_flops = cost.other_flops,
          .tasks = BatchSlices(std::max<int64_t>(1, kernel_case.graph.batch)).count()};
}

}  // namespace pronghorn::kernels
