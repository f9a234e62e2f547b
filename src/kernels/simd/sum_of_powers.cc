#include "graph/ops/sum_of_powers.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/sum_of_powers.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

// Several sums at once: an addition takes four cycles.
constexpr size_t kSums = 4;

template <class Power>
HWY_INLINE float sum_of(const float* src, size_t count, Power power) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V sums[kSums];
  for (V& sum : sums) sum = hn::Zero(d);
  size_t i = 0;
  for (; i + kSums * lanes <= count; i += kSums * lanes)
    for (size_t s = 0; s < kSums; ++s) sums[s] = power(hn::LoadU(d, src + i + s * lanes), sums[s]);
  for_parts(
      count, [&](auto part) HWY_ATTR { sums[0] = power(part.load(src), sums[0]); }, i);
  return hn::GetLane(
      hn::SumOfLanes(d, hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]))));
}

float sum_of_magnitudes(const float* src, size_t count) {
  return sum_of(src, count, [](V x, V sum) HWY_ATTR { return hn::Add(hn::Abs(x), sum); });
}

float sum_of_squares(const float* src, size_t count) {
  return sum_of(src, count, [](V x, V sum) HWY_ATTR { return hn::MulAdd(x, x, sum); });
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <memory>

#include "kernels/simd/dispatch.h"
#include "platform/reduction_tree.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(sum_of_magnitudes);
HWY_EXPORT(sum_of_squares);

int64_t blocks_of(const KernelCase& kernel_case) {
  return (kernel_case.input(0).shape.elements() + graph::kSumOfPowersBlock - 1) /
         graph::kSumOfPowersBlock;
}

class SumOfPowersKernel final : public Kernel {
 public:
  explicit SumOfPowersKernel(const KernelCase& kernel_case)
      : elements_(kernel_case.input(0).shape.elements()),
        blocks_(blocks_of(kernel_case)),
        absolute_(kernel_case.op.attributes.real("absolute")),
        square_(kernel_case.op.attributes.real("square")) {
    choose_target();
    sum_of_magnitudes_ = &HWY_DYNAMIC_DISPATCH(sum_of_magnitudes);
    sum_of_squares_ = &HWY_DYNAMIC_DISPATCH(sum_of_squares);
  }

  size_t workspace_bytes() const override { return static_cast<size_t>(blocks_) * sizeof(double); }

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    dst_ = buffers.output(0);
    partials_ = reinterpret_cast<double*>(buffers.workspace);
  }

  void run(const RunContext& context) override {
    context.parallel.for_ranges(
        elements_, graph::kSumOfPowersBlock, [&](int64_t begin, int64_t end) {
          const auto count = static_cast<size_t>(end - begin);
          double sum = 0;
          if (absolute_ != 0)
            sum += absolute_ * static_cast<double>(sum_of_magnitudes_(src_ + begin, count));
          if (square_ != 0)
            sum += square_ * static_cast<double>(sum_of_squares_(src_ + begin, count));
          partials_[begin / graph::kSumOfPowersBlock] = sum;
        });
    *dst_ = static_cast<float>(tree_sum(partials_, blocks_));
  }

 private:
  int64_t elements_, blocks_;
  double absolute_, square_;
  float (*sum_of_magnitudes_)(const float* src, size_t count);
  float (*sum_of_squares_)(const float* src, size_t count);
  const float* src_ = nullptr;
  float* dst_ = nullptr;
  double* partials_ = nullptr;
};

class SumOfPowers final : public Implementation {
 public:
  std::string_view name() const override { return "simd.sum_of_powers"; }
  Family family() const override { return Family::kSimd; }
  // The sum does not depend on where an element stands, but its bits do: any one layout will do.
  OpLayouts layouts(const KernelCase&, std::span<const graph::Layout> arriving) const override {
    return {{arriving[0]}, {graph::Layout::kPlain}};
  }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = blocks_of(kernel_case);
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<SumOfPowersKernel>(kernel_case);
  }
};

}  // namespace

const Implementation& sum_of_powers() {
  static const SumOfPowers implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
