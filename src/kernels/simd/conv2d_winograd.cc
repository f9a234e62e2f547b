#include "kernels/simd/conv2d_winograd.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/conv2d_winograd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/winograd_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

using Convolve = void (*)(const WinogradConvolution&, const WinogradTask&);

Convolve choose_convolve(int64_t outputs, bool pooled) {
  if (outputs == 2) return pooled ? &convolve_tiles<2, true> : &convolve_tiles<2, false>;
  return pooled ? &convolve_tiles<4, true> : &convolve_tiles<4, false>;
}

// Keras's weights (3, 3, in, out) to the groups' points, for channels [begin, end) of the
// convolution's data. `turned`: for the gradient to data, whose data are Keras's channels out.
void transform_weights(const WinogradConvolution& w, const float* weights, bool turned,
                       int64_t begin, int64_t end, float* to) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t channels = w.g.channels, out_channels = w.g.out_channels;
  const int64_t tap_stride = channels * out_channels;
  const hn::RebindToSigned<D> di;
  const auto columns = hn::Mul(hn::Iota(di, 0), hn::Set(di, static_cast<int32_t>(channels)));
  for (int64_t o = 0; o < out_channels; o += lanes) {
    const int64_t group = o / (kGroupVectors * lanes) * (kGroupVectors * lanes);
    const int64_t width = HWY_MIN(kGroupVectors * lanes, out_channels - group);
    float* const group_to = to + group * w.points() * channels + (o - group);
    for (int64_t c = begin; c < end; ++c) {
      const auto load = [&](int tap) HWY_ATTR {
        return turned ? hn::GatherIndex(d, weights + (8 - tap) * tap_stride + o * channels + c,
                                        columns)
                      : hn::LoadU(d, weights + tap * tap_stride + c * out_channels + o);
      };
      if (w.outputs == 2)
        winograd_weights<2>(load, group_to + c * width, channels * width);
      else
        winograd_weights<4>(load, group_to + c * width, channels * width);
    }
  }
}

int64_t vector_lanes() { return static_cast<int64_t>(hn::Lanes(D())); }

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <memory>

#include "kernels/simd/dispatch.h"
#include "kernels/simd/epilogue.h"
#include "kernels/simd/workspace.h"
#include "kernels/sliced_kernel.h"

namespace pronghorn::kernels::simd {
namespace {

using graph::Conv2dGeometry;
using graph::Layout;

HWY_EXPORT(choose_convolve);
HWY_EXPORT(transform_weights);
HWY_EXPORT(vector_lanes);

class WinogradKernel final : public SlicedKernel {
 public:
  WinogradKernel(const KernelCase& kernel_case, const WinogradConvolution& winograd)
      : SlicedKernel(kernel_case, BatchSlices(winograd.g.batch), {.inputs = 1, .outputs = 2}),
        w_(winograd),
        to_data_(kernel_case.op.kind == &graph::conv2d_backward_data_kind()),
        threads_(kernel_case.threads),
        stages_(kernel_case.op.epilogue),
        epilogue_(kernel_case, std::span(kernel_case.op.epilogue).subspan(stages_.count)),
        src_strides_(kernel_case.input(0)),
        dst_strides_(kernel_case.output(0)) {
    choose_target();
    convolve_ = HWY_DYNAMIC_DISPATCH(choose_convolve)(w_.outputs, w_.pooled);
    transform_weights_ = HWY_DYNAMIC_DISPATCH(transform_weights);
  }

  // The transformed weights; then data and products for each thread.
  size_t workspace_bytes() const override {
    return static_cast<size_t>(weights_floats() + threads_ * thread_floats()) * sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    weights_ = buffers.input(1);
    dst_ = buffers.output(0);
    if (w_.pooled) index_ = reinterpret_cast<uint8_t*>(buffers.outputs[1]);
    workspace_ = reinterpret_cast<float*>(buffers.workspace);
    stages_.bind(buffers);
    epilogue_.bind(buffers);
  }

  void begin(const RunContext& context) override {
    context.parallel.for_ranges(w_.g.channels, 16, [&](int64_t begin, int64_t end) {
      transform_weights_(w_, weights_, to_data_, begin, end, workspace_);
    });
  }

  void run_slice(const RunContext& context, int64_t slice, int thread) override {
    for (int64_t first = slices().begin(slice); first < slices().end(slice);
         first += w_.task_images)
      run_images(context, first, std::min(first + w_.task_images, slices().end(slice)), thread);
  }

  // Alone, there are as many tasks as there can be.
  void run(const RunContext& context) override {
    begin(context);
    context.parallel.for_each(w_.tasks(), [&](int64_t number, int thread) {
      const int64_t first = number * w_.task_images;
      run_images(context, first, std::min(first + w_.task_images, w_.g.batch), thread);
    });
  }

 private:
  void run_images(const RunContext& context, int64_t first, int64_t last, int thread) const {
    float* const data = workspace_ + weights_floats() + thread * thread_floats();
    convolve_(w_, {.first = first,
                   .last = last,
                   .src = src_,
                   .src_strides = src_strides_,
                   .weights = workspace_,
                   .stages = stages_,
                   .data = data,
                   .products = data + w_.data_floats(),
                   .dst = dst_,
                   .index = index_,
                   .dst_strides = dst_strides_});
    if (epilogue_.empty()) return;
    float* const dst = dst_ + first * dst_strides_.image;
    epilogue_.apply(dst, dst, first * dst_strides_.image, (last - first) * dst_strides_.image,
                    context);
  }

