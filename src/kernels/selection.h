#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernel.h"

namespace pronghorn::kernels {

// A family that is to be used wherever it has a kernel that accepts; elsewhere the reference
// kernels run. None: the best candidate, whatever its family.
using ForcedFamily = std::optional<Family>;

// Parses "reference", "simd", "onednn", or "" and "auto" for none. Throws ArgumentError.
ForcedFamily parse_family(std::string_view name);
// The value of the environment variable PRONGHORN_KERNELS, parsed.
ForcedFamily family_from_environment();

struct Refusal {
  const Implementation* implementation;
  std::string reason;
};

struct Selection {
  const Implementation* chosen = nullptr;
  // Those that stand before it in the list and why they don't run this op.
  std::vector<Refusal> refused;
};

// Why this implementation can't run the case; nothing where it can.
std::optional<std::string> why_not(const Implementation& implementation,
                                   const KernelCase& kernel_case);

// The first candidate that can run the case. A pure function of its arguments and of the machine's
// instruction set.
Selection select(const KernelCase& kernel_case, ForcedFamily forced);

// Whether that is another than the reference kernel: whether it is worth making such an op.
bool has_fast_kernel(const KernelCase& kernel_case, ForcedFamily forced);

}  // namespace pronghorn::kernels
