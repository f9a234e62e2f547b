#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace pronghorn::formats {

static_assert(std::endian::native == std::endian::little,
              "the readers of little-endian files copy bytes as they are");

// A number from bytes in a file, which may lie unaligned.
template <class Number>
Number load(const char* bytes) {
  Number number;
  std::memcpy(&number, bytes, sizeof(number));
  return number;
}

// IEEE binary16: 5 bits of exponent with bias 15, 10 of fraction. Every value is a float exactly.
inline float half_to_float(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16;
  const uint32_t exponent = (half >> 10) & 0x1Fu;
  const uint32_t fraction = half & 0x3FFu;
  if (exponent == 0) {  // zero, or a subnormal: fraction * 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
  }
  const uint32_t wide_exponent = exponent == 31 ? 255 : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide_exponent << 23 | fraction << 13);
}

// bfloat16 is the upper half of a float.
inline float bfloat16_to_float(uint16_t value) {
  return std::bit_cast<float>(uint32_t{value} << 16);
}

}  // namespace pronghorn::formats
