#include "kernels/simd/conv2d_backward_weights_winograd.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/conv2d_backward_weights_winograd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/winograd_data-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

// Vectors of output channels in a group.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int64_t kGroupVectors = 4;
#else
constexpr int64_t kGroupVectors = 2;
#endif

// Channels in whose sums are in registers with those of kVectors vectors of channels out: 16
// vectors of sums, 8 where there are 16 registers.
template <int kVectors>
constexpr int sum_rows() {
  constexpr int kMost = (kGroupVectors == 4 ? 16 : 8) / (kVectors == 3 ? 2 : kVectors);
  return kMost < static_cast<int>(hn::MaxLanes(D())) ? kMost : static_cast<int>(hn::MaxLanes(D()));
}

// Adds the products of one point, of kRows channels in and kVectors vectors of channels out, over
// `tiles` tiles; the first block of a slice adds to nothing. A block is summed by itself, which
// keeps the rounding errors of long sums small.
template <int kRows, int kVectors>
HWY_INLINE void add_tiles(const WinogradWeightGradient& g, int64_t tiles, bool first,
                          const float* HWY_RESTRICT data, const float* HWY_RESTRICT gradients,
                          float* HWY_RESTRICT to) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t data_stride = g.data_stride(), gradients_stride = g.gradients_stride();
  const int64_t vector = g.w.points() * lanes;
  V sums[kRows][kVectors];
  PRONGHORN_UNROLL
  for (int r = 0; r < kRows; ++r) {
    PRONGHORN_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::Zero(d);
  }
  for (int64_t tile = 0; tile < tiles; ++tile, data += data_stride, gradients += gradients_stride) {
    V gradient[kVectors];
    PRONGHORN_UNROLL
    for (int v = 0; v < kVectors; ++v)
      gradient[v] = in_register(hn::Load(d, gradients + v * vector));
    PRONGHORN_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const V x = hn::Set(d, data[r]);
      PRONGHORN_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(x, gradient[v], sums[r][v]);
    }
  }
  PRONGHORN_UNROLL
  for (int r = 0; r < kRows; ++r) {
    PRONGHORN_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      float* const at = to + (r * kVectors + v) * lanes;
      hn::Store(first ? sums[r][v] : hn::Add(hn::Load(d, at), sums[r][v]), d, at);
    }
  }
}

// One point of all channels in and a group of kVectors vectors of channels out.
template <int kVectors>
void add_group(const WinogradWeightGradient& g, int64_t tiles, bool first, const float* data,
               const float* gradients, float* to) {
  constexpr int kRows = sum_rows<kVectors>();
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  for (int64_t c = 0; c < g.w.g.channels; c += lanes)
    for (int64_t lane = 0; lane < lanes; lane += kRows)
      add_tiles<kRows, kVectors>(g, tiles, first, data + c * g.w.points() + lane, gradients,
                                 to + (c + lane) * kVectors * lanes);
}

// Gradients of `tiles` tiles from `place` on, [tile][vector of channels][point][lane].
template <int kOutputs>
void transform_output_gradients(const WinogradWeightGradient& g, const float* diff_dst,
                                const ImageStrides& strides, TilePlace place, int64_t tiles,
                                TilePrefetch& prefetch, float* to) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t channels = g.w.g.out_channels, points = g.w.points();
  for (int64_t tile = 0; tile < tiles; ++tile, place.next(), to += g.gradients_stride()) {
    prefetch.next();
    const int64_t y = place.row * kOutputs, x = place.column * kOutputs;
    const float* const corner =
        diff_dst + place.image * strides.image + y * strides.row + x * strides.pixel;
    const int64_t rows = HWY_MIN(kOutputs, g.w.g.out_height - y);
    const int64_t columns = HWY_MIN(kOutputs, g.w.g.out_width - x);
    if (rows == kOutputs && columns == kOutputs) {
      for (int64_t o = 0; o < channels; o += lanes)
        winograd_output_gradients<kOutputs>(corner + strides.channel(o), strides.row, strides.pixel,
                                            to + o * points);
      continue;
    }
    // Outputs that there are not have no gradient, in all channels.
    HWY_ALIGN float patch[kOutputs * kOutputs * hn::MaxLanes(D())] = {};
    for (int64_t o = 0; o < channels; o += lanes) {
      const float* const from = corner + strides.channel(o);
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j)
          hn::Store(hn::LoadU(d, from + i * strides.row + j * strides.pixel), d,
                    patch + (i * kOutputs + j) * lanes);
      winograd_output_gradients<kOutputs>(patch, kOutputs * lanes, lanes, to + o * points);
    }
  }
}