  int64_t weights_floats() const { return whole_lines(w_.weights_floats()); }
  int64_t thread_floats() const { return whole_lines(w_.data_floats() + w_.products_floats()); }

  WinogradConvolution w_;
  bool to_data_;
  int64_t threads_;
  RegisterStages stages_;
  Epilogue epilogue_;
  ImageStrides src_strides_, dst_strides_;
  void (*convolve_)(const WinogradConvolution&, const WinogradTask&);
  void (*transform_weights_)(const WinogradConvolution&, const float* weights, bool turned,
                             int64_t begin, int64_t end, float* to);

  const float* src_ = nullptr;
  const float* weights_ = nullptr;
  float* dst_ = nullptr;
  uint8_t* index_ = nullptr;
  float* workspace_ = nullptr;
};

class Winograd final : public Implementation {
 public:
  explicit Winograd(std::string_view name) : name_(name) {}

  std::string_view name() const override { return name_; }
  Family family() const override { return Family::kSimd; }
  Arithmetic arithmetic() const override { return Arithmetic::kWinograd; }
  bool takes_epilogue() const override { return true; }

  std::optional<std::string> refuse(const KernelCase& kernel_case) const override {
    const Conv2dGeometry g = graph::conv2d_geometry(kernel_case.graph, kernel_case.op);
    if (auto reason = why_no_winograd(g)) return reason;
    const graph::Padding2d& padding = g.window.padding;
    if (kernel_case.op.kind == &graph::conv2d_backward_data_kind() &&
        std::max({padding.top, padding.left, padding.bottom, padding.right}) > 2)
      return "it is for paddings that the kernel reaches across";
    if (is_pooled(kernel_case.op)) {
      const graph::PoolWindow pool = graph::pool_window(kernel_case.op);
      if (pool.height != 2 || pool.width != 2) return "it pools in windows of 2x2";
    }
    if (!winograd(kernel_case).pays())
      return "its transforms cost more than the products that it saves here";
    return std::nullopt;
  }

  // Images leave in the layout in which they arrive, or in which an operand of the epilogue does,
  // where the channels and the epilogue let them.
  OpLayouts layouts(const KernelCase& kernel_case,
                    std::span<const Layout> arriving) const override {
    OpLayouts layouts = Implementation::layouts(kernel_case, arriving);
    const graph::Op& op = kernel_case.op;
    layouts.inputs[0] = winograd_layout(arriving[0], kernel_case.input(0).shape.back());
    const auto rest = std::span(op.epilogue).subspan(RegisterStages(op.epilogue).count);
    if (!Epilogue(kernel_case, rest).any_layout()) return layouts;
    // Next comes a Flatten, which is plain, or a convolution, which takes both.
    Layout leaving = is_pooled(op) ? Layout::kPlain : arriving[0];
    for (const graph::Stage& stage : rest)
      if (stage.operand >= 0) leaving = arriving[static_cast<size_t>(stage.operand)];
    layouts.outputs.assign(layouts.outputs.size(),
                           winograd_layout(leaving, kernel_case.output(0).shape.back()));
    for (const graph::Stage& stage : rest)
      if (stage.operand >= 0)
        layouts.inputs[static_cast<size_t>(stage.operand)] = layouts.outputs[0];
    return layouts;
  }

  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    const WinogradConvolution w = winograd(kernel_case);
    execution.multiply_accumulates = w.multiply_accumulates();
    execution.other_flops += w.transform_flops();
    execution.fused_stages = RegisterStages(kernel_case.op.epilogue).count;
    execution.tasks = w.tasks();
    return execution;
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<WinogradKernel>(kernel_case, winograd(kernel_case));
  }

 private:
  static bool is_pooled(const graph::Op& op) { return op.kind == &graph::conv2d_max_pool2d_kind(); }
  static WinogradConvolution winograd(const KernelCase& kernel_case) {
    const graph::Op& op = kernel_case.op;
    const Conv2dGeometry g = graph::conv2d_geometry(kernel_case.graph, op);
    const bool to_data = op.kind == &graph::conv2d_backward_data_kind();
    return {to_data ? graph::data_gradient_geometry(g) : g, is_pooled(op)};
  }
  std::string_view name_;
};

}  // namespace

std::optional<std::string> why_no_winograd(const Conv2dGeometry& g) {
  if (g.groups > 1) return "it is for convolutions of one group";
  if (g.kernel_h != 3 || g.kernel_w != 3 || !g.window.has_unit_steps())
    return "Winograd is for 3x3 kernels with stride and dilation 1";
  choose_target();
  const int64_t multiple = std::max<int64_t>(8, HWY_DYNAMIC_DISPATCH(vector_lanes)());
  if (g.channels % multiple != 0 || g.out_channels % multiple != 0)
    return "it needs multiples of a vector's channels, and of 8";
  return std::nullopt;
}

Layout winograd_layout(Layout layout, int64_t channels) {
  const int64_t block = layout == Layout::kBlocked8 ? 8 : 16;
  const bool fits = channels % block == 0 && block % HWY_DYNAMIC_DISPATCH(vector_lanes)() == 0;
  return fits ? layout : Layout::kPlain;
}

const Implementation& conv2d_winograd() {
  static const Winograd implementation("simd.conv2d.winograd");
  return implementation;
}
const Implementation& conv2d_backward_data_winograd() {
  static const Winograd implementation("simd.conv2d_backward_data.winograd");
  return implementation;
}
const Implementation& conv2d_max_pool2d_winograd() {
  static const Winograd implementation("simd.conv2d_max_pool2d.winograd");
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
