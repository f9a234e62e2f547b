// Depthwise convolutions: each channel with a kernel of its own. A vector holds channels, in the
// plain layout or in blocks that whole vectors fill; a vector's row is done before the next one's,
// so that what it reads of the source, a line a pixel, stays in L1.
#include "kernels/simd/conv2d_depthwise.h"

#include "graph/ops/conv2d.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/conv2d_depthwise.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

int64_t depthwise_lanes() { return static_cast<int64_t>(hn::Lanes(D())); }

HWY_INLINE V finished(const DepthwiseRow& row, V sum) {
  if (!row.relu) return sum;
  return hn::IfThenElse(hn::Lt(sum, hn::Zero(D())), hn::Mul(hn::Set(D(), row.slope), sum), sum);
}

// `count` channels, at most a vector's, of all outputs of a row. Four outputs that have the same
// taps are four sums that share each weight.
void depthwise_row(const DepthwiseRow& row, const float* in, const float* weights,
                   const float* bias, size_t count, float* out) {
  const D d;
  const bool whole = count == hn::Lanes(d);
  const auto load = [&](const float* from)
                        HWY_ATTR { return whole ? hn::LoadU(d, from) : load_n(d, from, count); };
  const auto store = [&](V sum, float* to) HWY_ATTR {
    if (whole)
      hn::StoreU(finished(row, sum), d, to);
    else
      store_n(finished(row, sum), d, to, count);
  };
  const V start = bias == nullptr ? hn::Zero(d) : load(bias);
  const Taps& columns = *row.columns;
  const int64_t width = columns.count();
  for (int64_t x = 0; x < width;) {
    const auto at = static_cast<size_t>(x);
    const Taps::Tap* const first = columns.taps.data() + columns.begin[at];
    const Taps::Tap* const last = columns.taps.data() + columns.begin[at + 1];
    const int64_t step = columns.step[at] * row.in_pixel;
    if (step != 0) {
      V a = start, b = start, c = start, e = start;
      for (const Taps::Tap* i = row.row_taps; i != row.row_taps_end; ++i)
        for (const Taps::Tap* j = first; j != last; ++j) {
          const float* from = in + i->from * row.in_row + j->from * row.in_pixel;
          const V w = load(weights + i->tap * row.tap_row + j->tap * row.tap_pixel);
          a = hn::MulAdd(load(from), w, a);
          b = hn::MulAdd(load(from + step), w, b);
          c = hn::MulAdd(load(from + 2 * step), w, c);
          e = hn::MulAdd(load(from + 3 * step), w, e);
        }
      float* to = out + x * row.out_pixel;
      store(a, to);
      store(b, to + row.out_pixel);
      store(c, to + 2 * row.out_pixel);
      store(e, to + 3 * row.out_pixel);
      x += 4;
      continue;
    }
    V a = start;
    for (const Taps::Tap* i = row.row_taps; i != row.row_taps_end; ++i)
      for (const Taps::Tap* j = first; j != last; ++j)
        a = hn::MulAdd(load(in + i->from * row.in_row + j->from * row.in_pixel),
                       load(weights + i->tap * row.tap_row + j->tap * row.tap_pixel), a);
    store(a, out + x * row.out_pixel);
    ++x;
  }
}

