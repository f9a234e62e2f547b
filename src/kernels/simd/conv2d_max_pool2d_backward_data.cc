#include "graph/ops/conv2d_max_pool2d_backward.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/conv2d_max_pool2d_backward_data.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include <algorithm>
#include <utility>

#include "kernels/simd/nonzero-inl.h"
#include "kernels/simd/unroll.h"
#include "kernels/simd/workspace.h"

#ifndef PRONGHORN_KERNELS_SIMD_CONV2D_MAX_POOL2D_BACKWARD_DATA_ONCE_
#define PRONGHORN_KERNELS_SIMD_CONV2D_MAX_POOL2D_BACKWARD_DATA_ONCE_

namespace pronghorn::kernels::simd {

// One image. height and width: windows. diff_src is as large as their patches together.
struct DataGradientTask {
  static constexpr int64_t kGroupChannels = 64;

  PooledGradient gradient;
  int64_t height, width, channels, out_channels;
  const float* weights;  // [vector of input channels][output channel][tap][lane]
  ImageView diff_src;
  // Laid out as diff_src is, or diff_src itself: where it isn't positive there is no gradient
  // (relu's). Or nullptr.
  const float* activation;
  // Of a thread: for each window four masks of output channels, one for each element that can have
  // won; gradients, where they don't lie side by side; two rows of diff_src, twice.
  uint64_t (*masks)[4];
  float* values;
  float* carried;

  static int64_t masks_floats(int64_t windows) { return whole_lines(windows * 8); }
  static int64_t values_floats(int64_t windows) { return windows * kGroupChannels; }
  static int64_t carried_floats(int64_t width) { return 4 * (2 * width + 2) * 16; }
};

// A group of output channels of an image: masks as above, and where the gradients are.
struct PooledMasks {
  const uint64_t (*masks)[4];
  const float* values;
  int64_t row, pixel;
};

}  // namespace pronghorn::kernels::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

constexpr int kTaps = 9;

// Output channels that are walked together: their masks are words, and the loops over bits long
// enough for their ends to be rare.
constexpr int64_t kGroupChannels = DataGradientTask::kGroupChannels;

// Adds what the gradients at one element of a 2x2 window, named by the bits of `mask`, send to the
// 4x4 patch of diff_src that the window covers.
template <int Y, int X>
HWY_INLINE void add_place(uint64_t mask, const float* values, const float* weights,
                          V (&patch)[4][4]) {
  const D d;
  constexpr size_t kLanes = hn::MaxLanes(D());
  while (mask != 0) {
    const size_t o = hwy::Num0BitsBelowLS1Bit_Nonzero64(mask);
    mask &= mask - 1;
    const V gradient = hn::Set(d, values[o]);
    const float* const taps = weights + o * (kTaps * kLanes);
    PRONGHORN_UNROLL
    for (int t = 0; t < kTaps; ++t)
      patch[Y + t / 3][X + t % 3] =
          hn::MulAdd(gradient, hn::LoadU(d, taps + t * kLanes), patch[Y + t / 3][X + t % 3]);
  }
}

// The masks of all windows, for output channels [o, o + count), and their gradients side by side.
PooledMasks make_masks(const DataGradientTask& task, int64_t o, int64_t count) {
  const PooledGradient& gradient = task.gradient;
  const float* const first_values = gradient.values.channel(o);
  const bool side_by_side = gradient.values.block == 16;
  const bool whole_group = side_by_side && gradient.winners.block == 16 && count == kGroupChannels;
  uint64_t(*mask)[4] = task.masks;
  float* copy = task.values;
  for (int64_t y = 0; y < task.height; ++y) {
    const float* values = first_values + y * gradient.values.row;
    const uint8_t* winners = gradient.winners.channel(o) + y * gradient.winners.row;
    for (int64_t x = 0; x < task.width; ++x, ++mask) {
      std::fill_n(*mask, 4, 0);
      if (whole_group) add_winner_masks<kGroupChannels>(values, winners, 0, *mask);
      for (int64_t c = 0; c < count && !whole_group; c += 16) {
        const float* const sixteen = values + c / 16 * gradient.values.block;
        add_winner_masks<16>(sixteen, winners + c / 16 * gradient.winners.block, c, *mask);
        if (!side_by_side) std::copy_n(sixteen, 16, copy + c);
      }
      copy += side_by_side ? 0 : kGroupChannels;
      values += gradient.values.pixel;
      winners += gradient.winners.pixel;
    }
  }
  if (!side_by_side) return {task.masks, task.values, task.width * kGroupChannels, kGroupChannels};
  return {task.masks, first_values, gradient.values.row, gradient.values.pixel};
}

