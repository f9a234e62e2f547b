#include "graph/ops/conv2d_max_pool2d_backward.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/conv2d_max_pool2d_backward_weights.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/simd/nonzero-inl.h"
#include "kernels/simd/unroll.h"

#ifndef PRONGHORN_KERNELS_SIMD_CONV2D_MAX_POOL2D_BACKWARD_WEIGHTS_ONCE_
#define PRONGHORN_KERNELS_SIMD_CONV2D_MAX_POOL2D_BACKWARD_WEIGHTS_ONCE_

namespace pronghorn::kernels::simd {

// A gradient that is not zero, and where its patch of the input begins, in floats from the begin of
// a channel.
struct GradientEntry {
  int32_t place;
  float value;
};

// Of one image, by output channel.
struct GradientLists {
  GradientEntry* entries;  // `capacity` for each channel
  int32_t* counts;
  int64_t channels;
  int64_t capacity;
};

}  // namespace pronghorn::kernels::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

constexpr int kTaps = 9;

// Makes the lists, by channel, of the gradients in rows [first, last) of windows that are not zero.
void collect(const PooledGradient& gradient, int64_t first, int64_t last, int64_t width,
             const ImageView& src, GradientLists& lists) {
  const auto row = static_cast<int32_t>(src.row), pixel = static_cast<int32_t>(src.pixel);
  const int32_t places[4] = {0, pixel, row, row + pixel};
  std::fill(lists.counts, lists.counts + lists.channels, 0);
  for (int64_t block = 0; block < lists.channels; block += 16) {
    const float* const of_values = gradient.values.channel(block);
    const uint8_t* const of_winners = gradient.winners.channel(block);
    for (int64_t y = first; y < last; ++y)
      for (int64_t x = 0; x < width; ++x) {
        const float* const values = of_values + y * gradient.values.row + x * gradient.values.pixel;
        const uint8_t* const winners =
            of_winners + y * gradient.winners.row + x * gradient.winners.pixel;
        const uint64_t mask = nonzero_mask(values);
        const auto corner = static_cast<int32_t>(2 * (y * src.row + x * src.pixel));
        // Every channel writes; only what is not zero stays. Which are, no branch could foresee.
        PRONGHORN_UNROLL
        for (int64_t i = 0; i < 16; ++i) {
          int32_t& count = lists.counts[block + i];
          lists.entries[(block + i) * lists.capacity + count] = {corner + places[winners[i]],
                                                                 values[i]};
          count += static_cast<int32_t>(mask >> i & 1);
        }
      }
  }
}

// Adds one channel's gradients times the input patches at their places to its kernel's gradient,
// [tap][input channel]. The taps of `Vectors` vectors of input channels stay in registers: 18 of
// AVX-512's and NEON's 32, 9 of AVX2's 16.
template <int Vectors>
HWY_INLINE void add_products(const GradientEntry* HWY_RESTRICT entries, int64_t count,
                             const float* const (&src)[Vectors], int64_t row, int64_t pixel,
                             int64_t channels, float* HWY_RESTRICT diff_weights) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sum[3][3][Vectors];
  PRONGHORN_UNROLL
  for (int i = 0; i < 3; ++i) PRONGHORN_UNROLL
  for (int j = 0; j < 3; ++j) PRONGHORN_UNROLL
  for (int v = 0; v < Vectors; ++v)
    sum[i][j][v] = hn::LoadU(d, diff_weights + (3 * i + j) * channels + v * lanes);
  for (int64_t e = 0; e < count; ++e) {
    const V gradient = hn::Set(d, entries[e].value);
    PRONGHORN_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      const float* line = src[v] + entries[e].place;
      PRONGHORN_UNROLL
      for (int i = 0; i < 3; ++i) {
        sum[i][0][v] = hn::MulAdd(gradient, hn::LoadU(d, line), sum[i][0][v]);
        sum[i][1][v] = hn::MulAdd(gradient, hn::LoadU(d, line + pixel), sum[i][1][v]);
        sum[i][2][v] = hn::MulAdd(gradient, hn::LoadU(d, line + 2 * pixel), sum[i][2][v]);
        line += row;
#if HWY_ARCH_X86
        // Else the compiler keeps nine offsets, for which there are not registers enough.
        asm("" : "+r"(line));
#endif
      }
    }
  }
  PRONGHORN_UNROLL
  for (int i = 0; i < 3; ++i) PRONGHORN_UNROLL
  for (int j = 0; j < 3; ++j) PRONGHORN_UNROLL
  for (int v = 0; v < Vectors; ++v)
    hn::StoreU(sum[i][j][v], d, diff_weights + (3 * i + j) * channels + v * lanes);
}

