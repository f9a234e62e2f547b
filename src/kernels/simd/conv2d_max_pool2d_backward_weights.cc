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

// The gradients that are not zero, of some windows of an image, by output channel, and where the
// patch of each begins, in floats from the begin of a channel of the input.
struct GradientLists {
  float* values;  // `capacity` for each channel
  int32_t* places;
  int32_t* counts;
  int64_t channels;
  int64_t capacity;
};

// Memory that is read later, asked for in `parts` calls. The products last so long that the next
// image, from L3 or farther, is near when its turn comes; its gradients are read in steps of whole
// pixels, which no CPU foresees.
class Prefetch {
 public:
  Prefetch() = default;
  Prefetch(const void* begin, int64_t bytes, int64_t parts)
      : at_(static_cast<const char*>(begin)), lines_(bytes / 64), parts_(parts) {}

  void advance() {
    for (due_ += lines_; due_ >= parts_; due_ -= parts_, at_ += 64) __builtin_prefetch(at_, 0, 2);
  }

 private:
  const char* at_ = nullptr;
  int64_t lines_ = 0, parts_ = 1, due_ = 0;
};

// Of the next image.
struct NextImage {
  Prefetch src, gradients, winners;

  void advance() {
    src.advance();
    gradients.advance();
    winners.advance();
  }
};

}  // namespace pronghorn::kernels::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

constexpr int kTaps = 9;

constexpr int64_t kLanes = hn::MaxLanes(D());

// Rows to columns: in each of log2 kLanes rounds the number of a row's and of a column's bits, one
// after the other, is rotated by one.
HWY_INLINE void transpose(V (&rows)[kLanes]) {
#if HWY_TARGET != HWY_SCALAR
  const D d;
  PRONGHORN_UNROLL
  for (int64_t round = 1; round < kLanes; round *= 2) {
    V to[kLanes];
    PRONGHORN_UNROLL
    for (int64_t i = 0; i < kLanes / 2; ++i) {
      to[i] = hn::ConcatEven(d, rows[2 * i + 1], rows[2 * i]);
      to[i + kLanes / 2] = hn::ConcatOdd(d, rows[2 * i + 1], rows[2 * i]);
    }
    PRONGHORN_UNROLL
    for (int64_t i = 0; i < kLanes; ++i) rows[i] = to[i];
  }
#else
  (void)rows;  // one lane
#endif
}

// Some windows side by side: as many as a vector has lanes, or the last few.
struct WindowGroup {
  int64_t count;
  int64_t values[kLanes], winners[kLanes];  // from the first window's
  // Where a window's patch begins, if its first element won; in floats.
  HWY_ALIGN int32_t corners[kLanes] = {};
};

