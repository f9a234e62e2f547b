#include "kernels/policy.h"

#include <fmt/format.h>

#include <cstdlib>

#include "pronghorn/error.h"

namespace pronghorn::kernels {

std::optional<Family> parse_family(std::string_view name) {
  if (name.empty() || name == "auto") return std::nullopt;
  for (Family family : {Family::kReference, Family::kSimd, Family::kOnednn})
    if (name == to_string(family)) return family;
  throw ArgumentError(fmt::format(
      "no family of kernels is called '{}'; there are auto, reference, simd, onednn", name));
}

std::optional<Family> family_from_environment() {
  const char* name = std::getenv("PRONGHORN_KERNELS");
  try {
    return parse_family(name == nullptr ? "" : name);
  } catch (const ArgumentError& error) {
    throw ArgumentError(fmt::format("PRONGHORN_KERNELS: {}", error.what()));
  }
}

std::string_view to_string(Precision precision) {
  return precision == Precision::kFloat32 ? "float32" : "mixed_bfloat16";
}

Precision parse_precision(std::string_view name, bool has_bfloat16_dot_product) {
  if (name.empty() || name == to_string(Precision::kFloat32)) return Precision::kFloat32;
  if (name != to_string(Precision::kMixedBfloat16))
    throw ArgumentError(
        fmt::format("no precision is called '{}'; there are float32 and mixed_bfloat16", name));
  if (!has_bfloat16_dot_product)
    throw UnsupportedError(
        "mixed_bfloat16 needs a CPU with dot products of bfloat16 (AVX512_BF16), and this one has "
        "none; use float32");
  return Precision::kMixedBfloat16;
}

std::optional<std::string> why_excluded(const Policy& policy, Family family,
                                        Arithmetic arithmetic) {
  if (policy.family && family != *policy.family && family != Family::kReference)
    return fmt::format("only {} kernels are wanted", to_string(*policy.family));
  if (policy.exact && arithmetic == Arithmetic::kWinograd)
    return "only exact kernels are wanted, and it is Winograd's";
  if (policy.precision == Precision::kFloat32 && arithmetic == Arithmetic::kBfloat16)
    return "it rounds to bfloat16, which is for mixed_bfloat16";
  return std::nullopt;
}

}  // namespace pronghorn::kernels
