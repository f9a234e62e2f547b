#pragma once

#include <cstdint>

namespace pronghorn {

// What random numbers are drawn for. Each use has 2^32 streams of its own, so that no two uses of
// one seed ever share numbers (philox.h).
enum class RandomUse : uint32_t { kInitialWeight = 1, kDropout = 2, kShuffle = 3 };

constexpr uint64_t random_stream(RandomUse use, uint64_t number) {
  return (uint64_t{static_cast<uint32_t>(use)} << 32) + number;
}

}  // namespace pronghorn
