#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace pronghorn {

struct CpuInfo {
  // As the CPU says it ("AMD EPYC 9654"); "unknown CPU" where the system doesn't tell.
  std::string name;
  // Bytes of the data caches that one core sees, L1 to L3; 0 where there is none.
  std::array<int64_t, 3> cache_bytes{};
};
CpuInfo cpu_info();

// Whether an instruction multiplies pairs of bfloat16s and adds them up in float32 (AVX512_BF16).
bool has_bfloat16_dot_product();

}  // namespace pronghorn
