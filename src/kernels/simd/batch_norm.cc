#include "graph/ops/batch_norm.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/batch_norm.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/panels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

void sum_panel(const float* src, int64_t rows, size_t channels, float* sums) {
  add_rows(src, rows, channels, sums);
}

void sum_panel_squares(const float* src, int64_t rows, size_t channels, const float* mean,
                       float* sums) {
  add_channel_sums<1>(rows, channels, &sums, [&](size_t at, auto part, V* terms) HWY_ATTR {
    const V difference = hn::Sub(part.load(src + at), part.load(mean));
    terms[0] = hn::Mul(difference, difference);
  });
}

// dst = (src - mean) factor + beta
void normalize_panel(const float* src, float* dst, int64_t rows, size_t channels, const float* mean,
                     const float* factor, const float* beta) {
  const float* parameters[] = {mean, factor, beta};
  for_panel<3>(rows, channels, parameters, [&](size_t at, auto part, const V* p) HWY_ATTR {
    part.store(hn::MulAdd(hn::Sub(part.load(src + at), p[0]), p[1], p[2]), dst + at);
  });
}

// Sums of diff_dst, and of diff_dst (src - mean).
void sum_panel_gradients(const float* src, const float* diff_dst, int64_t rows, size_t channels,
                         const float* mean, float* sums, float* products) {
  float* const both[] = {sums, products};
  add_channel_sums<2>(rows, channels, both, [&](size_t at, auto part, V* terms) HWY_ATTR {
    terms[0] = part.load(diff_dst + at);
    terms[1] = hn::Mul(terms[0], hn::Sub(part.load(src + at), part.load(mean)));
  });
}