// One vector of input channels of a whole image, and what a group of output channels sends to it:
// the group's weights stay in L1. A window's patch slides along its row: its right half is the next
// window's left; and its lower half waits, in `carried`, for the window below, so that each element
// of diff_src is written once a group. kFirst, kLast: of the groups.
template <bool kFirst, bool kLast>
void add_vector_of_channels(const DataGradientTask& task, const PooledMasks& masks,
                            const float* weights, int64_t c) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const ImageView& image = task.diff_src;
  const int64_t carried_row = (2 * task.width + 2) * lanes;
  float* from_above = task.carried;
  float* below = from_above + 2 * carried_row;
  std::fill_n(from_above, 2 * carried_row, 0.0f);

  // Writes a vector of diff_src. With relu's gradient, two rows further are asked for.
  const ptrdiff_t to_activation =
      task.activation == nullptr ? 0 : task.activation - task.diff_src.data;
  const auto write = [&](V sum, float* to) HWY_ATTR {
    if (!kFirst) sum = hn::Add(sum, hn::LoadU(d, to));
    if (kLast && task.activation != nullptr) {
      const V activation = hn::LoadU(d, to + to_activation);
      sum = hn::IfThenElseZero(hn::Gt(activation, hn::Zero(d)), sum);
      __builtin_prefetch(to + to_activation + 2 * image.row);
    }
    hn::StoreU(sum, d, to);
    __builtin_prefetch(to + 2 * image.row, 1);
  };

  const uint64_t(*mask)[4] = masks.masks;
  for (int64_t y = 0; y < task.height; ++y) {
    const float* values = masks.values + y * masks.row;
    float* to = image.channel(c) + 2 * y * image.row;
    const float* upper = from_above;
    float* lower = below;
    V patch[4][4];
    const auto begin_column = [&](int j) HWY_ATTR {
      PRONGHORN_UNROLL
      for (int i = 0; i < 2; ++i) {
        patch[i][j] = hn::Load(d, upper + i * carried_row);
        patch[i + 2][j] = hn::Zero(d);
      }
      upper += lanes;
    };
    const auto end_column = [&](int j) HWY_ATTR {
      PRONGHORN_UNROLL
      for (int i = 0; i < 2; ++i) {
        write(patch[i][j], to + i * image.row);
        hn::Store(patch[i + 2][j], d, lower + i * carried_row);
      }
      to += image.pixel;
      lower += lanes;
    };
    begin_column(0);
    begin_column(1);
    for (int64_t x = 0; x < task.width; ++x, ++mask, values += masks.pixel) {
      begin_column(2);
      begin_column(3);
      add_place<0, 0>((*mask)[0], values, weights, patch);
      add_place<0, 1>((*mask)[1], values, weights, patch);
      add_place<1, 0>((*mask)[2], values, weights, patch);
      add_place<1, 1>((*mask)[3], values, weights, patch);
      end_column(0);
      end_column(1);
      PRONGHORN_UNROLL
      for (int i = 0; i < 4; ++i) PRONGHORN_UNROLL
      for (int j = 0; j < 2; ++j) patch[i][j] = patch[i][j + 2];
    }
    end_column(0);
    end_column(1);
    std::swap(from_above, below);
  }
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t x = 0; x < 2 * task.width + 2; ++x)
      write(hn::Load(d, from_above + i * carried_row + x * lanes),
            image.channel(c) + (2 * task.height + i) * image.row + x * image.pixel);
}

