#include "graph/ops/conv2d_max_pool2d_backward.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/conv2d_max_pool2d_backward_data.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/simd/nonzero-inl.h"
#include "kernels/simd/unroll.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

constexpr int kTaps = 9;

// Adds what the gradients at one element of a 2x2 window, named by the bits of `mask`, send to the
// 4x4 patch of diff_src that the window covers.
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
    PRONGHORN_UNROLL
    for (int t = 0; t < kTaps; ++t)
      patch[Y + t / 3][X + t % 3] =
          hn::MulAdd(gradient, hn::LoadU(d, taps + t * lanes), patch[Y + t / 3][X + t % 3]);
  }
}

// Two columns of a patch, from and to memory.
template <int First>
HWY_INLINE void load_columns(const float* from, const ImageView& image, V (&patch)[4][4]) {
  PRONGHORN_UNROLL
  for (int i = 0; i < 4; ++i) PRONGHORN_UNROLL
  for (int j = First; j < First + 2; ++j)
    patch[i][j] = hn::LoadU(D(), from + i * image.row + j * image.pixel);
}
template <int First>
HWY_INLINE void store_columns(const V (&patch)[4][4], const ImageView& image, float* to) {
  PRONGHORN_UNROLL
  for (int i = 0; i < 4; ++i) PRONGHORN_UNROLL
  for (int j = First; j < First + 2; ++j)
    hn::StoreU(patch[i][j], D(), to + i * image.row + j * image.pixel);
}

