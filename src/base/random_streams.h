#pragma once

#include <cstdint>

namespace pronghorn {

// The random streams of a seed (philox.h), all in one place so that no two uses share numbers.

// The order of an epoch: "SHUFFLE" in ASCII, which no numbered stream reaches. The stream's step is
// the epoch, counted from 0.
inline constexpr uint64_t kShuffleStream = 0x53485546464C45;

// What a model's parts draw, 2^32 streams each.
enum class RandomUse : uint32_t { kInitialWeight = 1, kDropout = 2 };

constexpr uint64_t random_stream(RandomUse use, uint64_t number) {
  return (uint64_t{static_cast<uint32_t>(use)} << 32) + number;
}

}  // namespace pronghorn
