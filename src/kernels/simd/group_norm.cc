#include "graph/ops/group_norm.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/group_norm.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#ifndef PRONGHORN_KERNELS_SIMD_GROUP_NORM_ONCE
#define PRONGHORN_KERNELS_SIMD_GROUP_NORM_ONCE
namespace pronghorn::kernels::simd {

struct GroupNormForward {
  graph::GroupNormGeometry g;
  const float* src = nullptr;
  const float* gamma = nullptr;  // ones where there is none
  const float* beta = nullptr;   // zeros
  float* dst = nullptr;
  float* means = nullptr;
  float* inverses = nullptr;
};

struct GroupNormBackward {
  graph::GroupNormGeometry g;
  const float* src = nullptr;
  const float* diff_dst = nullptr;
  const float* means = nullptr;
  const float* inverses = nullptr;
  const float* gamma = nullptr;
  float* diff_src = nullptr;
};

}  // namespace pronghorn::kernels::simd
#endif

#include <algorithm>
#include <cmath>

#include "kernels/simd/panels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

// Rows of one group: a row passes three times through registers while it lies in L1.
void normalize_rows(const GroupNormForward& a, int64_t first, int64_t last) {
  const auto columns = static_cast<size_t>(a.g.channels);
  const V share = hn::Set(D(), 1.0f / static_cast<float>(columns));
  for (int64_t row = first; row < last; ++row) {
    const float* src = a.src + row * a.g.channels;
    float* dst = a.dst + row * a.g.channels;
    const V mean =
        hn::Mul(share, sum_of_parts(columns, [&](auto part) HWY_ATTR { return part.load(src); }));
    const V variance = hn::Mul(share, sum_of_parts(columns, [&](auto part) HWY_ATTR {
                                 const V centered = hn::Sub(part.load(src), mean);
                                 return hn::Mul(centered, centered);
                               }));
    const float inverse = 1 / std::sqrt(hn::GetLane(variance) + static_cast<float>(a.g.epsilon));
    const V factor = hn::Set(D(), inverse);
    for_parts(columns, [&](auto part) HWY_ATTR {
      const V normalized = hn::Mul(hn::Sub(part.load(src), mean), factor);
      part.store(hn::MulAdd(normalized, part.load(a.gamma), part.load(a.beta)), dst);
    });
    a.means[row] = hn::GetLane(mean);
    a.inverses[row] = inverse;
  }
}

// Adds the rows' part of the gradients to gamma and beta to `sums`, two rows of channels.
void normalize_rows_backward(const GroupNormBackward& a, int64_t first, int64_t last, float* sums) {
  const auto columns = static_cast<size_t>(a.g.channels);
  const float share = 1.0f / static_cast<float>(columns);
  float* diff_gamma = sums;
  float* diff_beta = sums + columns;
  for (int64_t row = first; row < last; ++row) {
    const float* src = a.src + row * a.g.channels;
    const float* diff_dst = a.diff_dst + row * a.g.channels;
    float* diff_src = a.diff_src + row * a.g.channels;
    const V mean = hn::Set(D(), a.means[row]), inverse = hn::Set(D(), a.inverses[row]);
    V product = hn::Zero(D());
    const V sum = sum_of_parts(columns, [&](auto part) HWY_ATTR {
      const V diff = part.load(diff_dst);
      const V normalized = hn::Mul(hn::Sub(part.load(src), mean), inverse);
      const V scaled = hn::Mul(diff, part.load(a.gamma));
      part.store(hn::Add(part.load(diff_beta), diff), diff_beta);
      part.store(hn::MulAdd(diff, normalized, part.load(diff_gamma)), diff_gamma);
      product = hn::Add(product, part.or_else(hn::Mul(scaled, normalized), hn::Zero(D())));
      return scaled;
    });
    const V mean_diff = hn::Mul(sum, hn::Set(D(), share));
    const V mean_product = hn::Mul(hn::SumOfLanes(D(), product), hn::Set(D(), share));
    for_parts(columns, [&](auto part) HWY_ATTR {
      const V normalized = hn::Mul(hn::Sub(part.load(src), mean), inverse);
      const V scaled = hn::Mul(part.load(diff_dst), part.load(a.gamma));
      const V rest = hn::NegMulAdd(normalized, mean_product, hn::Sub(scaled, mean_diff));
      part.store(hn::Mul(inverse, rest), diff_src);
    });
  }
}

