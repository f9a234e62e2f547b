#include "kernels/kernel.h"

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

}  // namespace pronghorn::kernels
