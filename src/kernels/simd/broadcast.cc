#include "graph/ops/broadcast.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/broadcast.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

// sum[j] = the sum over i of src[i * columns + j], in the order of i; a vector of columns after the
// other, each in four sums that don't wait for one another.
void sum_over_rows(const float* src, int64_t rows, int64_t columns, float* sum) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t j = 0; j < columns; j += lanes) {
    const auto count = static_cast<size_t>(HWY_MIN(lanes, columns - j));
    const bool whole = count == static_cast<size_t>(lanes);
    const auto load = [&](int64_t i) HWY_ATTR {
      const float* from = src + i * columns + j;
      return whole ? hn::LoadU(d, from) : load_n(d, from, count);
    };
    auto a = hn::Zero(d), b = hn::Zero(d), c = hn::Zero(d), e = hn::Zero(d);
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4) {
      a = hn::Add(a, load(i));
      b = hn::Add(b, load(i + 1));
      c = hn::Add(c, load(i + 2));
      e = hn::Add(e, load(i + 3));
    }
    for (; i < rows; ++i) a = hn::Add(a, load(i));
    store_n(hn::Add(hn::Add(a, b), hn::Add(c, e)), d, sum + j, count);
  }
}

// The sum of a run.
float sum_of_run(const float* src, int64_t count) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto a = hn::Zero(d), b = hn::Zero(d);
  int64_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    a = hn::Add(a, hn::LoadU(d, src + i));
    b = hn::Add(b, hn::LoadU(d, src + i + lanes));
  }
  for (; i < count; i += lanes)
    a = hn::Add(a, load_n(d, src + i, static_cast<size_t>(HWY_MIN(lanes, count - i))));
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <cstring>
#include <memory>

#include "kernels/simd/dispatch.h"
#include "kernels/simd/kernel_implementation.h"
#include "kernels/simd/simd.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(sum_over_rows);
HWY_EXPORT(sum_of_run);

// What a thread takes at a time, in elements of the large tensor.
constexpr int64_t kGrainElements = 16384;

int64_t grain_of(int64_t elements_each) {
  return std::max<int64_t>(1, kGrainElements / elements_each);
}

class BroadcastKernel final : public Kernel {
 public:
  explicit BroadcastKernel(const KernelCase& kernel_case) : g_(geometry(kernel_case)) {}

  static graph::RepeatGeometry geometry(const KernelCase& kernel_case) {
    return graph::repeat_geometry(kernel_case.input(0).shape, kernel_case.output(0).shape);
  }
  static int64_t tasks(const KernelCase& kernel_case) {
    const graph::RepeatGeometry g = geometry(kernel_case);
    const int64_t grain = grain_of(g.inner);
    return (g.outer * g.repeat + grain - 1) / grain;
  }

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    dst_ = buffers.output(0);
  }

  void run(const RunContext& context) override {
    const auto bytes = static_cast<size_t>(g_.inner) * sizeof(float);
    context.parallel.for_ranges(
        g_.outer * g_.repeat, grain_of(g_.inner), [&](int64_t first, int64_t last) {
          for (int64_t row = first; row < last;) {
            const int64_t outer = row / g_.repeat;
            const int64_t end = std::min(last, (outer + 1) * g_.repeat);
            if (g_.inner == 1) {
              std::fill(dst_ + row, dst_ + end, src_[outer]);
              row = end;
            }
            for (; row < end; ++row)
              std::memcpy(dst_ + row * g_.inner, src_ + outer * g_.inner, bytes);
          }
        });
  }

 private:
  graph::RepeatGeometry g_;
  const float* src_ = nullptr;
  float* dst_ = nullptr;
};

class ReduceSumKernel final : public Kernel {
 public:
  explicit ReduceSumKernel(const KernelCase& kernel_case) : g_(geometry(kernel_case)) {
    choose_target();
    sum_over_rows_ = &HWY_DYNAMIC_DISPATCH(sum_over_rows);
    sum_of_run_ = &HWY_DYNAMIC_DISPATCH(sum_of_run);
  }

  static graph::RepeatGeometry geometry(const KernelCase& kernel_case) {
    return graph::repeat_geometry(kernel_case.output(0).shape, kernel_case.input(0).shape);
  }
  static int64_t tasks(const KernelCase& kernel_case) {
    const graph::RepeatGeometry g = geometry(kernel_case);
    const int64_t grain = grain_of(g.repeat * g.inner);
    return (g.outer + grain - 1) / grain;
  }

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    dst_ = buffers.output(0);
  }

  void run(const RunContext& context) override {
    const int64_t elements = g_.repeat * g_.inner;
    context.parallel.for_ranges(g_.outer, grain_of(elements), [&](int64_t first, int64_t last) {
      for (int64_t outer = first; outer < last; ++outer) {
        if (g_.inner == 1)
          dst_[outer] = sum_of_run_(src_ + outer * elements, g_.repeat);
        else
          sum_over_rows_(src_ + outer * elements, g_.repeat, g_.inner, dst_ + outer * g_.inner);
      }
    });
  }

 private:
  graph::RepeatGeometry g_;
  void (*sum_over_rows_)(const float*, int64_t, int64_t, float*);
  float (*sum_of_run_)(const float*, int64_t);
  const float* src_ = nullptr;
  float* dst_ = nullptr;
};

}  // namespace

const Implementation& broadcast() {
  static const KernelImplementation<BroadcastKernel> implementation("simd.broadcast");
  return implementation;
}
const Implementation& reduce_sum() {
  static const KernelImplementation<ReduceSumKernel> implementation("simd.reduce_sum");
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
