#include "kernels/selection.h"

#include <fmt/format.h>

#include <cstdlib>
#include <stdexcept>

#include "kernels/candidates.h"
#include "pronghorn/error.h"

namespace pronghorn::kernels {

ForcedFamily parse_family(std::string_view name) {
  if (name.empty() || name == "auto") return std::nullopt;
  for (Family family : {Family::kReference, Family::kSimd, Family::kOnednn})
    if (name == to_string(family)) return family;
  throw ArgumentError(fmt::format(
      "no family of kernels is called '{}'; there are auto, reference, simd, onednn", name));
}

ForcedFamily family_from_environment() {
  const char* name = std::getenv("PRONGHORN_KERNELS");
  try {
    return parse_family(name == nullptr ? "" : name);
  } catch (const ArgumentError& error) {
    throw ArgumentError(fmt::format("PRONGHORN_KERNELS: {}", error.what()));
  }
}

std::optional<std::string> why_not(const Implementation& implementation,
                                   const KernelCase& kernel_case) {
  if (!kernel_case.op.epilogue.empty() && !implementation.takes_epilogue())
    return "it applies no epilogue";
  return implementation.refuse(kernel_case);
}

Selection select(const KernelCase& kernel_case, ForcedFamily forced) {
  Selection selection;
  for (const Implementation* implementation : candidates(*kernel_case.op.kind)) {
    const Family family = implementation->family();
    if (forced && family != *forced && family != Family::kReference) {
      selection.refused.push_back(
          {implementation, fmt::format("only {} kernels are wanted", to_string(*forced))});
      continue;
    }
    if (std::optional<std::string> reason = why_not(*implementation, kernel_case)) {
      selection.refused.push_back({implementation, *std::move(reason)});
      continue;
    }
    selection.chosen = implementation;
    return selection;
  }
  throw std::logic_error(fmt::format("no kernel for op {}", kernel_case.op.kind->name()));
}

bool has_fast_kernel(const KernelCase& kernel_case, ForcedFamily forced) {
  return select(kernel_case, forced).chosen->family() != Family::kReference;
}

}  // namespace pronghorn::kernels
