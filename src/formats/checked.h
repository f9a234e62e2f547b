#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace pronghorn::formats {

// The product of sizes that a file claims, or nothing where it passes 2^63 - 1 or a size is
// negative.
inline std::optional<int64_t> checked_product(std::span<const int64_t> extents,
                                              int64_t element_bytes = 1) {
  int64_t product = element_bytes;
  bool overflow = false;
  for (int64_t extent : extents) {
    if (extent < 0) return std::nullopt;
    // A later extent of 0 makes the whole product 0, but such a shape is as broken as a huge one.
    overflow |= __builtin_mul_overflow(product, extent, &product);
  }
  return overflow ? std::nullopt : std::optional(product);
}

}  // namespace pronghorn::formats