// The point (1, 1) of a tile's gradients is the sum of them all.
template <int kOutputs>
void add_bias_gradients(const WinogradWeightGradient& g, int64_t tiles, const float* gradients,
                        float* diff_bias) {
  constexpr int64_t kPoint = kOutputs + 3;
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t o = 0; o < g.w.g.out_channels; o += lanes) {
    const float* from = gradients + o * g.w.points() + kPoint * lanes;
    V sum = hn::Zero(d);
    for (int64_t tile = 0; tile < tiles; ++tile, from += g.gradients_stride())
      sum = hn::Add(sum, hn::Load(d, from));
    hn::StoreU(hn::Add(hn::LoadU(d, diff_bias + o), sum), d, diff_bias + o);
  }
}

template <int kOutputs>
void add_weight_gradients(const WinogradWeightGradient& g, const WinogradWeightGradientTask& task) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  const int64_t channels = g.w.g.channels, out_channels = g.w.g.out_channels;
  const int64_t tiles = (task.last - task.first) * g.w.tiles_per_image();
  if (task.diff_bias != nullptr)
    for (int64_t o = 0; o < out_channels; ++o) task.diff_bias[o] = 0;
  const TilePlace ahead(g.w, task.first, kTilesAhead);
  TilePrefetch data_prefetch(ahead, task.src, task.src_strides, g.w.g.height, g.w.g.width, channels,
                             /*shift=*/2);
  TilePrefetch gradients_prefetch(ahead, task.diff_dst, task.diff_dst_strides, g.w.g.out_height,
                                  g.w.g.out_width, out_channels, /*shift=*/0);
  for (int64_t first = 0; first < tiles; first += g.block_tiles) {
    const int64_t count = HWY_MIN(g.block_tiles, tiles - first);
    const TilePlace place(g.w, task.first, first);
    transform_data<kOutputs>(g.w, task.src, task.src_strides, place, count, data_prefetch,
                             task.data);
    transform_output_gradients<kOutputs>(g, task.diff_dst, task.diff_dst_strides, place, count,
                                         gradients_prefetch, task.gradients);
    if (task.diff_bias != nullptr)
      add_bias_gradients<kOutputs>(g, count, task.gradients, task.diff_bias);
    for (int64_t p = 0; p < g.w.points(); ++p)
      for (int64_t o = 0; o < out_channels; o += kGroupVectors * lanes) {
        const float* const data = task.data + p * lanes;
        const float* const gradients = task.gradients + o * g.w.points() + p * lanes;
        float* const to = task.sums + (p * out_channels + o) * channels;
        switch (HWY_MIN(kGroupVectors, (out_channels - o) / lanes)) {
          case 1:
            add_group<1>(g, count, first == 0, data, gradients, to);
            break;
          case 2:
            add_group<2>(g, count, first == 0, data, gradients, to);
            break;
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
          case 3:
            add_group<3>(g, count, first == 0, data, gradients, to);
            break;
          default:
            add_group<4>(g, count, first == 0, data, gradients, to);
#endif
        }
      }
  }
  const int64_t point = out_channels * channels;
  for (int64_t o = 0; o < out_channels; o += lanes) {
    const int64_t group = o / (kGroupVectors * lanes) * (kGroupVectors * lanes);
    const int64_t width = HWY_MIN(kGroupVectors * lanes, out_channels - group);
    const float* const sums = task.sums + group * channels + (o - group);
    for (int64_t c = 0; c < channels; ++c)
      winograd_weight_gradients<kOutputs>(sums + c * width, point,
                                          task.diff_weights + c * out_channels + o, point);
  }
}

using AddWeightGradients = void (*)(const WinogradWeightGradient&,
                                    const WinogradWeightGradientTask&);