void make_data_gradient(const DataGradientTask& task) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  for (int64_t o = 0; o < task.out_channels; o += kGroupChannels) {
    const bool first = o == 0, last = o + kGroupChannels >= task.out_channels;
    const PooledMasks masks = make_masks(task, o, std::min(kGroupChannels, task.out_channels - o));
    const auto add =
        first
            ? (last ? &add_vector_of_channels<true, true> : &add_vector_of_channels<true, false>)
            : (last ? &add_vector_of_channels<false, true> : &add_vector_of_channels<false, false>);
    for (int64_t c = 0; c < task.channels; c += lanes)
      add(task, masks, task.weights + (c / lanes * task.out_channels + o) * kTaps * lanes, c);
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
#include "kernels/sliced_kernel.h"

namespace pronghorn::kernels::simd {
namespace {

using graph::Conv2dGeometry;
using graph::Layout;

HWY_EXPORT(make_data_gradient);
HWY_EXPORT(pack_weights);

// As large as the patches of all windows together.
PaddedImage padded_diff_src(const KernelCase& kernel_case) {
  const Conv2dGeometry g = conv2d_geometry(kernel_case.graph, kernel_case.op);
  return {kernel_case.output(0), (g.out_height + 1) / 2 * 2 + 2, (g.out_width + 1) / 2 * 2 + 2,
          g.window.padding.top, g.window.padding.left};
}

// The operand of an epilogue that is relu's gradient alone, which is applied while the sums are in
// registers; -1 for any other.
int activation_operand(const KernelCase& kernel_case) {
  const std::vector<graph::Stage>& epilogue = kernel_case.op.epilogue;
  const bool relu_alone =
      epilogue.size() == 1 && epilogue[0].function == graph::StageFunction::kReluBackward;
  return relu_alone && !padded_diff_src(kernel_case).needed() ? epilogue[0].operand : -1;
}

class DataGradient final : public SlicedKernel {
 public:
  explicit DataGradient(const KernelCase& kernel_case)
      : SlicedKernel(kernel_case, BatchSlices(kernel_case.input(0).shape[0]),
                     {.inputs = 2, .outputs = 1}),
        g_(conv2d_geometry(kernel_case.graph, kernel_case.op)),
        pooling_(graph::pooling_geometry(kernel_case.graph, kernel_case.op)),
        diff_dst_value_(kernel_case.input(0)),
        winners_value_(kernel_case.input(1)),
        diff_src_value_(kernel_case.output(0)),
        threads_(kernel_case.threads),
        epilogue_(kernel_case),
        padded_(padded_diff_src(kernel_case)),
        activation_operand_(activation_operand(kernel_case)) {
    choose_target();
    pack_ = HWY_DYNAMIC_DISPATCH(pack_weights);
    make_ = HWY_DYNAMIC_DISPATCH(make_data_gradient);
  }

  size_t workspace_bytes() const override {
    return static_cast<size_t>(weights_floats() + threads_ * scratch_floats()) * sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    diff_dst_ = buffers.input(0);
    winners_ = reinterpret_cast<const uint8_t*>(buffers.inputs[1]);
    weights_ = buffers.input(2);
    diff_src_ = buffers.output(0);
    packed_ = reinterpret_cast<float*>(buffers.workspace);
    epilogue_.bind(buffers);
    if (activation_operand_ >= 0) activation_ = buffers.input(activation_operand_);
  }

  void begin(const RunContext&) override { pack_(weights_, g_.channels, g_.out_channels, packed_); }

  void run_slice(const RunContext& context, int64_t slice, int thread) override {
    for (int64_t image = slices().begin(slice); image < slices().end(slice); ++image)
      run_image(image, packed_ + weights_floats() + thread * scratch_floats(), context);
  }

 private:
  int64_t weights_floats() const { return whole_lines(9 * g_.channels * g_.out_channels); }

  int64_t windows() const { return pooling_.out_height * pooling_.out_width; }
  int64_t scratch_floats() const {
    return DataGradientTask::masks_floats(windows()) + DataGradientTask::values_floats(windows()) +
           DataGradientTask::carried_floats(pooling_.out_width) + whole_lines(padded_.elements());
  }

  void run_image(int64_t image, float* scratch, const RunContext& context) const {
    const ImageView diff_src = image_view(diff_src_, diff_src_value_, image);
    const int64_t elements = g_.height * g_.width * g_.channels;
    float* const carried = scratch + DataGradientTask::masks_floats(windows());
    float* const values = carried + DataGradientTask::carried_floats(pooling_.out_width);
    float* const around = values + DataGradientTask::values_floats(windows());
    DataGradientTask task{{image_view(diff_dst_, diff_dst_value_, image),
                           image_view(winners_, winners_value_, image)},
                          pooling_.out_height,
                          pooling_.out_width,
                          g_.channels,
                          g_.out_channels,
                          packed_,
                          padded_.needed() ? padded_.view(around) : diff_src,
                          activation_ == nullptr ? nullptr : activation_ + image * elements,
                          reinterpret_cast<uint64_t(*)[4]>(scratch),
                          values,
                          carried};
    // No patch covers a last odd row or column that the pooling leaves out.
    if (2 * pooling_.out_height < g_.out_height || 2 * pooling_.out_width < g_.out_width)
      padded_.clear(around);
    make_(task);
    if (padded_.needed())
      padded_.for_rows(diff_src, task.diff_src,
                       [](float* of_image, const float* of_padded, int64_t floats) {
                         std::copy_n(of_padded, floats, of_image);
                       });
    if (!epilogue_.empty() && activation_ == nullptr)
      epilogue_.apply(diff_src.data, diff_src.data, image * elements, elements, context);
  }

  Conv2dGeometry g_;
  graph::Pool2dGeometry pooling_;
  graph::Value diff_dst_value_, winners_value_, diff_src_value_;
  int threads_;
  Epilogue epilogue_;
  PaddedImage padded_;
  int activation_operand_;
  decltype(&HWY_STATIC_DISPATCH(pack_weights)) pack_;
  decltype(&HWY_STATIC_DISPATCH(make_data_gradient)) make_;
  float* diff_dst_ = nullptr;
  const uint8_t* winners_ = nullptr;
  float* weights_ = nullptr;
  const float* activation_ = nullptr;
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
  // Relu's gradient reads the activation where it writes next, and nowhere after that: the
  // activation's lines, which are in the cache, become the gradient's, and no others are fetched.
  std::vector<graph::Alias> possible_aliases(const KernelCase& kernel_case) const override {
    const int operand = activation_operand(kernel_case);
    const bool written_once = kernel_case.input(0).shape.back() <= DataGradientTask::kGroupChannels;
    if (operand < 0 || !written_once) return {};
    return {{operand, 0}};
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