// sums[tap.weights] += the sum over x of diff_dst[x] src[tap.src + x src_step], `count` channels,
// in four sums that don't wait for one another; `sum` += that of diff_dst, where there is one.
void depthwise_gradient_row(const GradientTap* taps, size_t taps_count, const float* src,
                            int64_t src_step, const float* diff_dst, int64_t pixel, int64_t width,
                            size_t count, float* sums, float* bias_sum) {
  const D d;
  const bool whole = count == hn::Lanes(d);
  const auto load = [&](const float* from)
                        HWY_ATTR { return whole ? hn::LoadU(d, from) : load_n(d, from, count); };
  for (size_t t = 0; t < taps_count; ++t) {
    const GradientTap& tap = taps[t];
    V a = hn::Zero(d), b = a, c = a, e = a;
    const float* from = src + tap.src;
    int64_t x = tap.first;
    for (; x + 4 <= tap.last; x += 4) {
      a = hn::MulAdd(load(diff_dst + x * pixel), load(from + x * src_step), a);
      b = hn::MulAdd(load(diff_dst + (x + 1) * pixel), load(from + (x + 1) * src_step), b);
      c = hn::MulAdd(load(diff_dst + (x + 2) * pixel), load(from + (x + 2) * src_step), c);
      e = hn::MulAdd(load(diff_dst + (x + 3) * pixel), load(from + (x + 3) * src_step), e);
    }
    for (; x < tap.last; ++x)
      a = hn::MulAdd(load(diff_dst + x * pixel), load(from + x * src_step), a);
    float* sum = sums + tap.weights;
    store_n(hn::Add(load(sum), hn::Add(hn::Add(a, b), hn::Add(c, e))), d, sum, count);
  }
  if (bias_sum == nullptr) return;
  V total = load(bias_sum);
  for (int64_t x = 0; x < width; ++x) total = hn::Add(total, load(diff_dst + x * pixel));
  store_n(total, d, bias_sum, count);
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <memory>
#include <utility>

#include "kernels/simd/dispatch.h"
#include "kernels/simd/epilogue.h"
#include "kernels/simd/register_stages.h"
#include "kernels/simd/simd.h"
#include "kernels/sliced_kernel.h"
#include "platform/reduction_tree.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(depthwise_lanes);
HWY_EXPORT(depthwise_row);
HWY_EXPORT(depthwise_gradient_row);

using graph::Conv2dGeometry;
using graph::Layout;

// Multiply-accumulates that a thread takes at a time, in floats.
constexpr int64_t kGrain = 65536;

void mark_steps(Taps& taps) {
  taps.step.assign(taps.begin.size(), 0);
  for (int64_t x = 0; x + 4 <= taps.count(); ++x) {
    const auto list = [&](int64_t output) {
      const auto at = static_cast<size_t>(output);
      return std::pair{taps.taps.data() + taps.begin[at], taps.taps.data() + taps.begin[at + 1]};
    };
    const auto [first, last] = list(x);
    int32_t step = 0;
    bool alike = first != last;
    for (int32_t i = 1; alike && i < 4; ++i) {
      const auto [other, other_last] = list(x + i);
      alike = other_last - other == last - first;
      if (alike && i == 1) step = other->from - first->from;
      for (int64_t t = 0; alike && t < last - first; ++t)
        alike = other[t].tap == first[t].tap && other[t].from == first[t].from + i * step;
    }
    if (alike) taps.step[static_cast<size_t>(x)] = step;
  }
}

// Of a convolution's outputs, or of its sources, which are the outputs of the gradient to data.
Taps make_taps(bool to_data, int64_t src, int64_t dst, int64_t window, int64_t stride,
               int64_t dilation, int64_t padding) {
  Taps taps;
  taps.begin.push_back(0);
  for (int64_t output = 0; output < (to_data ? src : dst); ++output) {
    for (int64_t tap = 0; tap < window; ++tap) {
      int64_t from = output * stride - padding + tap * dilation;
      if (to_data) {
        from = output + padding - tap * dilation;
        if (from < 0 || from % stride != 0) continue;
        from /= stride;
      }
      if (from >= 0 && from < (to_data ? dst : src))
        taps.taps.push_back({static_cast<int32_t>(tap), static_cast<int32_t>(from)});
    }
    taps.begin.push_back(static_cast<int32_t>(taps.taps.size()));
  }
  mark_steps(taps);
  return taps;
}

// Where an image's channels and pixels lie.
struct Placement {
  int64_t pixel, plane, block;

  Placement(Layout layout, int64_t pixels, int64_t channels)
      : pixel(layout == Layout::kPlain      ? channels
              : layout == Layout::kBlocked8 ? 8
                                            : 16),
        plane(pixels * pixel),
        block(pixel) {}
  int64_t channel(int64_t c) const { return c / block * plane + c % block; }
};

// Forward and to data: a row of outputs a task.
class DepthwiseKernel final : public SlicedKernel {
 public:
  explicit DepthwiseKernel(const KernelCase& kernel_case)
      : SlicedKernel(kernel_case, BatchSlices(kernel_case.input(0).shape[0]),
                     {.inputs = 1, .outputs = 1}),
        g_(graph::conv2d_geometry(kernel_case.graph, kernel_case.op)),
        to_data_(kernel_case.op.kind == &graph::conv2d_backward_data_kind()),
        in_height_(to_data_ ? g_.out_height : g_.height),
        in_width_(to_data_ ? g_.out_width : g_.width),
        out_height_(to_data_ ? g_.height : g_.out_height),
        out_width_(to_data_ ? g_.width : g_.out_width),
        in_(kernel_case.input(0).layout, in_height_ * in_width_, g_.channels),
        out_(kernel_case.output(0).layout, out_height_ * out_width_, g_.channels),
        rows_(make_taps(to_data_, g_.height, g_.out_height, g_.kernel_h, g_.window.stride_h,
                        g_.window.dilation_h, g_.window.padding.top)),
        columns_(make_taps(to_data_, g_.width, g_.out_width, g_.kernel_w, g_.window.stride_w,
                           g_.window.dilation_w, g_.window.padding.left)),
        stages_(kernel_case.op.epilogue),
        rest_(kernel_case, std::span(kernel_case.op.epilogue).subspan(stages_.count)) {
    choose_target();
    lanes_ = HWY_DYNAMIC_DISPATCH(depthwise_lanes)();
    row_ = &HWY_DYNAMIC_DISPATCH(depthwise_row);
  }

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    weights_ = buffers.input(1);
    dst_ = buffers.output(0);
    stages_.bind(buffers);
    rest_.bind(buffers);
  }

  // Alone, rows of outputs are tasks.
  void run(const RunContext& context) override {
    const int64_t grain =
        std::max<int64_t>(1, kGrain / (out_width_ * g_.channels * g_.kernel_h * g_.kernel_w));
    context.parallel.for_ranges(g_.batch * out_height_, grain, [&](int64_t first, int64_t last) {
      run_rows(first, last, context);
    });
  }

  void run_slice(const RunContext& context, int64_t slice, int) override {
    run_rows(slices().begin(slice) * out_height_, slices().end(slice) * out_height_, context);
  }

 private:
  void run_rows(int64_t first, int64_t last, const RunContext& context) const {
    for (int64_t row = first; row < last; ++row)
      run_row(row / out_height_, row % out_height_, context);
  }

  void run_row(int64_t image, int64_t y, const RunContext& context) const {
    const auto at = static_cast<size_t>(y);
    const DepthwiseRow row{&columns_,
                           rows_.taps.data() + rows_.begin[at],
                           rows_.taps.data() + rows_.begin[at + 1],
                           in_width_ * in_.pixel,
                           in_.pixel,
                           out_.pixel,
                           g_.kernel_w * g_.channels,
                           g_.channels,
                           stages_.bias,
                           stages_.relu,
                           stages_.slope};
    const float* in = src_ + image * in_height_ * in_width_ * g_.channels;
    const int64_t out_row =
        image * out_height_ * out_width_ * g_.channels + y * out_width_ * out_.pixel;
    for (int64_t c = 0; c < g_.channels; c += lanes_)
      row_(row, in + in_.channel(c), weights_ + c, row.bias == nullptr ? nullptr : row.bias + c,
           static_cast<size_t>(std::min(lanes_, g_.channels - c)),
           dst_ + out_row + out_.channel(c));
    if (rest_.empty()) return;
    for (int64_t c = 0; c < g_.channels; c += out_.block) {
      const int64_t begin = out_row + out_.channel(c);
      rest_.apply(dst_ + begin, dst_ + begin, begin, out_width_ * out_.pixel, context);
    }
  }

  Conv2dGeometry g_;
  bool to_data_;
  int64_t in_height_, in_width_, out_height_, out_width_;
  Placement in_, out_;
  Taps rows_, columns_;
  RegisterStages stages_;
  Epilogue rest_;
  int64_t lanes_;
  void (*row_)(const DepthwiseRow&, const float*, const float*, const float*, size_t, float*);
  const float* src_ = nullptr;
  const float* weights_ = nullptr;
  float* dst_ = nullptr;
};

