#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/policy.h"

namespace pronghorn::kernels {

struct Refusal {
  const Implementation* implementation;
  std::string reason;
};

struct Selection {
  const Implementation* chosen = nullptr;
  // Those that stand before it in the list, or all others where a choice was made, and why they
  // don't run this op.
  std::vector<Refusal> refused;
};

// Of each op, who runs it; nullptr for views.
std::vector<const Implementation*> chosen(std::span<const Selection> selections);

// Where an output may lie where an input does: what the op's kind allows, and then what the
// implementation does, if it is known.
std::vector<graph::Alias> possible_aliases(const KernelCase& kernel_case,
                                           const Implementation* implementation);

// Why the policy doesn't let this implementation run the case, or why it can't; nothing where it
// may.
std::optional<std::string> why_not(const Implementation& implementation,
                                   const KernelCase& kernel_case, const Policy& policy);
// Why this implementation can't run the case; nothing where it can.
std::optional<std::string> why_not(const Implementation& implementation,
                                   const KernelCase& kernel_case);

// The implementation that the policy's choices name, where it is admitted and can run the case;
// else the first candidate that is and can. A pure function of its arguments and of the machine's
// instruction set.
Selection select(const KernelCase& kernel_case, const Policy& policy);

// The same without choices. What ops there are, the compiler decides so: choices say only who runs
// them.
Selection select_by_order(const KernelCase& kernel_case, const Policy& policy);

// Whether that is another than the reference kernel: whether it is worth making such an op.
bool has_fast_kernel(const KernelCase& kernel_case, const Policy& policy);

}  // namespace pronghorn::kernels
