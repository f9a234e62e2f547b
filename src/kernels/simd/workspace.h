#pragma once

namespace pronghorn::kernels::simd {

// A number of floats rounded up to whole cache lines: the parts of a workspace.
template <class Count>
Count whole_lines(Count floats) {
  return (floats + 15) / 16 * 16;
}

}  // namespace pronghorn::kernels::simd