// One image's gradient to the data. height and width: windows. `weights`: [vector of input
// channels][output channel][tap][lane]. diff_src is zero before, and as large as the patches of all
// windows together.
void add_data_gradient(const PooledGradient& gradient, int64_t height, int64_t width,
                       int64_t out_channels, const float* weights, const ImageView& diff_src,
                       int64_t channels) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  // Windows side by side, and output channels, that are walked with one vector of input channels:
  // its weights stay near, and the loops over bits are long enough for their ends to be rare.
  constexpr int64_t kWindows = 32, kChannels = 64;
  for (int64_t y = 0; y < height; ++y)
    for (int64_t begin = 0; begin < width; begin += kWindows)
      for (int64_t o = 0; o < out_channels; o += kChannels) {
        const int64_t count = std::min(kChannels, out_channels - o);
        const int64_t end = std::min(width, begin + kWindows);
        const float* const values = gradient.values.channel(o) + y * gradient.values.row;
        const uint8_t* const winners = gradient.winners.channel(o) + y * gradient.winners.row;
        uint64_t masks[kWindows][4];
        for (int64_t x = begin; x < end; ++x) {
          std::fill_n(masks[x - begin], 4, 0);
          for (int64_t c = 0; c < count; c += 16)
            add_winner_masks(values + x * gradient.values.pixel + c / 16 * gradient.values.block,
                             winners + x * gradient.winners.pixel + c / 16 * gradient.winners.block,
                             c, masks[x - begin]);
        }
        for (int64_t c = 0; c < channels; c += lanes) {
          const float* const taps = weights + (c / lanes * out_channels + o) * kTaps * lanes;
          // The patch slides: a window's right half is the next one's left.
          float* to = diff_src.channel(c) + 2 * (y * diff_src.row + begin * diff_src.pixel);
          V patch[4][4];
          load_columns<0>(to, diff_src, patch);
          for (int64_t x = begin; x < end; ++x, to += 2 * diff_src.pixel) {
            load_columns<2>(to, diff_src, patch);
            const uint64_t* const mask = masks[x - begin];
            const float* const at = values + x * gradient.values.pixel;
            add_place<0, 0>(mask[0], at, gradient.values.block, taps, patch);
            add_place<0, 1>(mask[1], at, gradient.values.block, taps, patch);
            add_place<1, 0>(mask[2], at, gradient.values.block, taps, patch);
            add_place<1, 1>(mask[3], at, gradient.values.block, taps, patch);
            store_columns<0>(patch, diff_src, to);
            PRONGHORN_UNROLL
            for (int i = 0; i < 4; ++i) PRONGHORN_UNROLL
            for (int j = 0; j < 2; ++j) patch[i][j] = patch[i][j + 2];
          }
          store_columns<0>(patch, diff_src, to);
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

#include <memory>

#include "kernels/simd/dispatch.h"
#include "kernels/simd/epilogue.h"
#include "platform/batch_slices.h"

namespace pronghorn::kernels::simd {
namespace {

using graph::Conv2dGeometry;
using graph::Layout;

HWY_EXPORT(add_data_gradient);
HWY_EXPORT(pack_weights);

class DataGradient final : public Kernel {
 public:
  explicit DataGradient(const KernelCase& kernel_case)
      : g_(conv2d_geometry(kernel_case.graph, kernel_case.op)),
        pooling_(graph::pooling_geometry(kernel_case.graph, kernel_case.op)),
        diff_dst_value_(kernel_case.input(0)),
        winners_value_(kernel_case.input(1)),
        diff_src_value_(kernel_case.output(0)),
        slices_(g_.batch),
        threads_(kernel_case.threads),
        epilogue_(kernel_case),
        // As large as the patches of all windows together.
        padded_(diff_src_value_, (g_.out_height + 1) / 2 * 2 + 2, (g_.out_width + 1) / 2 * 2 + 2,
                g_.window.padding.top, g_.window.padding.left) {
    choose_target();
    pack_ = HWY_DYNAMIC_DISPATCH(pack_weights);
    add_ = HWY_DYNAMIC_DISPATCH(add_data_gradient);
  }

  size_t workspace_bytes() const override {
    return static_cast<size_t>(weights_floats() + threads_ * whole_lines(padded_.elements())) *
           sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    diff_dst_ = buffers.input(0);
    winners_ = reinterpret_cast<const uint8_t*>(buffers.inputs[1]);
    weights_ = buffers.input(2);
    diff_src_ = buffers.output(0);
    packed_ = reinterpret_cast<float*>(buffers.workspace);
    epilogue_.bind(buffers);
  }

  void run(const RunContext& context) override {
    pack_(weights_, g_.channels, g_.out_channels, packed_);
    context.parallel.for_each(slices_.count(), [&](int64_t slice, int thread) {
      for (int64_t image = slices_.begin(slice); image < slices_.end(slice); ++image)
        run_image(image, packed_ + weights_floats() + thread * whole_lines(padded_.elements()),
                  context);
    });
  }

 private:
  int64_t weights_floats() const { return whole_lines(9 * g_.channels * g_.out_channels); }

  void run_image(int64_t image, float* around, const RunContext& context) const {
    const PooledGradient gradient{image_view(diff_dst_, diff_dst_value_, image),
                                  image_view(winners_, winners_value_, image)};
    const ImageView diff_src = image_view(diff_src_, diff_src_value_, image);
    const int64_t elements = g_.height * g_.width * g_.channels;
    if (padded_.needed()) {
      const ImageView padded = padded_.view(around);
      padded_.clear(around);
      add_(gradient, pooling_.out_height, pooling_.out_width, g_.out_channels, packed_, padded,
           g_.channels);
      padded_.for_rows(diff_src, padded,
                       [](float* of_image, const float* of_padded, int64_t floats) {
                         std::copy_n(of_padded, floats, of_image);
                       });
    } else {
      std::fill(diff_src.data, diff_src.data + elements, 0.0f);
      add_(gradient, pooling_.out_height, pooling_.out_width, g_.out_channels, packed_, diff_src,
           g_.channels);
    }
    if (!epilogue_.empty())
      epilogue_.apply(diff_src.data, diff_src.data, image * elements, elements, context);
  }

  Conv2dGeometry g_;
  graph::Pool2dGeometry pooling_;
  graph::Value diff_dst_value_, winners_value_, diff_src_value_;
  BatchSlices slices_;
  int threads_;
  Epilogue epilogue_;
  PaddedImage padded_;
  decltype(&HWY_STATIC_DISPATCH(pack_weights)) pack_;
  decltype(&HWY_STATIC_DISPATCH(add_data_gradient)) add_;
  float* diff_dst_ = nullptr;
  const uint8_t* winners_ = nullptr;
  float* weights_ = nullptr;
  float* diff_src_ = nullptr;
  float* packed_ = nullptr;
};

class PooledDataGradient final : public PooledGradientImplementation {
 public:
  std::string_view name() const override { return "simd.conv2d_max_pool2d_backward_data.sparse"; }
  bool takes_epilogue() const override { return true; }

  OpLayouts layouts(const KernelCase& kernel_case,
                    std::span<const Layout> arriving) const override {
    OpLayouts layouts = Implementation::layouts(kernel_case, arriving);
    layouts.inputs[0] = own(arriving[0]);
    layouts.inputs[1] = own(arriving[1]);
    if (!Epilogue(kernel_case).any_layout()) return layouts;
    // What comes after it, a gradient as well, most likely likes what came before.
    Layout leaving = arriving[1];
    for (const graph::Stage& stage : kernel_case.op.epilogue)
      if (graph::has_full_operand(stage)) leaving = arriving[static_cast<size_t>(stage.operand)];
    layouts.outputs[0] = own(leaving);
    for (const graph::Stage& stage : kernel_case.op.epilogue)
      if (graph::has_full_operand(stage))
        layouts.inputs[static_cast<size_t>(stage.operand)] = layouts.outputs[0];
    return layouts;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<DataGradient>(kernel_case);
  }
};

}  // namespace

const Implementation& conv2d_max_pool2d_backward_data() {
  static const PooledDataGradient implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
