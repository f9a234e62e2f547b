#include "kernels/simd/conv2d_few_channels.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/conv2d_few_channels.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/planar_products-inl.h"
#include "kernels/simd/planes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

// A whole image, band by band, by the code for its number of output channels.
void convolve_image(const PlanarConvolution& p, const float* src, const float* weights,
                    const RegisterStages& stages, float* scratch, float* dst) {
  float* const dst_planes = scratch + p.channels * p.plane;
  for (size_t y = 0; y < p.out_height; y += p.band_rows) {
    const size_t rows = HWY_MIN(p.band_rows, p.out_height - y);
    source_planes(p, src, y, rows, scratch);
    const size_t places = rows * p.pitch - (p.kernel_w - 1);
    for (size_t o = 0; o < p.out_channels; o += kOutputs) {
      switch (p.out_channels - o) {
        case 1:
          convolve_planes<1>(p, places, scratch, weights, stages, o, dst_planes);
          break;
        case 2:
          convolve_planes<2>(p, places, scratch, weights, stages, o, dst_planes);
          break;
        case 3:
          convolve_planes<3>(p, places, scratch, weights, stages, o, dst_planes);
          break;
        default:
          convolve_planes<4>(p, places, scratch, weights, stages, o, dst_planes);
      }
    }
    for (size_t r = 0; r < rows; ++r)
      from_planes(dst_planes + r * p.pitch, p.plane, p.out_width, p.out_channels,
                  dst + (y + r) * p.out_width * p.out_channels);
  }
}

// Adds the products of an image of at most four output channels to the sums: a vector of them for
// each weight, then, where `bias` is asked for, for each output channel. A pixel that is infinite
// or NaN also meets the zeros between rows, and so makes NaNs of its channel's other taps: a
// training that has one is lost anyway.
void add_weight_gradients(const PlanarConvolution& p, const float* src, const float* diff_dst,
                          bool bias, float* scratch, float* sums) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  float* const dst_planes = scratch + p.channels * p.plane;
  for (size_t y = 0; y < p.out_height; y += p.band_rows) {
    const size_t rows = HWY_MIN(p.band_rows, p.out_height - y);
    source_planes(p, src, y, rows, scratch);
    gradient_planes(p, diff_dst, y, rows, dst_planes);
    const size_t places = rows * p.pitch - (p.kernel_w - 1);
    switch (p.out_channels) {
      case 1:
        add_products_of_outputs<1>(p, places, scratch, dst_planes, sums);
        break;
      case 2:
        add_products_of_outputs<2>(p, places, scratch, dst_planes, sums);
        break;
      case 3:
        add_products_of_outputs<3>(p, places, scratch, dst_planes, sums);
        break;
      default:
        add_products_of_outputs<4>(p, places, scratch, dst_planes, sums);
    }
    if (!bias) continue;
    float* to = sums + p.weights() * lanes;
    for (size_t o = 0; o < p.out_channels; ++o, to += lanes) {
      V sum = hn::Load(d, to);
      for (size_t place = 0; place < places; place += lanes)
        sum = hn::Add(sum, hn::LoadU(d, dst_planes + o * p.plane + place));
      hn::Store(sum, d, to);
    }
  }
}

// dst[i] = the sum of the i-th vector.
void sum_vectors(const float* sums, size_t count, float* dst) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < count; ++i)
    dst[i] = hn::GetLane(hn::SumOfLanes(d, hn::Load(d, sums + i * lanes)));
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <memory>

#include "kernels/image_kernel.h"
#include "kernels/simd/dispatch.h"
#include "kernels/simd/epilogue.h"
#include "kernels/simd/workspace.h"
#include "platform/reduction_tree.h"

namespace pronghorn::kernels::simd {
namespace {

using graph::Conv2dGeometry;

HWY_EXPORT(convolve_image);
HWY_EXPORT(add_weight_gradients);
HWY_EXPORT(sum_vectors);

// Forward, and to data, which is forward with the kernel turned.
class PlanarConvolutionKernel final : public ImageKernel {
 public:
  PlanarConvolutionKernel(const KernelCase& kernel_case, bool to_data)
      : ImageKernel(kernel_case, BatchSlices(kernel_case.input(0).shape[0]),
                    {.inputs = 1, .outputs = 1}),
        g_(graph::conv2d_geometry(kernel_case.graph, kernel_case.op)),
        p_(to_data ? graph::data_gradient_geometry(g_) : g_),
        to_data_(to_data),
        threads_(static_cast<size_t>(kernel_case.threads)),
        stages_(kernel_case.op.epilogue),
        epilogue_(kernel_case, std::span(kernel_case.op.epilogue).subspan(stages_.count)) {
    choose_target();
    convolve_image_ = HWY_DYNAMIC_DISPATCH(convolve_image);
  }