// The sums of each group's channels, in their order.
HWY_INLINE float group_sum(const float* channels, int64_t group, int64_t group_channels) {
  float sum = 0;
  for (int64_t c = group * group_channels; c < (group + 1) * group_channels; ++c)
    sum += channels[c];
  return sum;
}

// Samples of many places: sums by channel, which vectors lie along, then by group. `space` holds
// three rows of channels.
void normalize_samples(const GroupNormForward& a, int64_t first, int64_t last, float* space) {
  const auto channels = static_cast<size_t>(a.g.channels);
  const int64_t group_channels = a.g.group_channels(), size = a.g.places * a.g.channels;
  const float share = 1.0f / static_cast<float>(a.g.places * group_channels);
  float* sums = space;
  float* means = space + channels;
  float* factors = means + channels;
  for (int64_t n = first; n < last; ++n) {
    const float* src = a.src + n * size;
    float* dst = a.dst + n * size;
    float* group_means = a.means + n * a.g.groups;
    float* inverses = a.inverses + n * a.g.groups;
    std::fill(sums, sums + channels, 0.0f);
    add_channel_sums<1>(a.g.places, channels, &sums, [&](size_t at, auto part, V* terms) HWY_ATTR {
      terms[0] = part.load(src + at);
    });
    for (int64_t group = 0; group < a.g.groups; ++group) {
      group_means[group] = group_sum(sums, group, group_channels) * share;
      std::fill_n(means + group * group_channels, group_channels, group_means[group]);
    }
    std::fill(sums, sums + channels, 0.0f);
    add_channel_sums<1>(a.g.places, channels, &sums, [&](size_t at, auto part, V* terms) HWY_ATTR {
      const V centered = hn::Sub(part.load(src + at), part.load(means));
      terms[0] = hn::Mul(centered, centered);
    });
    for (int64_t group = 0; group < a.g.groups; ++group) {
      const float variance = group_sum(sums, group, group_channels) * share;
      inverses[group] = 1 / std::sqrt(variance + static_cast<float>(a.g.epsilon));
      for (int64_t c = group * group_channels; c < (group + 1) * group_channels; ++c)
        factors[c] = inverses[group] * a.gamma[c];
    }
    const float* parameters[] = {means, factors, a.beta};
    for_panel<3>(a.g.places, channels, parameters,
                 [&](size_t at, auto part, const V* constants) HWY_ATTR {
                   const V centered = hn::Sub(part.load(src + at), constants[0]);
                   part.store(hn::MulAdd(centered, constants[1], constants[2]), dst + at);
                 });
  }
}

