// The gradients of a 3x3 convolution whose output is max-pooled. Of each pooling window at most one
// element has a gradient, and none where relu cut the maximum, so three quarters and more of
// diff_dst are zero: these kernels go from one gradient that is not zero to the next. The sums are
// those of dense kernels in another order (SparseTrain: Gong et al., PACT 2020).

#include "graph/ops/conv2d.h"

#include <algorithm>
#include <cstring>

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/conv2d_sparse_gradient.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/sparse_image.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

constexpr int kTaps = 9;

// Which of 16 floats are not zero, the first in the lowest bit.
HWY_INLINE uint64_t nonzero_mask(const float* values) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  uint64_t mask = 0;
  const V zero = hn::Zero(d);
  for (int64_t i = 0; i < 16; i += lanes) {
    uint8_t bits[8];
    hn::StoreMaskBits(d, hn::Ne(hn::LoadU(d, values + i), zero), bits);
    // Byte by byte: a load wider than the store before it would wait for it.
    mask |= static_cast<uint64_t>(bits[0]) << i;
    if (lanes > 8) mask |= static_cast<uint64_t>(bits[1]) << (i + 8);
  }
  return mask;
}

// Of up to 64 channels, in blocks of 16, from `channel` on at one pixel.
HWY_INLINE uint64_t nonzero_mask(const ImageView& image, const float* pixel, int64_t channels) {
  uint64_t mask = 0;
  for (int64_t c = 0; c < channels; c += 16)
    mask |= nonzero_mask(pixel + c / 16 * image.block) << c;
  return mask;
}