// To weights: a slice of the batch a task, then the slices along the tree.
class DepthwiseGradient final : public SlicedKernel {
 public:
  explicit DepthwiseGradient(const KernelCase& kernel_case)
      : SlicedKernel(kernel_case, weight_gradient_slices(kernel_case), {.inputs = 2, .outputs = 0}),
        g_(graph::conv2d_geometry(kernel_case.graph, kernel_case.op)),
        bias_(kernel_case.op.attributes.has("bias")),
        in_(kernel_case.input(0).layout, g_.height * g_.width, g_.channels),
        out_(kernel_case.input(1).layout, g_.out_height * g_.out_width, g_.channels) {
    for (int64_t y = 0; y < g_.out_height; ++y) add_taps(y);
    choose_target();
    lanes_ = HWY_DYNAMIC_DISPATCH(depthwise_lanes)();
    row_ = &HWY_DYNAMIC_DISPATCH(depthwise_gradient_row);
  }

  size_t workspace_bytes() const override {
    return static_cast<size_t>(slices().count() * stride()) * sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    diff_dst_ = buffers.input(1);
    diff_weights_ = buffers.output(0);
    diff_bias_ = bias_ ? buffers.output(1) : nullptr;
    partials_ = reinterpret_cast<float*>(buffers.workspace);
  }