// `space` holds six rows of channels.
void normalize_samples_backward(const GroupNormBackward& a, int64_t first, int64_t last,
                                float* sums, float* space) {
  const auto channels = static_cast<size_t>(a.g.channels);
  const int64_t group_channels = a.g.group_channels(), size = a.g.places * a.g.channels;
  const float share = 1.0f / static_cast<float>(a.g.places * group_channels);
  float* means = space;
  float* inverses = means + channels;
  float* diff_gamma = inverses + channels;
  float* diff_beta = diff_gamma + channels;
  float* slopes = diff_beta + channels;
  float* offsets = slopes + channels;
  for (int64_t n = first; n < last; ++n) {
    const float* src = a.src + n * size;
    const float* diff_dst = a.diff_dst + n * size;
    float* diff_src = a.diff_src + n * size;
    for (int64_t group = 0; group < a.g.groups; ++group) {
      std::fill_n(means + group * group_channels, group_channels, a.means[n * a.g.groups + group]);
      std::fill_n(inverses + group * group_channels, group_channels,
                  a.inverses[n * a.g.groups + group]);
    }
    std::fill(diff_gamma, diff_gamma + 2 * channels, 0.0f);
    float* both[] = {diff_gamma, diff_beta};
    add_channel_sums<2>(a.g.places, channels, both, [&](size_t at, auto part, V* terms) HWY_ATTR {
      terms[1] = part.load(diff_dst + at);
      const V centered = hn::Sub(part.load(src + at), part.load(means));
      terms[0] = hn::Mul(terms[1], hn::Mul(centered, part.load(inverses)));
    });
    for (size_t c = 0; c < channels; ++c) {
      sums[c] += diff_gamma[c];
      sums[channels + c] += diff_beta[c];
      diff_gamma[c] *= a.gamma[c];
      diff_beta[c] *= a.gamma[c];
    }
    // diff_src = diff_dst gamma inverse - (src - mean) slope - offset
    for (int64_t group = 0; group < a.g.groups; ++group) {
      const float inverse = a.inverses[n * a.g.groups + group];
      const float slope = group_sum(diff_gamma, group, group_channels) * share * inverse * inverse;
      const float offset = group_sum(diff_beta, group, group_channels) * share * inverse;
      std::fill_n(slopes + group * group_channels, group_channels, slope);
      std::fill_n(offsets + group * group_channels, group_channels, offset);
    }
    for (size_t c = 0; c < channels; ++c) inverses[c] *= a.gamma[c];
    const float* parameters[] = {means, inverses, slopes, offsets};
    for_panel<4>(
        a.g.places, channels, parameters, [&](size_t at, auto part, const V* constants) HWY_ATTR {
          const V centered = hn::Sub(part.load(src + at), constants[0]);
          const V rest = hn::MulAdd(centered, constants[2], constants[3]);
          part.store(hn::MulSub(part.load(diff_dst + at), constants[1], rest), diff_src + at);
        });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/simd/dispatch.h"
#include "kernels/simd/workspace.h"
#include "platform/batch_slices.h"
#include "platform/reduction_tree.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(normalize_rows);
HWY_EXPORT(normalize_rows_backward);
HWY_EXPORT(normalize_samples);
HWY_EXPORT(normalize_samples_backward);

// Whether a sample's only group is a row.
bool is_rows(const graph::GroupNormGeometry& g) { return g.places == 1 && g.groups == 1; }

// Samples that a thread takes at a time: some 8192 elements.
int64_t grain(const graph::GroupNormGeometry& g) {
  return std::max<int64_t>(1, 8192 / (g.places * g.channels));
}

class ForwardKernel final : public Kernel {
 public:
  explicit ForwardKernel(const KernelCase& kernel_case)
      : arguments_{.g = graph::group_norm_geometry(kernel_case.graph, kernel_case.op)},
        ones_(static_cast<size_t>(arguments_.g.channels), 1.0f),
        zeros_(static_cast<size_t>(arguments_.g.channels)),
        threads_(kernel_case.threads) {
    choose_target();
    rows_ = &HWY_DYNAMIC_DISPATCH(normalize_rows);
    samples_ = &HWY_DYNAMIC_DISPATCH(normalize_samples);
  }

  size_t workspace_bytes() const override {
    return static_cast<size_t>(threads_ * space_floats()) * sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    const graph::GroupNormGeometry& g = arguments_.g;
    arguments_.src = buffers.input(0);
    arguments_.gamma = g.scale ? buffers.input(g.gamma) : ones_.data();
    arguments_.beta = g.center ? buffers.input(g.beta) : zeros_.data();
    arguments_.dst = buffers.output(0);
    arguments_.means = buffers.output(1);
    arguments_.inverses = buffers.output(2);
    space_ = reinterpret_cast<float*>(buffers.workspace);
  }

  void run(const RunContext& context) override {
    const graph::GroupNormGeometry& g = arguments_.g;
    const int64_t step = grain(g);
    context.parallel.for_each((g.samples + step - 1) / step, [&](int64_t task, int thread) {
      const int64_t first = task * step, last = std::min(g.samples, first + step);
      if (is_rows(g))
        rows_(arguments_, first, last);
      else
        samples_(arguments_, first, last, space_ + thread * space_floats());
    });
  }

 private:
  int64_t space_floats() const { return whole_lines(3 * arguments_.g.channels); }

  GroupNormForward arguments_;
  std::vector<float> ones_, zeros_;
  int64_t threads_;
  void (*rows_)(const GroupNormForward&, int64_t first, int64_t last);
  void (*samples_)(const GroupNormForward&, int64_t first, int64_t last, float* space);
  float* space_ = nullptr;
};

class BackwardKernel final : public Kernel {
 public:
  explicit BackwardKernel(const KernelCase& kernel_case)
      : arguments_{.g = graph::group_norm_geometry(kernel_case.graph, kernel_case.op)},
        ones_(static_cast<size_t>(arguments_.g.channels), 1.0f),
        slices_(arguments_.g.samples) {
    choose_target();
    rows_ = &HWY_DYNAMIC_DISPATCH(normalize_rows_backward);
    samples_ = &HWY_DYNAMIC_DISPATCH(normalize_samples_backward);
  }

  size_t workspace_bytes() const override {
    return static_cast<size_t>(slices_.count() * (sums_floats() + space_floats())) * sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    const graph::GroupNormGeometry& g = arguments_.g;
    arguments_.src = buffers.input(0);
    arguments_.diff_dst = buffers.input(1);
    arguments_.means = buffers.input(2);
    arguments_.inverses = buffers.input(3);
    arguments_.gamma = g.scale ? buffers.input(g.gamma) : ones_.data();
    arguments_.diff_src = buffers.output(0);
    diff_gamma_ = buffers.output(1);
    diff_beta_ = buffers.output(2);
    sums_ = reinterpret_cast<float*>(buffers.workspace);
    space_ = sums_ + slices_.count() * sums_floats();
  }

  void run(const RunContext& context) override {
    const graph::GroupNormGeometry& g = arguments_.g;
    context.parallel.for_each(slices_.count(), [&](int64_t slice, int) {
      float* sums = sums_ + slice * sums_floats();
      std::fill(sums, sums + 2 * g.channels, 0.0f);
      if (is_rows(g))
        rows_(arguments_, slices_.begin(slice), slices_.end(slice), sums);
      else
        samples_(arguments_, slices_.begin(slice), slices_.end(slice), sums,
                 space_ + slice * space_floats());
    });
    tree_sum(context.parallel, sums_, slices_.count(), sums_floats(), g.channels, diff_gamma_);
    tree_sum(context.parallel, sums_ + g.channels, slices_.count(), sums_floats(), g.channels,
             diff_beta_);
  }

 private:
  int64_t sums_floats() const { return whole_lines(2 * arguments_.g.channels); }
  int64_t space_floats() const { return whole_lines(6 * arguments_.g.channels); }

  GroupNormBackward arguments_;
  std::vector<float> ones_;
  BatchSlices slices_;
  void (*rows_)(const GroupNormBackward&, int64_t first, int64_t last, float* sums);
  void (*samples_)(const GroupNormBackward&, int64_t first, int64_t last, float* sums,
                   float* space);
  float* diff_gamma_ = nullptr;
  float* diff_beta_ = nullptr;
  float* sums_ = nullptr;
  float* space_ = nullptr;
};

class Forward final : public Implementation {
 public:
  std::string_view name() const override { return "simd.group_norm"; }
  Family family() const override { return Family::kSimd; }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    const graph::GroupNormGeometry g =
        graph::group_norm_geometry(kernel_case.graph, kernel_case.op);
    execution.tasks = (g.samples + grain(g) - 1) / grain(g);
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<ForwardKernel>(kernel_case);
  }
};

class Backward final : public Implementation {
 public:
  std::string_view name() const override { return "simd.group_norm_backward"; }
  Family family() const override { return Family::kSimd; }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<BackwardKernel>(kernel_case);
  }
};

}  // namespace

const Implementation& group_norm() {
  static const Forward implementation;
  return implementation;
}
const Implementation& group_norm_backward() {
  static const Backward implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
