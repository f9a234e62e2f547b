#include "cost/probes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cost/probes.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace pronghorn::cost {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// Ten chains: an FMA takes 4 cycles on every core we know and at most two start in one, so eight
// keep both busy. Named one by one, since compilers spill arrays of vectors.
int64_t multiply_accumulate(int64_t iterations) {
  const D d;
  const V factor = hn::Set(d, 0.999f), addend = hn::Set(d, 0.001f);
  // Beginning apart, lest the compiler find ten times the same sum.
  V a0 = hn::Iota(d, 0), a1 = hn::Iota(d, 1), a2 = hn::Iota(d, 2), a3 = hn::Iota(d, 3),
    a4 = hn::Iota(d, 4), a5 = hn::Iota(d, 5), a6 = hn::Iota(d, 6), a7 = hn::Iota(d, 7),
    a8 = hn::Iota(d, 8), a9 = hn::Iota(d, 9);
  for (int64_t i = 0; i < iterations; ++i) {
    a0 = hn::MulAdd(a0, factor, addend);
    a1 = hn::MulAdd(a1, factor, addend);
    a2 = hn::MulAdd(a2, factor, addend);
    a3 = hn::MulAdd(a3, factor, addend);
    a4 = hn::MulAdd(a4, factor, addend);
    a5 = hn::MulAdd(a5, factor, addend);
    a6 = hn::MulAdd(a6, factor, addend);
    a7 = hn::MulAdd(a7, factor, addend);
    a8 = hn::MulAdd(a8, factor, addend);
    a9 = hn::MulAdd(a9, factor, addend);
  }
  const V sum = a0 + a1 + a2 + a3 + a4 + (a5 + a6 + a7 + a8 + a9);
  // Read by nobody, but not known to be: the loop stays.
  volatile float kept = hn::GetLane(sum);
  static_cast<void>(kept);
  return iterations * 10 * static_cast<int64_t>(hn::Lanes(d));
}

float read(const float* HWY_RESTRICT src, int64_t elements) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V a0 = hn::Zero(d), a1 = a0, a2 = a0, a3 = a0;
  for (int64_t i = 0; i + 4 * lanes <= elements; i += 4 * lanes) {
    a0 = hn::Add(a0, hn::Load(d, src + i));
    a1 = hn::Add(a1, hn::Load(d, src + i + lanes));
    a2 = hn::Add(a2, hn::Load(d, src + i + 2 * lanes));
    a3 = hn::Add(a3, hn::Load(d, src + i + 3 * lanes));
  }
  return hn::GetLane(hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)));
}

void write(float* HWY_RESTRICT dst, int64_t elements, float value) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const V v = hn::Set(d, value);
  for (int64_t i = 0; i + lanes <= elements; i += lanes) hn::Store(v, d, dst + i);
}

void copy(const float* HWY_RESTRICT src, float* HWY_RESTRICT dst, int64_t elements) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i + lanes <= elements; i += lanes)
    hn::Store(hn::Load(d, src + i), d, dst + i);
}

void product(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, float* HWY_RESTRICT dst,
             int64_t m, int64_t n, int64_t k) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < m; ++i)
    for (int64_t p = 0; p < k; ++p) {
      const V factor = hn::Set(d, a[i * k + p]);
      for (int64_t j = 0; j + lanes <= n; j += lanes) {
        float* const at = dst + i * n + j;
        hn::Store(hn::MulAdd(factor, hn::Load(d, b + p * n + j), hn::Load(d, at)), d, at);
      }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::cost
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <chrono>

namespace pronghorn::cost {
namespace {

HWY_EXPORT(multiply_accumulate);
HWY_EXPORT(read);
HWY_EXPORT(write);
HWY_EXPORT(copy);
HWY_EXPORT(product);

// Highway numbers its targets best first. Code without vectors counts where there is nothing else.
std::vector<int64_t> targets() {
  std::vector<int64_t> targets;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets())
    if (target != HWY_EMU128 && target != HWY_SCALAR) targets.push_back(target);
  std::sort(targets.rbegin(), targets.rend());
  if (targets.empty()) targets.push_back(hwy::SupportedAndGeneratedTargets().back());
  return targets;
}

// What people call them.
std::string name_of(int64_t target) {
  switch (target) {
    case HWY_AVX3:
      return "AVX-512";
    case HWY_EMU128:
    case HWY_SCALAR:
      return "scalar";
    default:
      return hwy::TargetName(target);
  }
}

}  // namespace

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const int64_t target : targets()) names.push_back(name_of(target));
  return names;
}

Probes probes(size_t index) {
  hwy::GetChosenTarget().Update(targets()[index]);
  const Probes probes{&HWY_DYNAMIC_DISPATCH(multiply_accumulate), &HWY_DYNAMIC_DISPATCH(read),
                      &HWY_DYNAMIC_DISPATCH(write), &HWY_DYNAMIC_DISPATCH(copy),
                      &HWY_DYNAMIC_DISPATCH(product)};
  // The CPU's own choice again.
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return probes;
}

double measure_clock() {
  constexpr int64_t kLinks = 400'000;
  double best = 0;
  for (int repetition = 0; repetition < 5; ++repetition) {
    const auto begin = std::chrono::steady_clock::now();
    uint64_t value = 1;
    for (int64_t i = 0; i < kLinks; i += 8) {
      // The empty assembly hides each sum, so that the chain is not folded into one addition.
#define PRONGHORN_LINK \
  value += 3;          \
  asm volatile("" : "+r"(value))
      PRONGHORN_LINK;
      PRONGHORN_LINK;
      PRONGHORN_LINK;
      PRONGHORN_LINK;
      PRONGHORN_LINK;
      PRONGHORN_LINK;
      PRONGHORN_LINK;
      PRONGHORN_LINK;
#undef PRONGHORN_LINK
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    best = std::max(best, static_cast<double>(kLinks) / seconds.count());
  }
  return best;
}

}  // namespace pronghorn::cost

#endif  // HWY_ONCE
