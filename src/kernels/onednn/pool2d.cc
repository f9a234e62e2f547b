#include "graph/ops/pool2d.h"
#include "kernels/onednn/onednn.h"
#include "kernels/onednn/primitive.h"
#include "kernels/simd/epilogue.h"
#include "kernels/sliced_kernel.h"

namespace pronghorn::kernels::onednn {
namespace {

using dnnl::memory;
using graph::Layout;
using graph::Pool2dGeometry;

enum class Pooling { kMax, kMaxBackward, kAverage, kAverageBackward };

bool is_max(Pooling pooling) {
  return pooling == Pooling::kMax || pooling == Pooling::kMaxBackward;
}
bool is_backward(Pooling pooling) {
  return pooling == Pooling::kMaxBackward || pooling == Pooling::kAverageBackward;
}

struct Described {
  SlicedPrimitive::Variant variant;
  std::string implementation;
};

// One slice's pooling. The order of the descriptions: src, dst, and for max its index, which is
// oneDNN's "workspace": the place of the maximum in its window, in dst's layout, as in our op.
Described describe(const Pool2dGeometry& g, Pooling pooling, Layout layout, int64_t images) {
  const OneThread one_thread;
  const dnnl::engine& engine = cpu_engine();
  const auto tag = format_tag(layout);
  const memory::desc src = image_desc({g.batch, g.height, g.width, g.channels}, images, tag);
  const memory::desc dst =
      image_desc({g.batch, g.out_height, g.out_width, g.channels}, images, tag);
  const graph::Pool2dWindow& w = g.window;
  const memory::dims strides{w.stride_h, w.stride_w};
  const memory::dims window{w.pool_h, w.pool_w};
  const memory::dims before{w.padding.top, w.padding.left};
  const memory::dims after{w.padding.bottom, w.padding.right};
  const dnnl::algorithm algorithm =
      is_max(pooling) ? dnnl::algorithm::pooling_max : dnnl::algorithm::pooling_avg_exclude_padding;
  const dnnl::pooling_forward::primitive_desc forward(
      dnnl::pooling_forward::desc(dnnl::prop_kind::forward_training, algorithm, src, dst, strides,
                                  window, before, after),
      user_scratchpad(), engine);
  std::vector<memory::desc> descs{src, dst};
  if (is_max(pooling)) descs.push_back(forward.workspace_desc());
  if (!is_backward(pooling))
    return {{dnnl::pooling_forward(forward), descs, forward.scratchpad_desc().get_size()},
            forward.impl_info_str()};
  const dnnl::pooling_backward::primitive_desc backward(
      dnnl::pooling_backward::desc(algorithm, src, dst, strides, window, before, after),
      user_scratchpad(), engine, forward);
  return {{dnnl::pooling_backward(backward), descs, backward.scratchpad_desc().get_size()},
          backward.impl_info_str()};
}

class PoolingKernel final : public SlicedKernel {
 public:
  PoolingKernel(const KernelCase& kernel_case, Pooling pooling, Layout layout)
      : SlicedKernel(kernel_case, BatchSlices(kernel_case.input(0).shape[0]),
                     {.inputs = pooling == Pooling::kMaxBackward ? 2 : 1, .outputs = 2}),
        geometry_(pool2d_geometry(kernel_case.graph, kernel_case.op)),
        pooling_(pooling),
        epilogue_(kernel_case),
        sliced_(slices(), kernel_case.threads,
                [&](int64_t rows) { return describe(geometry_, pooling, layout, rows).variant; }) {}

  size_t workspace_bytes() const override { return sliced_.workspace_bytes(); }