  void run_slice(const RunContext&, int64_t slice, int) override {
    float* sums = partials_ + slice * stride();
    std::fill_n(sums, stride(), 0.0f);
    for (int64_t image = slices().begin(slice); image < slices().end(slice); ++image)
      for (int64_t y = 0; y < g_.out_height; ++y) add_row(image, y, sums);
  }

  void end(const RunContext& context) override {
    const int64_t weights = g_.weights_elements();
    tree_sum(context.parallel, partials_, slices().count(), stride(), weights, diff_weights_);
    if (bias_)
      tree_sum(context.parallel, partials_ + weights, slices().count(), stride(), g_.channels,
               diff_bias_);
  }

 private:
  int64_t stride() const { return g_.weights_elements() + g_.channels; }

  void add_taps(int64_t y) {
    const graph::Conv2dWindow& w = g_.window;
    begin_.push_back(taps_.size());
    for (int64_t i = 0; i < g_.kernel_h; ++i) {
      const int64_t row = y * w.stride_h - w.padding.top + i * w.dilation_h;
      if (row < 0 || row >= g_.height) continue;
      for (int64_t j = 0; j < g_.kernel_w; ++j) {
        const int64_t offset = j * w.dilation_w - w.padding.left;  // of the source at x = 0
        int64_t first = 0, last = g_.out_width;
        while (first < last && first * w.stride_w + offset < 0) ++first;
        while (last > first && (last - 1) * w.stride_w + offset >= g_.width) --last;
        taps_.push_back({(i * g_.kernel_w + j) * g_.channels, (row * g_.width + offset) * in_.pixel,
                         first, last});
      }
    }
    end_ = taps_.size();
  }

