#include "graph/ops/noise.h"

#include "base/normal_quantile.h"
#include "base/philox.h"
#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

struct Loops {
  graph::NoiseGeometry g;

  explicit Loops(const KernelCase& kernel_case)
      : g(graph::noise_geometry(kernel_case.graph, kernel_case.op)) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext& context) const {
    const RandomStream random(context.seed, g.stream, context.step);
    for (int64_t o = 0; o < g.outer; ++o)
      for (int64_t i = 0; i < g.inner; ++i) {
        const auto draw = static_cast<uint64_t>(o * g.inner + i);
        T factor, addend;
        if (g.normal) {
          const double n =
              normal_quantile((static_cast<double>(random.word(draw) >> 8) + 0.5) * 0x1p-24);
          factor = static_cast<T>(1 + g.factor_deviation * n);
          addend = static_cast<T>(g.addend_deviation * n);
        } else {
          // The comparison is one of floats, so that every kernel keeps the same elements.
          const bool kept = random.uniform(draw) >= static_cast<float>(g.rate);
          factor = static_cast<T>(kept ? g.factor : 0);
          addend = static_cast<T>(kept ? g.kept_addend : g.dropped_addend);
        }
        for (int64_t e = 0; e < g.extent; ++e) {
          const int64_t at = (o * g.extent + e) * g.inner + i;
          output<T>(buffers, 0)[at] = input<T>(buffers, 0)[at] * factor + addend;
        }
      }
  }
};

}  // namespace

const ReferenceImplementation& noise() {
  static const LoopImplementation<Loops> implementation("reference.noise");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