  void bind(const Buffers& buffers) override {
    const Pool2dGeometry& g = geometry_;
    const int64_t floats = sizeof(float);
    const int64_t src = slices().size() * g.height * g.width * g.channels * floats;
    const int64_t index = slices().size() * g.out_height * g.out_width * g.channels;
    const int64_t dst = index * floats;
    std::vector<SlicedPrimitive::Argument> arguments;
    switch (pooling_) {
      case Pooling::kMax:
        arguments = {{DNNL_ARG_SRC, buffers.inputs[0], src},
                     {DNNL_ARG_DST, buffers.outputs[0], dst},
                     {DNNL_ARG_WORKSPACE, buffers.outputs[1], index}};
        break;
      case Pooling::kMaxBackward:
        arguments = {{DNNL_ARG_DIFF_SRC, buffers.outputs[0], src},
                     {DNNL_ARG_DIFF_DST, buffers.inputs[0], dst},
                     {DNNL_ARG_WORKSPACE, buffers.inputs[1], index}};
        break;
      case Pooling::kAverage:
        arguments = {{DNNL_ARG_SRC, buffers.inputs[0], src},
                     {DNNL_ARG_DST, buffers.outputs[0], dst}};
        break;
      case Pooling::kAverageBackward:
        arguments = {{DNNL_ARG_DIFF_SRC, buffers.outputs[0], src},
                     {DNNL_ARG_DIFF_DST, buffers.inputs[0], dst}};
        break;
    }
    sliced_.bind(arguments, buffers.workspace);
    output_ = buffers.output(0);
    output_per_image_ = (is_backward(pooling_) ? src : dst) / floats / slices().size();
    epilogue_.bind(buffers);
  }

  void run_slice(const RunContext& context, int64_t slice, int thread) override {
    sliced_.run(slice, thread);
    if (epilogue_.empty()) return;
    const int64_t begin = slices().begin(slice) * output_per_image_;
    epilogue_.apply(output_ + begin, output_ + begin, begin,
                    slices().rows(slice) * output_per_image_, context);
  }

 private:
  Pool2dGeometry geometry_;
  Pooling pooling_;
  simd::Epilogue epilogue_;
  SlicedPrimitive sliced_;
  float* output_ = nullptr;
  int64_t output_per_image_ = 0;
};

class PoolingImplementation final : public Implementation {
 public:
  PoolingImplementation(std::string_view name, Pooling pooling) : name_(name), pooling_(pooling) {}

  std::string_view name() const override { return name_; }
  Family family() const override { return Family::kOnednn; }
  bool takes_epilogue() const override { return true; }

  std::optional<std::string> refuse(const KernelCase& kernel_case) const override {
    const Pool2dGeometry g = pool2d_geometry(kernel_case.graph, kernel_case.op);
    const graph::Pool2dWindow& w = g.window;
    if (!simd::Epilogue(kernel_case).any_layout())
      return "its epilogue needs the plain layout, and pooling leaves images as they arrive";
    // oneDNN's index is one byte for windows of fewer than 255 elements.
    if (is_max(pooling_) && w.pool_h * w.pool_w >= 255)
      return "oneDNN's index has another width for windows of 255 elements and more";
    // Windows that lie in the padding altogether, and pixels that no window reaches.
    if (w.padding.top >= w.pool_h || w.padding.left >= w.pool_w)
      return "oneDNN takes no padding as large as the window";
    try {
      const Described described =
          describe(g, pooling_, Layout::kPlain, BatchSlices(g.batch).rows(0));
      if (!is_reference_code(described.implementation)) return std::nullopt;
    } catch (const dnnl::error&) {
    }
    return "oneDNN has no optimized code for this shape on this machine";
  }

  // Any layout will do: everything takes that of the images that arrive, or backward that of the
  // index, which is the forward images'.
  OpLayouts layouts(const KernelCase& kernel_case,
                    std::span<const Layout> arriving) const override {
    const Layout layout = arriving[pooling_ == Pooling::kMaxBackward ? 1 : 0];
    return {std::vector(kernel_case.op.inputs.size(), layout),
            std::vector(kernel_case.op.outputs.size(), layout)};
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<PoolingKernel>(kernel_case, pooling_, kernel_case.input(0).layout);
  }

 private:
  std::string_view name_;
  Pooling pooling_;
};

}  // namespace

const Implementation& max_pool2d() {
  static const PoolingImplementation implementation("onednn.max_pool2d", Pooling::kMax);
  return implementation;
}
const Implementation& max_pool2d_backward() {
  static const PoolingImplementation implementation("onednn.max_pool2d_backward",
                                                    Pooling::kMaxBackward);
  return implementation;
}
const Implementation& average_pool2d() {
  static const PoolingImplementation implementation("onednn.average_pool2d", Pooling::kAverage);
  return implementation;
}
const Implementation& average_pool2d_backward() {
  static const PoolingImplementation implementation("onednn.average_pool2d_backward",
                                                    Pooling::kAverageBackward);
  return implementation;
}

}  // namespace pronghorn::kernels::onednn