// Makes the lists, by channel, of the gradients in rows [first, last) that are not zero.
void collect(const ImageView& diff_dst, int64_t first, int64_t last, int64_t width,
             const ImageView& src, GradientLists& lists) {
  std::fill(lists.counts, lists.counts + lists.channels, 0);
  for (int64_t block = 0; block < lists.channels; block += 16) {
    const float* const channel = diff_dst.channel(block);
    for (int64_t y = first; y < last; ++y)
      for (int64_t x = 0; x < width; ++x) {
        const float* const values = channel + y * diff_dst.row + x * diff_dst.pixel;
        const uint64_t mask = nonzero_mask(values);
        const auto place = static_cast<int32_t>(y * src.row + x * src.pixel);
        // Every channel writes; only what is not zero stays. Which are, no branch could foresee.
#pragma GCC unroll 16
        for (int64_t i = 0; i < 16; ++i) {
          int32_t& count = lists.counts[block + i];
          lists.entries[(block + i) * lists.capacity + count] = {place, values[i]};
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
#pragma GCC unroll 3
  for (int i = 0; i < 3; ++i)
#pragma GCC unroll 3
    for (int j = 0; j < 3; ++j)
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v)
        sum[i][j][v] = hn::LoadU(d, diff_weights + (3 * i + j) * channels + v * lanes);
  for (int64_t e = 0; e < count; ++e) {
    const V gradient = hn::Set(d, entries[e].value);
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) {
      const float* line = src[v] + entries[e].place;
#pragma GCC unroll 3
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
#pragma GCC unroll 3
  for (int i = 0; i < 3; ++i)
#pragma GCC unroll 3
    for (int j = 0; j < 3; ++j)
#pragma GCC unroll 2
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

// Adds what the gradients at one place of a 2x2 block of diff_dst, named by the bits of `mask`,
// send to the 4x4 patch of diff_src that the block covers.
template <int Y, int X>
HWY_INLINE void add_place(uint64_t mask, const float* values, int64_t block, const float* weights,
                          V (&patch)[4][4]) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  while (mask != 0) {
    const auto o = static_cast<int64_t>(hwy::Num0BitsBelowLS1Bit_Nonzero64(mask));
    mask &= mask - 1;
    const V gradient = hn::Set(d, values[o / 16 * block + o % 16]);
    const float* const taps = weights + o * kTaps * lanes;
#pragma GCC unroll 9
    for (int t = 0; t < kTaps; ++t)
      patch[Y + t / 3][X + t % 3] =
          hn::MulAdd(gradient, hn::LoadU(d, taps + t * lanes), patch[Y + t / 3][X + t % 3]);
  }
}

// One image's gradient to the data. `weights`: [vector of input channels][output
// channel][tap][lane]. diff_src is zero before, and as large as the patches of all 2x2 blocks
// together.
void add_data_gradient(const ImageView& diff_dst, int64_t height, int64_t width,
                       int64_t out_channels, const float* weights, const ImageView& diff_src,
                       int64_t channels) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  // Blocks side by side, and output channels, that are walked with one vector of input channels:
  // its weights stay near, and the loops over bits are long enough for their ends to be rare.
  constexpr int64_t kBlocks = 32, kChannels = 64;
  for (int64_t y = 0; y < height; y += 2)
    for (int64_t begin = 0; begin < width; begin += 2 * kBlocks)
      for (int64_t o = 0; o < out_channels; o += kChannels) {
        const int64_t count = std::min(kChannels, out_channels - o);
        const int64_t end = std::min(width, begin + 2 * kBlocks);
        const float* const corner = diff_dst.channel(o) + y * diff_dst.row;
        uint64_t masks[kBlocks][4] = {};
        for (int64_t x = begin; x < end; ++x)
          for (int64_t below = 0; below < std::min<int64_t>(2, height - y); ++below)
            masks[(x - begin) / 2][2 * below + (x - begin) % 2] =
                nonzero_mask(diff_dst, corner + below * diff_dst.row + x * diff_dst.pixel, count);
        for (int64_t c = 0; c < channels; c += lanes) {
          const float* const taps = weights + (c / lanes * out_channels + o) * kTaps * lanes;
          for (int64_t x = begin; x < end; x += 2) {
            const uint64_t* const mask = masks[(x - begin) / 2];
            const float* const values = corner + x * diff_dst.pixel;
            float* const to = diff_src.channel(c) + y * diff_src.row + x * diff_src.pixel;
            V patch[4][4];
#pragma GCC unroll 4
            for (int i = 0; i < 4; ++i)
#pragma GCC unroll 4
              for (int j = 0; j < 4; ++j)
                patch[i][j] = hn::LoadU(d, to + i * diff_src.row + j * diff_src.pixel);
            add_place<0, 0>(mask[0], values, diff_dst.block, taps, patch);
            add_place<0, 1>(mask[1], values + diff_dst.pixel, diff_dst.block, taps, patch);
            add_place<1, 0>(mask[2], values + diff_dst.row, diff_dst.block, taps, patch);
            add_place<1, 1>(mask[3], values + diff_dst.row + diff_dst.pixel, diff_dst.block, taps,
                            patch);
#pragma GCC unroll 4
            for (int i = 0; i < 4; ++i)
#pragma GCC unroll 4
              for (int j = 0; j < 4; ++j)
                hn::StoreU(patch[i][j], d, to + i * diff_src.row + j * diff_src.pixel);
          }
        }
      }
}

// Keras's weights (3, 3, in, out) as [vector of input channels][output channel][tap][lane].
void pack_weights(const float* keras, int64_t channels, int64_t out_channels, float* packed) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  for (int64_t t = 0; t < kTaps; ++t)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t o = 0; o < out_channels; ++o)
        packed[((c / lanes * out_channels + o) * kTaps + t) * lanes + c % lanes] =
            keras[(t * channels + c) * out_channels + o];
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <memory>

#include "graph/ops/elementwise.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/reshape.h"
#include "kernels/simd/dispatch.h"
#include "kernels/simd/epilogue.h"
#include "platform/batch_slices.h"
#include "platform/reduction_tree.h"

namespace pronghorn::kernels::simd {
namespace {

using graph::Conv2dGeometry;
using graph::Layout;

HWY_EXPORT(collect);
HWY_EXPORT(add_weight_gradient);
HWY_EXPORT(add_data_gradient);
HWY_EXPORT(pack_weights);

// An image of a tensor in plain or nChw16c layout.
ImageView image_view(float* tensor, const graph::Value& value, int64_t image) {
  const int64_t height = value.shape[1], width = value.shape[2], channels = value.shape[3];
  float* const data = tensor + image * height * width * channels;
  if (value.layout == Layout::kPlain) return {data, width * channels, channels, 16};
  return {data, width * 16, 16, height * width * 16};
}

// Images with zeros around them, where the convolution pads: one per thread, in the layout of the
// tensor.
class PaddedImage {
 public:
  PaddedImage() = default;
  PaddedImage(const graph::Value& value, int64_t rows, int64_t columns, int64_t top, int64_t left)
      : value_(value), rows_(rows), columns_(columns), top_(top), left_(left) {}

  // False where the image fits as it is.
  bool needed() const { return rows_ != value_.shape[1] || columns_ != value_.shape[2]; }
  int64_t elements() const { return needed() ? rows_ * columns_ * value_.shape[3] : 0; }

  ImageView view(float* storage) const {
    const int64_t channels = value_.shape[3];
    if (value_.layout == Layout::kPlain) return {storage, columns_ * channels, channels, 16};
    return {storage, columns_ * 16, 16, rows_ * columns_ * 16};
  }
  void clear(float* storage) const { std::fill(storage, storage + elements(), 0.0f); }

  // The part of the padded image that is the image; calls copy(of the image, of the padded one,
  // floats) for each row of each block of channels.
  template <class Copy>
  void for_rows(const ImageView& image, const ImageView& padded, Copy&& copy) const {
    const bool plain = value_.layout == Layout::kPlain;
    const int64_t blocks = plain ? 1 : value_.shape[3] / 16;
    const int64_t row_floats = value_.shape[2] * image.pixel;
    const int64_t begin = std::max<int64_t>(0, -top_);
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t y = begin; y < value_.shape[1]; ++y) {
        if (y + top_ >= rows_) break;
        const int64_t floats = std::min(row_floats, (columns_ - left_) * image.pixel);
        copy(image.data + block * image.block + y * image.row,
             padded.data + block * padded.block + (y + top_) * padded.row + left_ * padded.pixel,
             floats);
      }
  }

 private:
  graph::Value value_;
  int64_t rows_ = 0, columns_ = 0, top_ = 0, left_ = 0;
};

int64_t align(int64_t floats) { return (floats + 15) / 16 * 16; }

class WeightGradient final : public Kernel {
 public:
  explicit WeightGradient(const KernelCase& kernel_case)
      : g_(conv2d_geometry(kernel_case.graph, kernel_case.op)),
        src_value_(kernel_case.input(0)),
        diff_dst_value_(kernel_case.input(1)),
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
  int64_t partial_floats() const { return align(weights_floats() + g_.out_channels); }
  // Rows whose part of the source, which every output channel walks over, fits L1.
  int64_t band_rows() const {
    constexpr int64_t kBytes = 24 << 10, kMostChannels = 32;
    const int64_t row_bytes = 4 * (g_.out_width + 2) * std::min(g_.channels, kMostChannels);
    return std::max<int64_t>(2, kBytes / row_bytes - 2);
  }
  // And one place more, for what is written and does not stay.
  int64_t positions() const { return band_rows() * g_.out_width + 1; }
  int64_t lists_floats() const {
    return align(g_.out_channels) + align(g_.out_channels * positions() * 2);
  }
  int64_t scratch_floats() const { return lists_floats() + align(padded_.elements()); }

  void run_slice(int64_t slice, int thread) const {
    float* const scratch =
        partials_ + slices_.count() * partial_floats() + thread * scratch_floats();
    GradientLists lists{reinterpret_cast<GradientEntry*>(scratch + align(g_.out_channels)),
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
      const ImageView diff_dst = image_view(diff_dst_, diff_dst_value_, image);
      for (int64_t row = 0; row < g_.out_height; row += band_rows()) {
        collect_(diff_dst, row, std::min(g_.out_height, row + band_rows()), g_.out_width, src,
                 lists);
        add_(src, g_.channels, lists, partial, bias_ ? partial + weights_floats() : nullptr);
      }
    }
  }

  Conv2dGeometry g_;
  graph::Value src_value_, diff_dst_value_;
  BatchSlices slices_;
  int threads_;
  bool bias_;
  PaddedImage padded_;
  decltype(&HWY_STATIC_DISPATCH(collect)) collect_;
  decltype(&HWY_STATIC_DISPATCH(add_weight_gradient)) add_;
  float* src_ = nullptr;
  float* diff_dst_ = nullptr;
  float* diff_weights_ = nullptr;
  float* diff_bias_ = nullptr;
  float* partials_ = nullptr;
};

class DataGradient final : public Kernel {
 public:
  explicit DataGradient(const KernelCase& kernel_case)
      : g_(conv2d_geometry(kernel_case.graph, kernel_case.op)),
        diff_dst_value_(kernel_case.input(0)),
        diff_src_value_(kernel_case.output(0)),
        slices_(g_.batch),
        threads_(kernel_case.threads),
        epilogue_(kernel_case),
        // As large as the patches of all 2x2 blocks together.
        padded_(diff_src_value_, (g_.out_height + 1) / 2 * 2 + 2, (g_.out_width + 1) / 2 * 2 + 2,
                g_.window.padding.top, g_.window.padding.left) {
    choose_target();
    pack_ = HWY_DYNAMIC_DISPATCH(pack_weights);
    add_ = HWY_DYNAMIC_DISPATCH(add_data_gradient);
  }

  size_t workspace_bytes() const override {
    return static_cast<size_t>(weights_floats() + threads_ * align(padded_.elements())) *
           sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    diff_dst_ = buffers.input(0);
    weights_ = buffers.input(1);
    diff_src_ = buffers.output(0);
    packed_ = reinterpret_cast<float*>(buffers.workspace);
    epilogue_.bind(buffers);
  }

  void run(const RunContext& context) override {
    pack_(weights_, g_.channels, g_.out_channels, packed_);
    context.parallel.for_each(slices_.count(), [&](int64_t slice, int thread) {
      for (int64_t image = slices_.begin(slice); image < slices_.end(slice); ++image)
        run_image(image, packed_ + weights_floats() + thread * align(padded_.elements()), context);
    });
  }

 private:
  int64_t weights_floats() const { return align(9 * g_.channels * g_.out_channels); }

  void run_image(int64_t image, float* around, const RunContext& context) const {
    const ImageView diff_dst = image_view(diff_dst_, diff_dst_value_, image);
    const ImageView diff_src = image_view(diff_src_, diff_src_value_, image);
    const int64_t elements = g_.height * g_.width * g_.channels;
    if (padded_.needed()) {
      const ImageView padded = padded_.view(around);
      padded_.clear(around);
      add_(diff_dst, g_.out_height, g_.out_width, g_.out_channels, packed_, padded, g_.channels);
      padded_.for_rows(diff_src, padded,
                       [](float* of_image, const float* of_padded, int64_t floats) {
                         std::copy_n(of_padded, floats, of_image);
                       });
    } else {
      std::fill(diff_src.data, diff_src.data + elements, 0.0f);
      add_(diff_dst, g_.out_height, g_.out_width, g_.out_channels, packed_, diff_src, g_.channels);
    }
    if (!epilogue_.empty())
      epilogue_.apply(diff_src.data, diff_src.data, image * elements, elements, context);
  }

  Conv2dGeometry g_;
  graph::Value diff_dst_value_, diff_src_value_;
  BatchSlices slices_;
  int threads_;
  Epilogue epilogue_;
  PaddedImage padded_;
  decltype(&HWY_STATIC_DISPATCH(pack_weights)) pack_;
  decltype(&HWY_STATIC_DISPATCH(add_data_gradient)) add_;
  float* diff_dst_ = nullptr;
  float* weights_ = nullptr;
  float* diff_src_ = nullptr;
  float* packed_ = nullptr;
};

bool keeps_zeros(const graph::Op& op) {
  return std::all_of(op.epilogue.begin(), op.epilogue.end(),
                     [](const graph::Stage& stage) { return graph::keeps_zero(stage.function); });
}

// How many elements each pooling window has of which at most one has a gradient; 0 where the
// gradient comes from something else, or windows overlap.
int64_t pooled_window(const graph::Graph& graph, graph::ValueId diff_dst) {
  // From the last op to the first, since a value is written before it is read.
  for (auto op = graph.ops.rbegin(); op != graph.ops.rend(); ++op) {
    if (op->outputs.empty() || op->outputs[0] != diff_dst) continue;
    if (!keeps_zeros(*op)) return 0;
    if (op->kind == &graph::elementwise_kind() || op->kind == &graph::reorder_kind()) {
      diff_dst = op->inputs[0];
      continue;
    }
    if (op->kind != &graph::max_pool2d_backward_kind()) return 0;
    const graph::Pool2dWindow window = graph::pool2d_geometry(graph, *op).window;
    const bool apart = window.stride_h >= window.pool_h && window.stride_w >= window.pool_w;
    return apart ? window.pool_h * window.pool_w : 0;
  }
  return 0;
}

class SparseGradient : public Implementation {
 public:
  Family family() const override { return Family::kSimd; }

  std::optional<std::string> refuse(const KernelCase& kernel_case) const override {
    const Conv2dGeometry g = conv2d_geometry(kernel_case.graph, kernel_case.op);
    const graph::Conv2dWindow& w = g.window;
    if (g.kernel_h != 3 || g.kernel_w != 3 || w.stride_h != 1 || w.stride_w != 1 ||
        w.dilation_h != 1 || w.dilation_w != 1)
      return "it is for 3x3 kernels with stride and dilation 1";
    if (w.padding.top > 2 || w.padding.left > 2)
      return "it is for paddings that the kernel reaches across";
    if (g.channels % 16 != 0 || g.out_channels % 16 != 0)
      return "it needs multiples of 16 channels";
    // Below four elements a window dense kernels win.
    if (pooled_window(kernel_case.graph, diff_dst(kernel_case.op)) < 4)
      return "its gradients don't come from max-pooling of separate windows, so they aren't sparse";
    return std::nullopt;
  }

  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    // At most; where relu cut a window's maximum there is none.
    const int64_t window = pooled_window(kernel_case.graph, diff_dst(kernel_case.op));
    if (window > 0) execution.multiply_accumulates /= window;
    return execution;
  }

 protected:
  virtual graph::ValueId diff_dst(const graph::Op& op) const = 0;
  // The layout itself where the kernel runs in it.
  static Layout own(Layout layout) {
    return layout == Layout::kBlocked16 ? layout : Layout::kPlain;
  }
};

class SparseWeightGradient final : public SparseGradient {
 public:
  std::string_view name() const override { return "simd.conv2d_backward_weights.sparse"; }

  OpLayouts layouts(const KernelCase& kernel_case,
                    std::span<const Layout> arriving) const override {
    OpLayouts layouts = Implementation::layouts(kernel_case, arriving);
    layouts.inputs[0] = own(arriving[0]);
    layouts.inputs[1] = own(arriving[1]);
    return layouts;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<WeightGradient>(kernel_case);
  }

 protected:
  graph::ValueId diff_dst(const graph::Op& op) const override { return op.inputs[1]; }
};

class SparseDataGradient final : public SparseGradient {
 public:
  std::string_view name() const override { return "simd.conv2d_backward_data.sparse"; }
  bool takes_epilogue() const override { return true; }

  OpLayouts layouts(const KernelCase& kernel_case,
                    std::span<const Layout> arriving) const override {
    OpLayouts layouts = Implementation::layouts(kernel_case, arriving);
    layouts.inputs[0] = own(arriving[0]);
    // What comes after it, a gradient as well, most likely likes what came before.
    if (!Epilogue(kernel_case).any_layout()) return layouts;
    layouts.outputs[0] = own(arriving[0]);
    for (const graph::Stage& stage : kernel_case.op.epilogue)
      if (stage.operand >= 0 && stage.function != graph::StageFunction::kBiasAdd)
        layouts.inputs[static_cast<size_t>(stage.operand)] = layouts.outputs[0];
    return layouts;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<DataGradient>(kernel_case);
  }

 protected:
  graph::ValueId diff_dst(const graph::Op& op) const override { return op.inputs[0]; }
};

}  // namespace

const Implementation& conv2d_backward_weights_sparse() {
  static const SparseWeightGradient implementation;
  return implementation;
}
const Implementation& conv2d_backward_data_sparse() {
  static const SparseDataGradient implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