  // Planes for each thread; then the turned kernel.
  size_t workspace_bytes() const override {
    return (threads_ * whole_lines(p_.scratch_floats()) + (to_data_ ? p_.weights() : 0)) *
           sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    weights_ = buffers.input(1);
    dst_ = buffers.output(0);
    scratch_ = reinterpret_cast<float*>(buffers.workspace);
    turned_ = scratch_ + threads_ * whole_lines(p_.scratch_floats());
    stages_.bind(buffers);
    epilogue_.bind(buffers);
  }

  void begin(const RunContext&) override {
    if (to_data_) turn_weights();
  }

 private:
  void run_image(const RunContext& context, int64_t image, int thread) const override {
    const auto src_elements = static_cast<int64_t>(p_.height * p_.width * p_.channels);
    const auto dst_elements = static_cast<int64_t>(p_.out_height * p_.out_width * p_.out_channels);
    float* const dst = dst_ + image * dst_elements;
    convolve_image_(p_, src_ + image * src_elements, to_data_ ? turned_ : weights_, stages_,
                    scratch_ + static_cast<size_t>(thread) * whole_lines(p_.scratch_floats()), dst);
    if (!epilogue_.empty()) epilogue_.apply(dst, dst, image * dst_elements, dst_elements, context);
  }

  // (KH, KW, C, O) to (KH, KW, O, C), rows and columns from last to first.
  void turn_weights() const {
    const size_t channels = p_.out_channels, out_channels = p_.channels;
    for (size_t tap = 0; tap < p_.taps(); ++tap)
      for (size_t c = 0; c < channels; ++c)
        for (size_t o = 0; o < out_channels; ++o)
          turned_[((p_.taps() - 1 - tap) * out_channels + o) * channels + c] =
              weights_[(tap * channels + c) * out_channels + o];
  }

  Conv2dGeometry g_;
  PlanarConvolution p_;
  bool to_data_;
  size_t threads_;
  RegisterStages stages_;
  Epilogue epilogue_;
  void (*convolve_image_)(const PlanarConvolution&, const float* src, const float* weights,
                          const RegisterStages&, float* scratch, float* dst);

  const float* src_ = nullptr;
  const float* weights_ = nullptr;
  float* dst_ = nullptr;
  float* scratch_ = nullptr;
  float* turned_ = nullptr;
};

class PlanarWeightsKernel final : public SlicedKernel {
 public:
  explicit PlanarWeightsKernel(const KernelCase& kernel_case)
      : SlicedKernel(kernel_case, weight_gradient_slices(kernel_case), {.inputs = 2, .outputs = 0}),
        p_(graph::conv2d_geometry(kernel_case.graph, kernel_case.op)),
        bias_(kernel_case.op.attributes.has("bias")),
        threads_(static_cast<size_t>(kernel_case.threads)) {
    choose_target();
    add_weight_gradients_ = HWY_DYNAMIC_DISPATCH(add_weight_gradients);
    sum_vectors_ = HWY_DYNAMIC_DISPATCH(sum_vectors);
  }

  // Planes and vectors of sums for each thread; then the sums of each slice.
  size_t workspace_bytes() const override {
    return (threads_ * own_floats() + static_cast<size_t>(slices().count()) * sums()) *
           sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    diff_dst_ = buffers.input(1);
    diff_weights_ = buffers.output(0);
    if (bias_) diff_bias_ = buffers.output(1);
    scratch_ = reinterpret_cast<float*>(buffers.workspace);
    partials_ = scratch_ + threads_ * own_floats();
  }

  void run_slice(const RunContext&, int64_t slice, int thread) override {
    const auto src_elements = static_cast<int64_t>(p_.height * p_.width * p_.channels);
    const auto dst_elements = static_cast<int64_t>(p_.out_height * p_.out_width * p_.out_channels);
    float* const vectors = scratch_ + static_cast<size_t>(thread) * own_floats();
    float* const planes = vectors + p_.sum_floats();
    std::fill(vectors, planes, 0.0f);
    for (int64_t image = slices().begin(slice); image < slices().end(slice); ++image)
      add_weight_gradients_(p_, src_ + image * src_elements, diff_dst_ + image * dst_elements,
                            bias_, planes, vectors);
    sum_vectors_(vectors, sums(), partials_ + static_cast<size_t>(slice) * sums());
  }