// Makes the lists of the gradients in rows [first, last) of windows, and adds all to the bias's
// gradient. The windows of a group are turned, so that what is zero can be squeezed out of a vector
// of one channel.
void collect(const PooledGradient& gradient, int64_t first, int64_t last, int64_t width,
             const ImageView& src, const GradientLists& lists, float* diff_bias) {
  const D d;
  const hn::RebindToSigned<D> di;
  const hn::Rebind<uint8_t, D> d8;
  using Place = hn::Vec<decltype(di)>;
  const Place row = hn::Set(di, static_cast<int32_t>(src.row));
  const Place pixel = hn::Set(di, static_cast<int32_t>(src.pixel));
  std::fill(lists.counts, lists.counts + lists.channels, 0);
  WindowGroup group;
  int64_t y = first, x = 0;
  while (y < last) {
    for (group.count = 0; group.count < kLanes && y < last; ++group.count) {
      group.values[group.count] = y * gradient.values.row + x * gradient.values.pixel;
      group.winners[group.count] = y * gradient.winners.row + x * gradient.winners.pixel;
      group.corners[group.count] = static_cast<int32_t>(2 * (y * src.row + x * src.pixel));
      if (++x < width) continue;
      x = 0;
      ++y;
    }
    const Place corners = hn::Load(di, group.corners);
    for (int64_t c = 0; c < lists.channels; c += kLanes) {
      const float* const values = gradient.values.channel(c);
      const uint8_t* const winners = gradient.winners.channel(c);
      // [window], then [channel].
      V rows[kLanes];
      V sum = hn::Zero(d);
      PRONGHORN_UNROLL
      for (int64_t i = 0; i < kLanes; ++i) {
        rows[i] = i < group.count ? hn::LoadU(d, values + group.values[i]) : hn::Zero(d);
        sum = hn::Add(sum, rows[i]);
      }
      if (diff_bias != nullptr)
        hn::StoreU(hn::Add(hn::LoadU(d, diff_bias + c), sum), d, diff_bias + c);
      transpose(rows);
      hn::Mask<D> nonzero[kLanes];
      PRONGHORN_UNROLL
      for (int64_t i = 0; i < kLanes; ++i) {
        // Not Ne, which is false of NaN here and there.
        nonzero[i] = hn::Not(hn::Eq(rows[i], hn::Zero(d)));
        const int64_t end = (c + i) * lists.capacity + lists.counts[c + i];
        hn::StoreU(hn::Compress(rows[i], nonzero[i]), d, lists.values + end);
      }
      PRONGHORN_UNROLL
      for (int64_t i = 0; i < kLanes; ++i) {
        const int64_t window = i < group.count ? group.winners[i] : group.winners[0];
        rows[i] = hn::BitCast(d, hn::PromoteTo(di, hn::LoadU(d8, winners + window)));
      }
      transpose(rows);
      PRONGHORN_UNROLL
      for (int64_t i = 0; i < kLanes; ++i) {
        // Its lowest bit is the column, the next one the row, each a mask when it is negated.
        const Place winner = hn::BitCast(di, rows[i]);
        const Place right = hn::Neg(hn::And(winner, hn::Set(di, 1)));
        const Place lower = hn::Neg(hn::ShiftRight<1>(winner));
        const Place in_window = hn::Add(hn::And(right, pixel), hn::And(lower, row));
        const V place = hn::BitCast(d, hn::Add(corners, in_window));
        int32_t& count = lists.counts[c + i];
        const int64_t end = (c + i) * lists.capacity + count;
        hn::StoreU(hn::BitCast(di, hn::Compress(place, nonzero[i])), di, lists.places + end);
        count += static_cast<int32_t>(hn::CountTrue(d, nonzero[i]));
      }
    }
  }
}