// What the gradients of the lists add to that of the weights, [output channel][tap][input channel].
void add_weight_gradient(const ImageView& src, int64_t channels, const GradientLists& lists,
                         float* diff_weights, float* diff_bias) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  constexpr bool kManyRegisters = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON;
  for (int64_t o = 0; o < lists.channels; ++o) {
    const GradientEntry* const entries = lists.entries + o * lists.capacity;
    const int64_t count = lists.counts[o];
    float* const weights = diff_weights + o * kTaps * channels;
    int64_t c = 0;
    if (kManyRegisters)
      for (; c + 2 * lanes <= channels; c += 2 * lanes)
        add_products<2>(entries, count, {src.channel(c), src.channel(c + lanes)}, src.row,
                        src.pixel, channels, weights + c);
    for (; c + lanes <= channels; c += lanes)
      add_products<1>(entries, count, {src.channel(c)}, src.row, src.pixel, channels, weights + c);
    if (diff_bias != nullptr)
      for (int64_t e = 0; e < count; ++e) diff_bias[o] += entries[e].value;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <memory>

#include "kernels/simd/dispatch.h"
#include "platform/batch_slices.h"
#include "platform/reduction_tree.h"

namespace pronghorn::kernels::simd {
namespace {

using graph::Conv2dGeometry;
using graph::Layout;

HWY_EXPORT(collect);
HWY_EXPORT(add_weight_gradient);

class WeightGradient final : public Kernel {
 public:
  explicit WeightGradient(const KernelCase& kernel_case)
      : g_(conv2d_geometry(kernel_case.graph, kernel_case.op)),
        pooling_(graph::pooling_geometry(kernel_case.graph, kernel_case.op)),
        src_value_(kernel_case.input(0)),
        diff_dst_value_(kernel_case.input(1)),
        winners_value_(kernel_case.input(2)),
        slices_(g_.batch),
        threads_(kernel_case.threads),
        bias_(kernel_case.op.attributes.has("bias")),
        padded_(src_value_, g_.out_height + 2, g_.out_width + 2, g_.window.padding.top,
                g_.window.padding.left) {
    choose_target();
    collect_ = HWY_DYNAMIC_DISPATCH(collect);
    add_ = HWY_DYNAMIC_DISPATCH(add_weight_gradient);
  }

  size_t workspace_bytes() const override {
    return static_cast<size_t>(slices_.count() * partial_floats() + threads_ * scratch_floats()) *
           sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    diff_dst_ = buffers.input(1);
    winners_ = reinterpret_cast<const uint8_t*>(buffers.inputs[2]);
    diff_weights_ = buffers.output(0);
    if (bias_) diff_bias_ = buffers.output(1);
    partials_ = reinterpret_cast<float*>(buffers.workspace);
  }

  void run(const RunContext& context) override {
    context.parallel.for_each(slices_.count(),
                              [&](int64_t slice, int thread) { run_slice(slice, thread); });
    float* const sum = partials_;
    tree_sum(context.parallel, partials_, slices_.count(), partial_floats(), partial_floats(), sum);
    // To Keras's (3, 3, in, out).
    for (int64_t o = 0; o < g_.out_channels; ++o)
      for (int64_t i = 0; i < 9 * g_.channels; ++i)
        diff_weights_[i * g_.out_channels + o] = sum[o * 9 * g_.channels + i];
    if (bias_) std::copy_n(sum + weights_floats(), g_.out_channels, diff_bias_);
  }

 private:
  int64_t weights_floats() const { return 9 * g_.channels * g_.out_channels; }
  int64_t partial_floats() const { return whole_lines(weights_floats() + g_.out_channels); }
  // Rows of windows whose part of the source, which every output channel walks over, fits L1.
  int64_t band_rows() const {
    constexpr int64_t kBytes = 28 << 10, kMostChannels = 32;
    const int64_t row_bytes = 4 * (g_.out_width + 2) * std::min(g_.channels, kMostChannels);
    return std::max<int64_t>(1, (kBytes / row_bytes - 2) / 2);
  }
  // And one place more, for what is written and does not stay.
  int64_t positions() const { return band_rows() * pooling_.out_width + 1; }
  int64_t lists_floats() const {
    return whole_lines(g_.out_channels) + whole_lines(g_.out_channels * positions() * 2);
  }
  int64_t scratch_floats() const { return lists_floats() + whole_lines(padded_.elements()); }

  void run_slice(int64_t slice, int thread) const {
    float* const scratch =
        partials_ + slices_.count() * partial_floats() + thread * scratch_floats();
    GradientLists lists{reinterpret_cast<GradientEntry*>(scratch + whole_lines(g_.out_channels)),
                        reinterpret_cast<int32_t*>(scratch), g_.out_channels, positions()};
    float* const around = scratch + lists_floats();
    float* const partial = partials_ + slice * partial_floats();
    std::fill(partial, partial + partial_floats(), 0.0f);
    if (padded_.needed()) padded_.clear(around);
    for (int64_t image = slices_.begin(slice); image < slices_.end(slice); ++image) {
      ImageView src = image_view(src_, src_value_, image);
      if (padded_.needed()) {
        const ImageView padded = padded_.view(around);
        padded_.for_rows(src, padded, [](const float* of_image, float* of_padded, int64_t floats) {
          std::copy_n(of_image, floats, of_padded);
        });
        src = padded;
      }
      const PooledGradient gradient{image_view(diff_dst_, diff_dst_value_, image),
                                    image_view(winners_, winners_value_, image)};
      for (int64_t row = 0; row < pooling_.out_height; row += band_rows()) {
        collect_(gradient, row, std::min(pooling_.out_height, row + band_rows()),
                 pooling_.out_width, src, lists);
        add_(src, g_.channels, lists, partial, bias_ ? partial + weights_floats() : nullptr);
      }
    }
  }

  Conv2dGeometry g_;
  graph::Pool2dGeometry pooling_;
  graph::Value src_value_, diff_dst_value_, winners_value_;
  BatchSlices slices_;
  int threads_;
  bool bias_;
  PaddedImage padded_;
  decltype(&HWY_STATIC_DISPATCH(collect)) collect_;
  decltype(&HWY_STATIC_DISPATCH(add_weight_gradient)) add_;
  float* src_ = nullptr;
  float* diff_dst_ = nullptr;
  const uint8_t* winners_ = nullptr;
  float* diff_weights_ = nullptr;
  float* diff_bias_ = nullptr;
  float* partials_ = nullptr;
};

class PooledWeightGradient final : public PooledGradientImplementation {
 public:
  std::string_view name() const override {
    return "simd.conv2d_max_pool2d_backward_weights.sparse";
  }

  OpLayouts layouts(const KernelCase& kernel_case,
                    std::span<const Layout> arriving) const override {
    OpLayouts layouts = Implementation::layouts(kernel_case, arriving);
    for (size_t i = 0; i < 3; ++i) layouts.inputs[i] = own(arriving[i]);
    return layouts;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<WeightGradient>(kernel_case);
  }
};

}  // namespace

const Implementation& conv2d_max_pool2d_backward_weights() {
  static const PooledWeightGradient implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