// diff_src = factor diff_dst - shift - (src - mean) slope
void combine_panel_gradients(const float* src, const float* diff_dst, float* diff_src, int64_t rows,
                             size_t channels, const float* mean, const float* factor,
                             const float* shift, const float* slope) {
  const float* parameters[] = {mean, factor, shift, slope};
  for_panel<4>(rows, channels, parameters, [&](size_t at, auto part, const V* p) HWY_ATTR {
    const V scaled = hn::MulSub(p[1], part.load(diff_dst + at), p[2]);
    part.store(hn::NegMulAdd(hn::Sub(part.load(src + at), p[0]), p[3], scaled), diff_src + at);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <cmath>
#include <memory>

#include "kernels/simd/channel_panels.h"
#include "kernels/simd/dispatch.h"
#include "kernels/sliced_kernel.h"
#include "platform/reduction_tree.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(sum_panel);
HWY_EXPORT(sum_panel_squares);
HWY_EXPORT(normalize_panel);
HWY_EXPORT(sum_panel_gradients);
HWY_EXPORT(combine_panel_gradients);

// What the three kinds share: the tensor's panels, the parameters, arrays of one number per channel
// in the workspace, and sums over the batch along the tree.
class BatchNormKernel : public SlicedKernel {
 public:
  // Of its inputs those with pixels that it reads before the slices are not sliced.
  BatchNormKernel(const KernelCase& kernel_case, int sliced_inputs, int64_t channel_arrays,
                  int64_t sums)
      : SlicedKernel(kernel_case, BatchSlices(kernel_case.input(0).shape[0]),
                     {.inputs = sliced_inputs, .outputs = 1}),
        panels_(kernel_case.input(0)),
        channels_(panels_.channels()),
        at_(graph::batch_norm_inputs(kernel_case.op)),
        epsilon_(kernel_case.op.attributes.real("epsilon")),
        momentum_(kernel_case.op.attributes.real("momentum")),
        channel_arrays_(channel_arrays),
        sums_(sums) {
    choose_target();
  }

  size_t workspace_bytes() const override {
    return static_cast<size_t>((channel_arrays_ + sums_ * slices().count()) * channels_) *
           sizeof(float);
  }

  void bind(const Buffers& buffers) override { buffers_ = buffers; }

  void run_slice(const RunContext&, int64_t slice, int) final {
    run_images(slices().begin(slice), slices().end(slice));
  }

  // Alone, elements are independent in their second pass.
  void run(const RunContext& context) final {
    begin(context);
    context.parallel.for_ranges(panels_.images(), panels_.grain(),
                                [&](int64_t first, int64_t last) { run_images(first, last); });
  }

 protected:
  float* channel_array(int64_t index) const {
    return reinterpret_cast<float*>(buffers_.workspace) + index * channels_;
  }

  // Calls add(panel, sums) for the panels of each slice; `sums` has room for sums_ arrays, one
  // number per channel, of which those of all slices are then added. They are returned one after
  // the other.
  template <class Add>
  const float* sum_over_batch(const RunContext& context, int64_t sums, Add&& add) const {
    float* partials = channel_array(channel_arrays_);
    const int64_t stride = sums * channels_;
    context.parallel.for_each(slices().count(), [&](int64_t slice, int) {
      float* partial = partials + slice * stride;
      std::fill(partial, partial + stride, 0.0f);
      panels_.for_panels(slices().begin(slice), slices().end(slice),
                         [&](const ChannelPanel& panel) { add(panel, partial); });
    });
    tree_sum(context.parallel, partials, slices().count(), stride, stride, partials);
    return partials;
  }

  // The elements of images [first, last), once begin() has found the factors.
  virtual void run_images(int64_t first, int64_t last) const = 0;

  float gamma(int64_t channel) const {
    return at_.gamma < 0 ? 1.0f : buffers_.input(at_.gamma)[channel];
  }
  float beta(int64_t channel) const {
    return at_.beta < 0 ? 0.0f : buffers_.input(at_.beta)[channel];
  }

  ChannelPanels panels_;
  int64_t channels_;
  graph::BatchNormInputs at_;
  double epsilon_, momentum_;
  Buffers buffers_;

 private:
  int64_t channel_arrays_, sums_;
};

class Training final : public BatchNormKernel {
 public:
  explicit Training(const KernelCase& kernel_case) : BatchNormKernel(kernel_case, 0, 2, 1) {}

  void begin(const RunContext& context) override {
    const float* src = buffers_.input(0);
    float* mean = buffers_.output(1);
    float* inverse_deviation = buffers_.output(2);
    float* factor = channel_array(0);
    float* shift = channel_array(1);
    const float count = static_cast<float>(panels_.rows());

    const float* sums = sum_over_batch(context, 1, [&](const ChannelPanel& panel, float* partial) {
      sum_(src + panel.offset, panel.rows, static_cast<size_t>(panel.channels),
           partial + panel.first_channel);
    });
    for (int64_t c = 0; c < channels_; ++c) mean[c] = sums[c] / count;
    // In a second pass over src: the mean of squares less the square of the mean would cancel.
    const float* squares =
        sum_over_batch(context, 1, [&](const ChannelPanel& panel, float* partial) {
          sum_squares_(src + panel.offset, panel.rows, static_cast<size_t>(panel.channels),
                       mean + panel.first_channel, partial + panel.first_channel);
        });

    const float keep = static_cast<float>(momentum_);
    const float take = static_cast<float>(1 - momentum_);
    const float* moving_mean = buffers_.input(at_.moving_mean);
    const float* moving_variance = buffers_.input(at_.moving_variance);
    for (int64_t c = 0; c < channels_; ++c) {
      const float variance = squares[c] / count;
      buffers_.output(3)[c] = moving_mean[c] * keep + mean[c] * take;
      buffers_.output(4)[c] = moving_variance[c] * keep + variance * take;
      inverse_deviation[c] = 1 / std::sqrt(variance + static_cast<float>(epsilon_));
      factor[c] = inverse_deviation[c] * gamma(c);
      shift[c] = beta(c);
    }
  }

 private:
  void run_images(int64_t first, int64_t last) const override {
    const float* src = buffers_.input(0);
    float* dst = buffers_.output(0);
    panels_.for_panels(first, last, [&](const ChannelPanel& panel) {
      normalize_(src + panel.offset, dst + panel.offset, panel.rows,
                 static_cast<size_t>(panel.channels), buffers_.output(1) + panel.first_channel,
                 channel_array(0) + panel.first_channel, channel_array(1) + panel.first_channel);
    });
  }

  decltype(&HWY_DYNAMIC_DISPATCH(sum_panel)) sum_ = &HWY_DYNAMIC_DISPATCH(sum_panel);
  decltype(&HWY_DYNAMIC_DISPATCH(sum_panel_squares)) sum_squares_ =
      &HWY_DYNAMIC_DISPATCH(sum_panel_squares);
  decltype(&HWY_DYNAMIC_DISPATCH(normalize_panel)) normalize_ =
      &HWY_DYNAMIC_DISPATCH(normalize_panel);
};

// With x^ = (src - mean) inverse_deviation, and M rows (Ioffe and Szegedy, section 3):
//   diff_beta = sum of diff_dst,  diff_gamma = sum of diff_dst x^
//   diff_src = gamma inverse_deviation (diff_dst - diff_beta / M - x^ diff_gamma / M)
class Backward final : public BatchNormKernel {
 public:
  explicit Backward(const KernelCase& kernel_case) : BatchNormKernel(kernel_case, 0, 3, 2) {}

  void begin(const RunContext& context) override {
    const float* src = buffers_.input(0);
    const float* diff_dst = buffers_.input(1);
    const float* mean = buffers_.input(2);
    const float* inverse_deviation = buffers_.input(3);
    float* diff_gamma = buffers_.output(1);
    float* diff_beta = buffers_.output(2);
    float* factor = channel_array(0);
    float* shift = channel_array(1);
    float* slope = channel_array(2);
    const float count = static_cast<float>(panels_.rows());

    const float* sums = sum_over_batch(context, 2, [&](const ChannelPanel& panel, float* partial) {
      sum_(src + panel.offset, diff_dst + panel.offset, panel.rows,
           static_cast<size_t>(panel.channels), mean + panel.first_channel,
           partial + panel.first_channel, partial + channels_ + panel.first_channel);
    });
    for (int64_t c = 0; c < channels_; ++c) {
      diff_beta[c] = sums[c];
      diff_gamma[c] = sums[channels_ + c] * inverse_deviation[c];
      factor[c] = gamma(c) * inverse_deviation[c];
      shift[c] = factor[c] * (diff_beta[c] / count);
      slope[c] = factor[c] * inverse_deviation[c] * (diff_gamma[c] / count);
    }
  }

 private:
  void run_images(int64_t first, int64_t last) const override {
    const float* src = buffers_.input(0);
    const float* diff_dst = buffers_.input(1);
    float* diff_src = buffers_.output(0);
    panels_.for_panels(first, last, [&](const ChannelPanel& panel) {
      combine_(src + panel.offset, diff_dst + panel.offset, diff_src + panel.offset, panel.rows,
               static_cast<size_t>(panel.channels), buffers_.input(2) + panel.first_channel,
               channel_array(0) + panel.first_channel, channel_array(1) + panel.first_channel,
               channel_array(2) + panel.first_channel);
    });
  }

  decltype(&HWY_DYNAMIC_DISPATCH(sum_panel_gradients)) sum_ =
      &HWY_DYNAMIC_DISPATCH(sum_panel_gradients);
  decltype(&HWY_DYNAMIC_DISPATCH(combine_panel_gradients)) combine_ =
      &HWY_DYNAMIC_DISPATCH(combine_panel_gradients);
};

class Inference final : public BatchNormKernel {
 public:
  explicit Inference(const KernelCase& kernel_case) : BatchNormKernel(kernel_case, 1, 2, 0) {}

  void begin(const RunContext&) override {
    const float* variance = buffers_.input(at_.moving_variance);
    for (int64_t c = 0; c < channels_; ++c) {
      channel_array(0)[c] = gamma(c) / std::sqrt(variance[c] + static_cast<float>(epsilon_));
      channel_array(1)[c] = beta(c);
    }
  }

 private:
  void run_images(int64_t first, int64_t last) const override {
    const float* src = buffers_.input(0);
    const float* mean = buffers_.input(at_.moving_mean);
    float* dst = buffers_.output(0);
    panels_.for_panels(first, last, [&](const ChannelPanel& panel) {
      normalize_(src + panel.offset, dst + panel.offset, panel.rows,
                 static_cast<size_t>(panel.channels), mean + panel.first_channel,
                 channel_array(0) + panel.first_channel, channel_array(1) + panel.first_channel);
    });
  }

  decltype(&HWY_DYNAMIC_DISPATCH(normalize_panel)) normalize_ =
      &HWY_DYNAMIC_DISPATCH(normalize_panel);
};

// Any layout, the same for all tensors with pixels; what has one number per channel is plain.
template <class KernelType>
class BatchNormImplementation final : public Implementation {
 public:
  // `images` inputs, the first, have pixels.
  BatchNormImplementation(std::string_view name, size_t images) : name_(name), images_(images) {}

  std::string_view name() const override { return name_; }
  Family family() const override { return Family::kSimd; }

  OpLayouts layouts(const KernelCase& kernel_case,
                    std::span<const graph::Layout> arriving) const override {
    OpLayouts layouts = Implementation::layouts(kernel_case, arriving);
    std::fill_n(layouts.inputs.begin(), images_, arriving[0]);
    layouts.outputs[0] = arriving[0];
    return layouts;
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<KernelType>(kernel_case);
  }

 private:
  std::string_view name_;
  size_t images_;
};

}  // namespace

const Implementation& batch_norm_training() {
  static const BatchNormImplementation<Training> implementation("simd.batch_norm_training", 1);
  return implementation;
}
const Implementation& batch_norm_backward() {
  static const BatchNormImplementation<Backward> implementation("simd.batch_norm_backward", 2);
  return implementation;
}
const Implementation& batch_norm_inference() {
  static const BatchNormImplementation<Inference> implementation("simd.batch_norm_inference", 1);
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