// Adds one channel's gradients times the input patches at their places to its kernel's gradient,
// [tap][input channel]. The taps of `Vectors` vectors of input channels stay in registers: 18 of
// AVX-512's and NEON's 32, 9 of AVX2's 16.
template <int Vectors>
HWY_INLINE void add_products(const float* HWY_RESTRICT values, const int32_t* HWY_RESTRICT places,
                             int64_t count, const float* const (&src)[Vectors], int64_t row,
                             int64_t pixel, int64_t channels, float* HWY_RESTRICT diff_weights) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sum[3][3][Vectors];
  PRONGHORN_UNROLL
  for (int i = 0; i < 3; ++i) PRONGHORN_UNROLL
  for (int j = 0; j < 3; ++j) PRONGHORN_UNROLL
  for (int v = 0; v < Vectors; ++v)
    sum[i][j][v] = hn::LoadU(d, diff_weights + (3 * i + j) * channels + v * lanes);
  for (int64_t e = 0; e < count; ++e) {
    const V gradient = hn::Set(d, values[e]);
    PRONGHORN_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      const float* line = src[v] + places[e];
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
                         float* diff_weights, NextImage& next) {
  constexpr bool kManyRegisters = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON;
  for (int64_t o = 0; o < lists.channels; ++o) {
    const float* const values = lists.values + o * lists.capacity;
    const int32_t* const places = lists.places + o * lists.capacity;
    const int64_t count = lists.counts[o];
    float* const weights = diff_weights + o * kTaps * channels;
    next.advance();
    int64_t c = 0;
    if (kManyRegisters)
      for (; c + 2 * kLanes <= channels; c += 2 * kLanes)
        add_products<2>(values, places, count, {src.channel(c), src.channel(c + kLanes)}, src.row,
                        src.pixel, channels, weights + c);
    for (; c + kLanes <= channels; c += kLanes)
      add_products<1>(values, places, count, {src.channel(c)}, src.row, src.pixel, channels,
                      weights + c);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <memory>

#include "kernels/simd/dispatch.h"
#include "kernels/sliced_kernel.h"
#include "platform/reduction_tree.h"

namespace pronghorn::kernels::simd {
namespace {

using graph::Conv2dGeometry;
using graph::Layout;

HWY_EXPORT(collect);
HWY_EXPORT(add_weight_gradient);

class WeightGradient final : public SlicedKernel {
 public:
  explicit WeightGradient(const KernelCase& kernel_case)
      : SlicedKernel(kernel_case, weight_gradient_slices(kernel_case), {.inputs = 3, .outputs = 0}),
        g_(conv2d_geometry(kernel_case.graph, kernel_case.op)),
        pooling_(graph::pooling_geometry(kernel_case.graph, kernel_case.op)),
        src_value_(kernel_case.input(0)),
        diff_dst_value_(kernel_case.input(1)),
        winners_value_(kernel_case.input(2)),
        threads_(kernel_case.threads),
        bias_(kernel_case.op.attributes.has("bias")),
        padded_(src_value_, g_.out_height + 2, g_.out_width + 2, g_.window.padding.top,
                g_.window.padding.left) {
    choose_target();
    collect_ = HWY_DYNAMIC_DISPATCH(collect);
    add_ = HWY_DYNAMIC_DISPATCH(add_weight_gradient);
  }

  size_t workspace_bytes() const override {
    return static_cast<size_t>(slices().count() * partial_floats() + threads_ * scratch_floats()) *
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

  void run_slice(const RunContext&, int64_t slice, int thread) override {
    float* const scratch =
        partials_ + slices().count() * partial_floats() + thread * scratch_floats();
    float* const list_values = scratch + whole_lines(g_.out_channels);
    const GradientLists lists{
        list_values,
        reinterpret_cast<int32_t*>(list_values + g_.out_channels * capacity()),
        reinterpret_cast<int32_t*>(scratch),
        g_.out_channels,
        capacity(),
    };
    float* const around = list_values + lists_floats();
    float* const partial = partials_ + slice * partial_floats();
    std::fill(partial, partial + partial_floats(), 0.0f);
    if (padded_.needed()) padded_.clear(around);
    for (int64_t image = slices().begin(slice); image < slices().end(slice); ++image) {
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
      NextImage next = image + 1 < slices().end(slice) ? next_image(image + 1) : NextImage();
      for (int64_t row = 0; row < pooling_.out_height; row += band_rows()) {
        collect_(gradient, row, std::min(pooling_.out_height, row + band_rows()),
                 pooling_.out_width, src, lists, bias_ ? partial + weights_floats() : nullptr);
        add_(src, g_.channels, lists, partial, next);
      }
    }
  }

  void end(const RunContext& context) override {
    float* const sum = partials_;
    tree_sum(context.parallel, partials_, slices().count(), partial_floats(), partial_floats(),
             sum);
    // To Keras's (3, 3, in, out).
    for (int64_t o = 0; o < g_.out_channels; ++o)
      for (int64_t i = 0; i < 9 * g_.channels; ++i)
        diff_weights_[i * g_.out_channels + o] = sum[o * 9 * g_.channels + i];
    if (bias_) std::copy_n(sum + weights_floats(), g_.out_channels, diff_bias_);
  }

 private:
  int64_t weights_floats() const { return 9 * g_.channels * g_.out_channels; }
  int64_t partial_floats() const { return whole_lines(weights_floats() + g_.out_channels); }
  // Rows of windows whose part of the source, which every output channel walks over, fits L1, or
  // nearly: the next channel's sums don't wait for what must come from L2.
  int64_t band_rows() const {
    constexpr int64_t kBytes = 34 << 10, kMostChannels = 32;
    const int64_t row_bytes = 4 * (g_.out_width + 2) * std::min(g_.channels, kMostChannels);
    return std::max<int64_t>(1, (kBytes / row_bytes - 2) / 2);
  }
  int64_t bands() const { return (pooling_.out_height + band_rows() - 1) / band_rows(); }
  // And a vector more, of which all is written and a part stays.
  int64_t capacity() const { return whole_lines(band_rows() * pooling_.out_width + 16); }
  int64_t lists_floats() const { return g_.out_channels * 2 * capacity(); }
  int64_t scratch_floats() const {
    return whole_lines(g_.out_channels) + lists_floats() + whole_lines(padded_.elements());
  }

  NextImage next_image(int64_t image) const {
    const int64_t src = g_.height * g_.width * g_.channels;
    const int64_t pooled = pooling_.out_height * pooling_.out_width * g_.out_channels;
    const int64_t parts = bands() * g_.out_channels;
    return {{src_ + image * src, 4 * src, parts},
            {diff_dst_ + image * pooled, 4 * pooled, parts},
            {winners_ + image * pooled, pooled, parts}};
  }

  Conv2dGeometry g_;
  graph::Pool2dGeometry pooling_;
  graph::Value src_value_, diff_dst_value_, winners_value_;
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
