#pragma once

#include <cstdint>
#include <vector>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {

// A number that knows how many products were added up in it: run with it instead of float, loops
// count the multiply-accumulates that they really do, where a formula would only repeat what
// somebody believes they do. What stands in a sum is one; a product alone, or a sum of sums, is
// none.
struct Counted {
  float value = 0;
  int32_t products = 0;

  Counted() = default;
  Counted(float number) : value(number) {}

  struct Product {
    float value;
  };
  friend Product operator*(const Counted& a, const Counted& b) { return {a.value * b.value}; }
  Counted& operator+=(Product product) {
    value += product.value;
    ++products;
    return *this;
  }
  Counted& operator+=(const Counted& other) {
    value += other.value;
    products += other.products;
    return *this;
  }
};

// Leaf by leaf; the order that makes a sum's bits is of no interest here.
inline void tree_sum(const Parallel&, Counted* partials, int64_t leaves, int64_t stride,
                     int64_t elements, Counted* sum) {
  for (int64_t leaf = 1; leaf < leaves; ++leaf)
    for (int64_t i = 0; i < elements; ++i) partials[i] += partials[leaf * stride + i];
  if (sum != partials) std::copy(partials, partials + elements, sum);
}

// The implementation of a kind whose loops are nothing but multiply-accumulates.
template <class Loops>
class CountingLoopImplementation final : public LoopImplementation<Loops> {
 public:
  using LoopImplementation<Loops>::LoopImplementation;

  bool run_counting(const KernelCase& kernel_case, const Buffers& buffers,
                    const RunContext& context) const override {
    const Loops loops(kernel_case);
    std::vector<Counted> space(static_cast<size_t>(loops.workspace_elements()));
    Buffers with_space = buffers;
    with_space.workspace = reinterpret_cast<std::byte*>(space.data());
    loops.template run<Counted>(with_space, context);
    return true;
  }
};

}  // namespace pronghorn::kernels::reference
