#pragma once

#include <cstdint>

#include "platform/parallel.h"

namespace pronghorn {

// THE reduction tree: neighbours are added pairwise, then pairs of pairs, and so on; an odd one at
// the end moves up as it is. It is the one way in which partial sums of a batch are added, so that
// a sum's bits depend on the leaves alone and not on who added them.
//
// Sums `leaves` arrays of `elements` floats each, leaf l at partials + l * stride, into `sum`
// (which may be leaf 0). The partial arrays are overwritten.
void tree_sum(const Parallel& parallel, float* partials, int64_t leaves, int64_t stride,
              int64_t elements, float* sum);
void tree_sum(const Parallel& parallel, double* partials, int64_t leaves, int64_t stride,
              int64_t elements, double* sum);

// The same for one value per leaf, on the calling thread.
double tree_sum(double* partials, int64_t leaves);

}  // namespace pronghorn
