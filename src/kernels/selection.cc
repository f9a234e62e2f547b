#include "kernels/selection.h"

#include <fmt/format.h>

#include <stdexcept>

#include "kernels/candidates.h"
#include "kernels/choices.h"

namespace pronghorn::kernels {

std::vector<const Implementation*> chosen(std::span<const Selection> selections) {
  std::vector<const Implementation*> implementations;
  for (const Selection& selection : selections) implementations.push_back(selection.chosen);
  return implementations;
}

std::vector<graph::Alias> possible_aliases(const KernelCase& kernel_case,
                                           const Implementation* implementation) {
  std::vector<graph::Alias> possible = kernel_case.op.kind->possible_aliases(kernel_case.op);
  if (implementation == nullptr) return possible;
  const std::vector<graph::Alias> more = implementation->possible_aliases(kernel_case);
  possible.insert(possible.end(), more.begin(), more.end());
  return possible;
}

std::optional<std::string> why_not(const Implementation& implementation,
                                   const KernelCase& kernel_case) {
  if (!kernel_case.op.epilogue.empty() && !implementation.takes_epilogue())
    return "it applies no epilogue";
  return implementation.refuse(kernel_case);
}

std::optional<std::string> why_not(const Implementation& implementation,
                                   const KernelCase& kernel_case, const Policy& policy) {
  if (std::optional<std::string> reason =
          why_excluded(policy, implementation.family(), implementation.arithmetic()))
    return reason;
  return why_not(implementation, kernel_case);
}

Selection select_by_order(const KernelCase& kernel_case, const Policy& policy) {
  Selection selection;
  for (const Implementation* implementation : candidates(*kernel_case.op.kind)) {
    if (std::optional<std::string> reason = why_not(*implementation, kernel_case, policy)) {
      selection.refused.push_back({implementation, *std::move(reason)});
      continue;
    }
    selection.chosen = implementation;
    return selection;
  }
  throw std::logic_error(fmt::format("no kernel for op {}", kernel_case.op.kind->name()));
}

Selection select(const KernelCase& kernel_case, const Policy& policy) {
  const Implementation* const named = policy.choices ? policy.choices->find(kernel_case) : nullptr;
  if (named == nullptr || why_not(*named, kernel_case, policy))
    return select_by_order(kernel_case, policy);
  Selection selection{named, {}};
  for (const Implementation* implementation : candidates(*kernel_case.op.kind)) {
    if (implementation == named) continue;
    std::optional<std::string> reason = why_not(*implementation, kernel_case, policy);
    selection.refused.push_back(
        {implementation, reason ? *std::move(reason) : "the choices name another"});
  }
  return selection;
}

bool has_fast_kernel(const KernelCase& kernel_case, const Policy& policy) {
  return select_by_order(kernel_case, policy).chosen->family() != Family::kReference;
}

}  // namespace pronghorn::kernels
