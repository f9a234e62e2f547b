#pragma once

#include "kernels/kernel.h"

namespace pronghorn::kernels::simd {

// Kernels written with Google Highway: one source, compiled for several instruction sets, of which
// each kernel chooses the CPU's best once, when it is made. All run in plain layout; those that
// also run in blocked ones say so.

const Implementation& elementwise();  // any layout, but for bias_add and dropout

}  // namespace pronghorn::kernels::simd
