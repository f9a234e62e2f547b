#include "graph/ops/group_norm.h"

#include <cmath>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

// Calls visit(element, channel) for the elements of a sample's group.
template <class Visit>
void for_group(const graph::GroupNormGeometry& g, int64_t sample, int64_t group, Visit&& visit) {
  const int64_t first = group * g.group_channels();
  for (int64_t place = 0; place < g.places; ++place)
    for (int64_t c = first; c < first + g.group_channels(); ++c)
      visit((sample * g.places + place) * g.channels + c, c);
}

struct Forward {
  graph::GroupNormGeometry g;

  explicit Forward(const KernelCase& kernel_case)
      : g(graph::group_norm_geometry(kernel_case.graph, kernel_case.op)) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const T* src = input<T>(buffers, 0);
    const T* gamma = g.scale ? input<T>(buffers, g.gamma) : nullptr;
    const T* beta = g.center ? input<T>(buffers, g.beta) : nullptr;
    T* dst = output<T>(buffers, 0);
    const T count = static_cast<T>(g.places * g.group_channels());
    for (int64_t n = 0; n < g.samples; ++n)
      for (int64_t group = 0; group < g.groups; ++group) {
        T sum = 0, squares = 0;
        for_group(g, n, group, [&](int64_t i, int64_t) { sum += src[i]; });
        const T mean = sum / count;
        for_group(g, n, group,
                  [&](int64_t i, int64_t) { squares += (src[i] - mean) * (src[i] - mean); });
        const T inverse = 1 / std::sqrt(squares / count + static_cast<T>(g.epsilon));
        for_group(g, n, group, [&](int64_t i, int64_t c) {
          dst[i] = (src[i] - mean) * inverse * (gamma ? gamma[c] : T(1)) + (beta ? beta[c] : T(0));
        });
        output<T>(buffers, 1)[n * g.groups + group] = mean;
        output<T>(buffers, 2)[n * g.groups + group] = inverse;
      }
  }
};

struct Backward {
  graph::GroupNormGeometry g;

  explicit Backward(const KernelCase& kernel_case)
      : g(graph::group_norm_geometry(kernel_case.graph, kernel_case.op)) {}
  int64_t workspace_elements() const { return BatchSlices(g.samples).count() * g.channels; }

  template <class T>
  void run(const Buffers& buffers, const RunContext& context) const {
    const T* src = input<T>(buffers, 0);
    const T* diff_dst = input<T>(buffers, 1);
    const T* means = input<T>(buffers, 2);
    const T* inverses = input<T>(buffers, 3);
    const T* gamma = g.scale ? input<T>(buffers, g.gamma) : nullptr;
    const auto normalized = [&](int64_t n, int64_t group, int64_t i) {
      return (src[i] - means[n * g.groups + group]) * inverses[n * g.groups + group];
    };
    const auto sum_channels = [&](int index, auto&& term) {
      sum_over_batch(context, g.samples, g.channels, workspace<T>(buffers),
                     output<T>(buffers, index), [&](int64_t first, int64_t last, T* sums) {
                       for (int64_t n = first; n < last; ++n)
                         for (int64_t group = 0; group < g.groups; ++group)
                           for_group(g, n, group,
                                     [&](int64_t i, int64_t c) { sums[c] += term(n, group, i); });
                     });
    };
    // Before diff_src, which may share memory with diff_dst.
    sum_channels(1, [&](int64_t n, int64_t group, int64_t i) {
      return diff_dst[i] * normalized(n, group, i);
    });
    sum_channels(2, [&](int64_t, int64_t, int64_t i) { return diff_dst[i]; });

    T* diff_src = output<T>(buffers, 0);
    const T count = static_cast<T>(g.places * g.group_channels());
    for (int64_t n = 0; n < g.samples; ++n)
      for (int64_t group = 0; group < g.groups; ++group) {
        T sum = 0, product = 0;
        for_group(g, n, group, [&](int64_t i, int64_t c) {
          const T diff = diff_dst[i] * (gamma ? gamma[c] : T(1));
          sum += diff;
          product += diff * normalized(n, group, i);
        });
        const T inverse = inverses[n * g.groups + group];
        for_group(g, n, group, [&](int64_t i, int64_t c) {
          const T diff = diff_dst[i] * (gamma ? gamma[c] : T(1));
          diff_src[i] =
              inverse * (diff - sum / count - normalized(n, group, i) * (product / count));
        });
      }
  }
};

}  // namespace

const ReferenceImplementation& group_norm() {
  static const LoopImplementation<Forward> implementation("reference.group_norm");
  return implementation;
}
const ReferenceImplementation& group_norm_backward() {
  static const LoopImplementation<Backward> implementation("reference.group_norm_backward");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
