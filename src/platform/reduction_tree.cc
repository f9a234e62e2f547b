#include "platform/reduction_tree.h"

#include <algorithm>

namespace pronghorn {
namespace {
// A block of two operands stays in the L1 cache while the tree's levels pass over it.
constexpr int64_t kBlock = 1024;

template <class T>
void sum_arrays(const Parallel& parallel, T* partials, int64_t leaves, int64_t stride,
                int64_t elements, T* sum) {
  parallel.for_ranges(elements, kBlock, [&](int64_t begin, int64_t end) {
    for (int64_t step = 1; step < leaves; step *= 2) {
      for (int64_t leaf = 0; leaf + step < leaves; leaf += 2 * step) {
        T* to = partials + leaf * stride;
        const T* from = partials + (leaf + step) * stride;
        for (int64_t i = begin; i < end; ++i) to[i] += from[i];
      }
    }
    if (sum != partials) std::copy(partials + begin, partials + end, sum + begin);
  });
}
}  // namespace

void tree_sum(const Parallel& parallel, float* partials, int64_t leaves, int64_t stride,
              int64_t elements, float* sum) {
  sum_arrays(parallel, partials, leaves, stride, elements, sum);
}
void tree_sum(const Parallel& parallel, double* partials, int64_t leaves, int64_t stride,
              int64_t elements, double* sum) {
  sum_arrays(parallel, partials, leaves, stride, elements, sum);
}

double tree_sum(double* partials, int64_t leaves) {
  for (int64_t step = 1; step < leaves; step *= 2) {
    for (int64_t leaf = 0; leaf + step < leaves; leaf += 2 * step)
      partials[leaf] += partials[leaf + step];
  }
  return leaves > 0 ? partials[0] : 0.0;
}

}  // namespace pronghorn
