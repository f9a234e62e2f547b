#pragma once

#include <cstdint>

namespace pronghorn::kernels::simd {

// A number of floats rounded up to whole cache lines: the parts of a workspace.
inline int64_t whole_lines(int64_t floats) { return (floats + 15) / 16 * 16; }

}  // namespace pronghorn::kernels::simd