  void end(const RunContext& context) override {
    const auto stride = static_cast<int64_t>(sums());
    const auto weights = static_cast<int64_t>(p_.weights());
    tree_sum(context.parallel, partials_, slices().count(), stride, weights, diff_weights_);
    if (bias_)
      tree_sum(context.parallel, partials_ + weights, slices().count(), stride, stride - weights,
               diff_bias_);
  }

 private:
  size_t sums() const { return p_.weights() + p_.out_channels; }
  size_t own_floats() const { return whole_lines(p_.sum_floats() + p_.scratch_floats()); }

  PlanarConvolution p_;
  bool bias_;
  size_t threads_;
  void (*add_weight_gradients_)(const PlanarConvolution&, const float* src, const float* diff_dst,
                                bool bias, float* scratch, float* sums);
  void (*sum_vectors_)(const float* sums, size_t count, float* dst);

  const float* src_ = nullptr;
  const float* diff_dst_ = nullptr;
  float* diff_weights_ = nullptr;
  float* diff_bias_ = nullptr;
  float* scratch_ = nullptr;
  float* partials_ = nullptr;
};

enum class Direction { kForward, kBackwardData, kBackwardWeights };

class FewChannels final : public Implementation {
 public:
  FewChannels(std::string_view name, Direction direction) : name_(name), direction_(direction) {}

  std::string_view name() const override { return name_; }
  Family family() const override { return Family::kSimd; }
  bool takes_epilogue() const override { return direction_ != Direction::kBackwardWeights; }

  std::optional<std::string> refuse(const KernelCase& kernel_case) const override {
    const Conv2dGeometry g = graph::conv2d_geometry(kernel_case.graph, kernel_case.op);
    const graph::Conv2dWindow& w = g.window;
    if (g.groups > 1) return "it is for convolutions of one group";
    const int64_t channels = std::max(g.channels, g.out_channels);
    if (direction_ == Direction::kForward && channels > kMostChannelsForward)
      return "it is for at most 7 channels in and out";
    if (direction_ != Direction::kForward && channels > kMostChannelsBackward)
      return "it is for at most 4 channels in and out";
    if (!w.has_unit_steps()) return "it is for stride and dilation 1";
    if (std::max(g.kernel_h, g.kernel_w) > kMostTaps || g.kernel_h * g.kernel_w == 1)
      return "it is for kernels of at most 7x7, and more than 1x1";
    const graph::Padding2d& padding = w.padding;
    if (std::max(padding.top, padding.bottom) >= g.kernel_h ||
        std::max(padding.left, padding.right) >= g.kernel_w)
      return "it is for less padding than the kernel's extents";
    if (direction_ == Direction::kBackwardWeights && g.out_height * g.out_width < kFewestPlaces)
      return "its sums have too little to do in images of fewer than 100 output places";
    return std::nullopt;
  }

  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    if (direction_ == Direction::kBackwardWeights) return execution;
    execution.fused_stages = RegisterStages(kernel_case.op.epilogue).count;
    execution.tasks = kernel_case.graph.batch;  // an image each
    return execution;
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    if (direction_ == Direction::kBackwardWeights)
      return std::make_unique<PlanarWeightsKernel>(kernel_case);
    return std::make_unique<PlanarConvolutionKernel>(kernel_case,
                                                     direction_ == Direction::kBackwardData);
  }

 private:
  // Where it beats oneDNN's direct kernels by a clear margin: docs/kernels.md.
  static constexpr int64_t kMostChannelsForward = 7, kMostChannelsBackward = 4;
  static constexpr int64_t kMostTaps = 7;
  static constexpr int64_t kFewestPlaces = 100;

  std::string_view name_;
  Direction direction_;
};

}  // namespace

const Implementation& conv2d_few_channels() {
  static const FewChannels implementation("simd.conv2d.few_channels", Direction::kForward);
  return implementation;
}
const Implementation& conv2d_backward_data_few_channels() {
  static const FewChannels implementation("simd.conv2d_backward_data.few_channels",
                                          Direction::kBackwardData);
  return implementation;
}
const Implementation& conv2d_backward_weights_few_channels() {
  static const FewChannels implementation("simd.conv2d_backward_weights.few_channels",
                                          Direction::kBackwardWeights);
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