  void add_row(int64_t image, int64_t y, float* sums) const {
    const size_t first = begin_[static_cast<size_t>(y)];
    const size_t last = y + 1 < g_.out_height ? begin_[static_cast<size_t>(y) + 1] : end_;
    const float* src = src_ + image * g_.height * g_.width * g_.channels;
    const float* diff_dst = diff_dst_ + image * g_.out_height * g_.out_width * g_.channels +
                            y * g_.out_width * out_.pixel;
    for (int64_t c = 0; c < g_.channels; c += lanes_)
      row_(taps_.data() + first, last - first, src + in_.channel(c), g_.window.stride_w * in_.pixel,
           diff_dst + out_.channel(c), out_.pixel, g_.out_width,
           static_cast<size_t>(std::min(lanes_, g_.channels - c)), sums + c,
           bias_ ? sums + g_.weights_elements() + c : nullptr);
  }

  Conv2dGeometry g_;
  bool bias_;
  Placement in_, out_;
  std::vector<GradientTap> taps_;
  std::vector<size_t> begin_;
  size_t end_ = 0;
  int64_t lanes_;
  void (*row_)(const GradientTap*, size_t, const float*, int64_t, const float*, int64_t, int64_t,
               size_t, float*, float*);
  const float* src_ = nullptr;
  const float* diff_dst_ = nullptr;
  float* diff_weights_ = nullptr;
  float* diff_bias_ = nullptr;
  float* partials_ = nullptr;
};

template <class KernelType>
class Depthwise final : public Implementation {
 public:
  Depthwise(std::string_view name, bool to_weights) : name_(name), to_weights_(to_weights) {}

  std::string_view name() const override { return name_; }
  Family family() const override { return Family::kSimd; }
  bool takes_epilogue() const override { return !to_weights_; }

  std::optional<std::string> refuse(const KernelCase& kernel_case) const override {
    const Conv2dGeometry g = graph::conv2d_geometry(kernel_case.graph, kernel_case.op);
    if (!g.is_depthwise() || g.out_channels != g.channels)
      return "it is for depthwise convolutions with one output a channel";
    return std::nullopt;
  }

  OpLayouts layouts(const KernelCase& kernel_case,
                    std::span<const Layout> arriving) const override {
    const Conv2dGeometry g = graph::conv2d_geometry(kernel_case.graph, kernel_case.op);
    OpLayouts layouts = Implementation::layouts(kernel_case, arriving);
    const Layout layout = arriving[0];
    const int64_t block = layout == Layout::kBlocked8 ? 8 : 16;
    choose_target();
    if (layout == Layout::kPlain || g.channels % block != 0 ||
        block % HWY_DYNAMIC_DISPATCH(depthwise_lanes)() != 0)
      return layouts;
    if (to_weights_) {
      layouts.inputs = {layout, layout};
      return layouts;
    }
    const RegisterStages stages(kernel_case.op.epilogue);
    if (!Epilogue(kernel_case, std::span(kernel_case.op.epilogue).subspan(stages.count))
             .any_layout())
      return layouts;
    layouts.inputs[0] = layouts.outputs[0] = layout;
    for (const graph::Stage& stage : kernel_case.op.epilogue)
      if (graph::has_full_operand(stage))
        layouts.inputs[static_cast<size_t>(stage.operand)] = layout;
    return layouts;
  }

  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    if (!to_weights_) execution.fused_stages = RegisterStages(kernel_case.op.epilogue).count;
    return execution;
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<KernelType>(kernel_case);
  }

 private:
  std::string_view name_;
  bool to_weights_;
};

}  // namespace

const Implementation& conv2d_depthwise() {
  static const Depthwise<DepthwiseKernel> implementation("simd.conv2d.depthwise", false);
  return implementation;
}
const Implementation& conv2d_backward_data_depthwise() {
  static const Depthwise<DepthwiseKernel> implementation("simd.conv2d_backward_data.depthwise",
                                                         false);
  return implementation;
}
const Implementation& conv2d_backward_weights_depthwise() {
  static const Depthwise<DepthwiseGradient> implementation("simd.conv2d_backward_weights.depthwise",
                                                           true);
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
