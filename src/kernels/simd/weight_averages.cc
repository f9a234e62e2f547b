// What is kept beside a weight and its gradient over steps: the moving average of the one, the sum
// of the other. Both read and write each element once.

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/weight_averages.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

// average = keep average + (1 - keep) w; w = average, where it is to be overwritten.
void move_average(float* w, float* average, float keep, bool overwrite, size_t count) {
  const V kept = hn::Set(D(), keep), taken = hn::Set(D(), 1 - keep);
  for_parts(count, [&](auto part) HWY_ATTR {
    const V next = hn::MulAdd(kept, part.load(average), hn::Mul(taken, part.load(w)));
    part.store(next, average);
    if (overwrite) part.store(next, w);
  });
}

void add_gradient(float* accumulator, const float* gradient, size_t count) {
  map(accumulator, gradient, accumulator, count,
      [](V sum, V g) HWY_ATTR { return hn::Add(g, sum); });
}

// mean = (gradient + accumulator) / steps; accumulator = 0. The first two may be the same.
void take_mean(float* accumulator, const float* gradient, float* mean, float steps, size_t count) {
  const V divisor = hn::Set(D(), steps);
  for_parts(count, [&](auto part) HWY_ATTR {
    const V sum = hn::Add(part.load(gradient), part.load(accumulator));
    part.store(hn::Div(sum, divisor), mean);
    part.store(hn::Zero(D()), accumulator);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <memory>

#include "graph/ops/accumulate_gradient.h"
#include "graph/ops/moving_average.h"
#include "kernels/simd/dispatch.h"
#include "kernels/simd/kernel_implementation.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(move_average);
HWY_EXPORT(add_gradient);
HWY_EXPORT(take_mean);

// Weights that a thread takes at a time, as in elementwise.cc.
constexpr int64_t kGrain = 16384;

int64_t tasks_over_weights(const KernelCase& kernel_case) {
  return (kernel_case.input(0).shape.elements() + kGrain - 1) / kGrain;
}

class MovingAverageKernel final : public Kernel {
 public:
  static int64_t tasks(const KernelCase& kernel_case) { return tasks_over_weights(kernel_case); }

  explicit MovingAverageKernel(const KernelCase& kernel_case)
      : elements_(kernel_case.input(0).shape.elements()),
        arguments_(graph::moving_average_arguments(kernel_case.op)) {
    choose_target();
    move_average_ = &HWY_DYNAMIC_DISPATCH(move_average);
  }

  void bind(const Buffers& buffers) override {
    weights_ = buffers.output(0);
    average_ = buffers.output(1);
  }

  void run(const RunContext& context) override {
    const int64_t update = static_cast<int64_t>(context.step) / arguments_.accumulation_steps;
    const float keep = update == 0 ? 0.0f : static_cast<float>(arguments_.momentum);
    const int64_t frequency = arguments_.overwrite_frequency;
    const bool overwrite = frequency > 0 && (update + 1) % frequency == 0;
    context.parallel.for_ranges(elements_, kGrain, [&](int64_t begin, int64_t end) {
      move_average_(weights_ + begin, average_ + begin, keep, overwrite,
                    static_cast<size_t>(end - begin));
    });
  }

 private:
  int64_t elements_;
  graph::MovingAverage arguments_;
  void (*move_average_)(float* w, float* average, float keep, bool overwrite, size_t count);
  float* weights_ = nullptr;
  float* average_ = nullptr;
};

class AccumulateGradientKernel final : public Kernel {
 public:
  static int64_t tasks(const KernelCase& kernel_case) { return tasks_over_weights(kernel_case); }

  explicit AccumulateGradientKernel(const KernelCase& kernel_case)
      : elements_(kernel_case.input(0).shape.elements()),
        steps_(static_cast<float>(kernel_case.op.attributes.integer("steps"))),
        last_(kernel_case.op.attributes.integer("last") != 0) {
    choose_target();
    add_gradient_ = &HWY_DYNAMIC_DISPATCH(add_gradient);
    take_mean_ = &HWY_DYNAMIC_DISPATCH(take_mean);
  }

  void bind(const Buffers& buffers) override {
    accumulator_ = buffers.output(0);
    gradient_ = buffers.input(1);
    if (last_) mean_ = buffers.output(1);
  }

  void run(const RunContext& context) override {
    context.parallel.for_ranges(elements_, kGrain, [&](int64_t begin, int64_t end) {
      const auto count = static_cast<size_t>(end - begin);
      if (last_)
        take_mean_(accumulator_ + begin, gradient_ + begin, mean_ + begin, steps_, count);
      else
        add_gradient_(accumulator_ + begin, gradient_ + begin, count);
    });
  }

 private:
  int64_t elements_;
  float steps_;
  bool last_;
  void (*add_gradient_)(float* accumulator, const float* gradient, size_t count);
  void (*take_mean_)(float* accumulator, const float* gradient, float* mean, float steps,
                     size_t count);
  float* accumulator_ = nullptr;
  const float* gradient_ = nullptr;
  float* mean_ = nullptr;
};

}  // namespace

const Implementation& moving_average() {
  static const KernelImplementation<MovingAverageKernel> implementation("simd.moving_average");
  return implementation;
}

const Implementation& accumulate_gradient() {
  static const KernelImplementation<AccumulateGradientKernel> implementation(
      "simd.accumulate_gradient");
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
