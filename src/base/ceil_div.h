#pragma once

#include <cstdint>

namespace pronghorn {

// How many parts of this size cover an extent, neither of them negative, the size not zero.
constexpr int64_t ceil_div(int64_t extent, int64_t size) { return (extent + size - 1) / size; }

}  // namespace pronghorn