AddWeightGradients choose_add_weight_gradients(int64_t outputs) {
  return outputs == 2 ? &add_weight_gradients<2> : &add_weight_gradients<4>;
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

HWY_EXPORT(choose_add_weight_gradients);

class WinogradWeightGradientKernel final : public SlicedKernel {
 public:
  WinogradWeightGradientKernel(const KernelCase& kernel_case, const WinogradWeightGradient& g)
      : SlicedKernel(kernel_case, weight_gradient_slices(kernel_case), {.inputs = 2, .outputs = 0}),
        g_(g),
        threads_(kernel_case.threads),
        bias_(kernel_case.op.attributes.has("bias")),
        src_strides_(kernel_case.input(0)),
        diff_dst_strides_(kernel_case.input(1)) {
    choose_target();
    add_weight_gradients_ = HWY_DYNAMIC_DISPATCH(choose_add_weight_gradients)(g_.w.outputs);
  }

  // What each thread needs; then what each slice leaves.
  size_t workspace_bytes() const override {
    return static_cast<size_t>(threads_ * g_.thread_floats() +
                               slices().count() * g_.partial_floats()) *
           sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    diff_dst_ = buffers.input(1);
    diff_weights_ = buffers.output(0);
    if (bias_) diff_bias_ = buffers.output(1);
    workspace_ = reinterpret_cast<float*>(buffers.workspace);
  }

  void run_slice(const RunContext&, int64_t slice, int thread) override {
    float* const own = workspace_ + thread * g_.thread_floats();
    float* const partial = partials() + slice * g_.partial_floats();
    add_weight_gradients_(g_, {.first = slices().begin(slice),
                               .last = slices().end(slice),
                               .src = src_,
                               .src_strides = src_strides_,
                               .diff_dst = diff_dst_,
                               .diff_dst_strides = diff_dst_strides_,
                               .data = own,
                               .gradients = own + g_.data_floats(),
                               .sums = own + g_.data_floats() + g_.gradients_floats(),
                               .diff_weights = partial,
                               .diff_bias = bias_ ? partial + g_.weights_floats() : nullptr});
  }

  void end(const RunContext& context) override {
    tree_sum(context.parallel, partials(), slices().count(), g_.partial_floats(),
             g_.weights_floats(), diff_weights_);
    if (bias_)
      tree_sum(context.parallel, partials() + g_.weights_floats(), slices().count(),
               g_.partial_floats(), g_.w.g.out_channels, diff_bias_);
  }

 private:
  float* partials() const { return workspace_ + threads_ * g_.thread_floats(); }

  WinogradWeightGradient g_;
  int64_t threads_;
  bool bias_;
  ImageStrides src_strides_, diff_dst_strides_;
  void (*add_weight_gradients_)(const WinogradWeightGradient&, const WinogradWeightGradientTask&);

  const float* src_ = nullptr;
  const float* diff_dst_ = nullptr;
  float* diff_weights_ = nullptr;
  float* diff_bias_ = nullptr;
  float* workspace_ = nullptr;
};

class WinogradWeights final : public Implementation {
 public:
  std::string_view name() const override { return "simd.conv2d_backward_weights.winograd"; }
  Family family() const override { return Family::kSimd; }
  Arithmetic arithmetic() const override { return Arithmetic::kWinograd; }

  std::optional<std::string> refuse(const KernelCase& kernel_case) const override {
    const Conv2dGeometry g = graph::conv2d_geometry(kernel_case.graph, kernel_case.op);
    if (auto reason = why_no_winograd(g)) return reason;
    if (!winograd(kernel_case).pays())
      return "its transforms cost more than the products that it saves here";
    return std::nullopt;
  }

  OpLayouts layouts(const KernelCase& kernel_case,
                    std::span<const Layout> arriving) const override {
    OpLayouts layouts = Implementation::layouts(kernel_case, arriving);
    for (const size_t i : {0, 1})
      layouts.inputs[i] =
          winograd_layout(arriving[i], kernel_case.input(static_cast<int>(i)).shape.back());
    return layouts;
  }

  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    const WinogradWeightGradient g = winograd(kernel_case);
    execution.multiply_accumulates = g.w.multiply_accumulates();
    execution.other_flops += g.transform_flops();
    return execution;
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<WinogradWeightGradientKernel>(kernel_case, winograd(kernel_case));
  }

 private:
  static WinogradWeightGradient winograd(const KernelCase& kernel_case) {
    const Conv2dGeometry g = graph::conv2d_geometry(kernel_case.graph, kernel_case.op);
    const BatchSlices slices = weight_gradient_slices(kernel_case);
    return {g, slices.count(), slices.rows(0)};
  }
};

}  // namespace

const Implementation& conv2d_backward_weights_winograd() {
  static const WinogradWeights implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
