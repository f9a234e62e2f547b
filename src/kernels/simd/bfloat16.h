#pragma once

#include <cstdint>

// bfloat16, the upper half of a float32: its range, and 8 bits of precision. Multiplied by the dot
// products of CPUs that have them, which sum in float32.
namespace pronghorn::kernels::simd {

// To the nearest, to even where two are; as VCVTNEPS2BF16 rounds but for denormals, which it
// flushes. A NaN stays one.
void round_to_bfloat16(const float* src, int64_t elements, uint16_t* dst);

}  // namespace pronghorn::kernels::simd
