#include "graph/ops/noise.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/noise.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#ifndef PRONGHORN_KERNELS_SIMD_NOISE_ONCE
#define PRONGHORN_KERNELS_SIMD_NOISE_ONCE
namespace pronghorn::kernels::simd {

// Draws that are made at a time; they take 16 KiB, and so stay in the L1 cache.
constexpr int64_t kNoiseBlock = 1024;

}  // namespace pronghorn::kernels::simd
#endif

#include "kernels/simd/philox-inl.h"
#include "kernels/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

// The standard normal quantile of (1 + x) / 2: sqrt(2) erfinv(x). M. Giles, "Approximating the
// erfinv function", GPU Computing Gems 2 (2011), table 5; relative error about 4e-7.
HWY_INLINE V normal_quantile_of(V x) {
  const D d;
  const auto polynomial = [&](V w, std::initializer_list<float> coefficients) HWY_ATTR {
    V p = hn::Zero(d);
    for (const float coefficient : coefficients) p = hn::MulAdd(p, w, hn::Set(d, coefficient));
    return p;
  };
  const V one = hn::Set(d, 1.0f);
  const V w = hn::Neg(hn::Log(d, hn::Mul(hn::Sub(one, x), hn::Add(one, x))));
  const V middle =
      polynomial(hn::Sub(w, hn::Set(d, 2.5f)),
                 {2.81022636e-08f, 3.43273939e-07f, -3.5233877e-06f, -4.39150654e-06f,
                  0.00021858087f, -0.00125372503f, -0.00417768164f, 0.246640727f, 1.50140941f});
  const V tail =
      polynomial(hn::Sub(hn::Sqrt(w), hn::Set(d, 3.0f)),
                 {-0.000200214257f, 0.000100950558f, 0.00134934322f, -0.00367342844f,
                  0.00573950773f, -0.0076224613f, 0.00943887047f, 1.00167406f, 2.83297682f});
  const V p = hn::IfThenElse(hn::Lt(w, hn::Set(d, 5.0f)), middle, tail);
  return hn::Mul(hn::Mul(p, x), hn::Set(d, 1.41421356f));
}

// One block of draws of row `o`, and the elements that share them.
void add_noise(const graph::NoiseGeometry& g, const float* src, float* dst, int64_t o,
               int64_t first, int64_t count, const RunContext& context) {
  const D d;
  const hn::RebindToSigned<D> di;
  HWY_ALIGN uint32_t words[kNoiseBlock + 4 + kPhiloxOverrun];
  HWY_ALIGN float factors[kNoiseBlock + hn::MaxLanes(D())];
  HWY_ALIGN float addends[kNoiseBlock + hn::MaxLanes(D())];
  const auto draw = static_cast<uint64_t>(o * g.inner + first);
  const size_t skipped = draw % 4, draws = static_cast<size_t>(count);
  philox_words(RandomStream(context.seed, g.stream, context.step), draw / 4,
               (skipped + draws + 3) / 4, words);

  const auto* random = reinterpret_cast<const int32_t*>(words) + skipped;
  const V scale = hn::Set(d, 0x1p-24f), one = hn::Set(d, 1.0f);
  const V factor = hn::Set(d, static_cast<float>(g.normal ? g.factor_deviation : g.factor));
  const V addend = hn::Set(d, static_cast<float>(g.normal ? g.addend_deviation : g.kept_addend));
  const V dropped = hn::Set(d, static_cast<float>(g.dropped_addend));
  const V rate = hn::Set(d, static_cast<float>(g.rate));
  // Whole vectors: words and results have room behind the last.
  for (size_t i = 0; i < draws; i += hn::Lanes(d)) {
    const auto word = hn::BitCast(hn::RebindToUnsigned<D>(), hn::LoadU(di, random + i));
    const auto upper = hn::BitCast(di, hn::ShiftRight<8>(word));
    if (g.normal) {
      // 2 (k + 1/2) / 2^24 - 1 is a float exactly.
      const auto odd =
          hn::Sub(hn::Add(hn::Add(upper, upper), hn::Set(di, 1)), hn::Set(di, 1 << 24));
      const V n = normal_quantile_of(hn::Mul(hn::ConvertTo(d, odd), scale));
      hn::StoreU(hn::MulAdd(factor, n, one), d, factors + i);
      hn::StoreU(hn::Mul(addend, n), d, addends + i);
    } else {
      const auto kept = hn::Ge(hn::Mul(hn::ConvertTo(d, upper), scale), rate);
      hn::StoreU(hn::IfThenElseZero(kept, factor), d, factors + i);
      hn::StoreU(hn::IfThenElse(kept, addend, dropped), d, addends + i);
    }
  }
  for (int64_t e = 0; e < g.extent; ++e) {
    const int64_t at = (o * g.extent + e) * g.inner + first;
    for_parts(draws, [&](auto part) HWY_ATTR {
      part.store(hn::MulAdd(part.load(src + at), part.load(factors), part.load(addends)), dst + at);
    });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <memory>

#include "kernels/simd/dispatch.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(add_noise);

int64_t blocks(const graph::NoiseGeometry& g) { return (g.inner + kNoiseBlock - 1) / kNoiseBlock; }

class NoiseKernel final : public Kernel {
 public:
  explicit NoiseKernel(const KernelCase& kernel_case)
      : g_(graph::noise_geometry(kernel_case.graph, kernel_case.op)) {
    choose_target();
    add_ = &HWY_DYNAMIC_DISPATCH(add_noise);
  }

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    dst_ = buffers.output(0);
  }

  void run(const RunContext& context) override {
    // Small blocks by the dozen, so that few elements don't wake a team of threads.
    const int64_t each = blocks(g_);
    const int64_t grain =
        std::max<int64_t>(1, 16384 / (g_.extent * std::min(g_.inner, kNoiseBlock)));
    context.parallel.for_ranges(g_.outer * each, grain, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const int64_t first = block % each * kNoiseBlock;
        add_(g_, src_, dst_, block / each, first, std::min(kNoiseBlock, g_.inner - first), context);
      }
    });
  }

 private:
  graph::NoiseGeometry g_;
  void (*add_)(const graph::NoiseGeometry&, const float* src, float* dst, int64_t o, int64_t first,
               int64_t count, const RunContext&);
  const float* src_ = nullptr;
  float* dst_ = nullptr;
};

class NoiseImplementation final : public Implementation {
 public:
  std::string_view name() const override { return "simd.noise"; }
  Family family() const override { return Family::kSimd; }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    const graph::NoiseGeometry g = graph::noise_geometry(kernel_case.graph, kernel_case.op);
    execution.tasks = std::max<int64_t>(1, g.outer * g.extent * g.inner / 16384);
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<NoiseKernel>(kernel_case);
  }
};

}  // namespace

const Implementation& noise() {
  static const NoiseImplementation implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
