#pragma once

#include <hwy/base.h>

// Stands before a loop of at most 16 rounds, known when it is compiled: accumulators stay in
// registers only where every loop over them is unrolled.
#if HWY_COMPILER_CLANG
#define PRONGHORN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define PRONGHORN_UNROLL _Pragma("GCC unroll 16")
#endif
