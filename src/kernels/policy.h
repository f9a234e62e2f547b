#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/kernel.h"

namespace pronghorn::kernels {

class Choices;

// What numbers products multiply; everything that is kept, and all sums, are float32.
enum class Precision : uint8_t {
  kFloat32,
  // Keras's policy of that name: products may round their operands to bfloat16, where that is the
  // faster on a CPU that multiplies pairs of them.
  kMixedBfloat16,
};
// Keras's name of the policy.
std::string_view to_string(Precision precision);

// Which implementations a step may use. With the ops it is all that the choice of kernels is a
// function of.
struct Policy {
  // A family that is to be used wherever it has a kernel that accepts; elsewhere the reference
  // kernels run. None: the best candidate, whatever its family.
  std::optional<Family> family = {};
  // Only what sums the products that an op names: no Winograd.
  bool exact = false;
  Precision precision = Precision::kFloat32;
  // What to use for the ops that it names, where the rest of the policy admits it and it does not
  // refuse; null for none.
  std::shared_ptr<const Choices> choices = {};
};

// Parses "reference", "simd", "onednn", or "" and "auto" for none. Throws ArgumentError.
std::optional<Family> parse_family(std::string_view name);
// The value of the environment variable PRONGHORN_KERNELS, parsed.
std::optional<Family> family_from_environment();

// Parses "float32" (or "") and "mixed_bfloat16". Throws ArgumentError for another name, and
// UnsupportedError for mixed_bfloat16 where there is no dot product of bfloat16s.
Precision parse_precision(std::string_view name, bool has_bfloat16_dot_product);

// Why an implementation of these properties may not be used; nothing where it may.
std::optional<std::string> why_excluded(const Policy& policy, Family family, Arithmetic arithmetic);

}  // namespace pronghorn::kernels
