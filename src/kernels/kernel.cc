#include "kernels/kernel.h"

#include <algorithm>

#include "graph/ops/conv2d.h"
#include "graph/ops/conv2d_max_pool2d_backward.h"

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

namespace {

bool is_weight_gradient(const graph::OpKind& kind) {
  return &kind == &graph::conv2d_backward_weights_kind() ||
         &kind == &graph::conv2d_max_pool2d_backward_weights_kind();
}

}  // namespace

BatchSlices weight_gradient_slices(const KernelCase& kernel_case) {
  return BatchSlices::for_sums(kernel_case.input(0).shape[0],
                               kernel_case.output(0).shape.elements());
}

OpLayouts Implementation::layouts(const KernelCase& kernel_case,
                                  std::span<const graph::Layout>) const {
  return {std::vector(kernel_case.op.inputs.size(), graph::Layout::kPlain),
          std::vector(kernel_case.op.outputs.size(), graph::Layout::kPlain)};
}

Execution Implementation::execution(const KernelCase& kernel_case) const {
  const graph::Cost cost = graph::cost(kernel_case.graph, kernel_case.op);
  const BatchSlices slices = is_weight_gradient(*kernel_case.op.kind)
                                 ? weight_gradient_slices(kernel_case)
                                 : BatchSlices(std::max<int64_t>(1, kernel_case.graph.batch));
  return {.multiply_accumulates = cost.multiply_accumulates,
          .other_flops = cost.other_flops,
          .tasks = slices.count()};
}

}  // namespace pronghorn::kernels
