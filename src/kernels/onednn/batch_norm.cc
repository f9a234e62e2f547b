#include "graph/ops/batch_norm.h"

#include "kernels/onednn/onednn.h"
#include "kernels/onednn/primitive.h"
#include "kernels/sliced_kernel.h"

namespace pronghorn::kernels::onednn {
namespace {

using dnnl::memory;

// Images, or rows as images of one pixel.
Shape as_images(const Shape& shape) {
  if (shape.rank() == 4) return shape;
  return {shape[0], 1, shape.elements() / shape[0] / shape.back(), shape.back()};
}

SlicedPrimitive::Variant describe(const graph::Op& op, const Shape& images, graph::Layout layout,
                                  int64_t rows, std::string* implementation = nullptr) {
  const OneThread one_thread;
  const graph::BatchNormInputs at = batch_norm_inputs(op);
  const memory::desc data = image_desc(images, rows, format_tag(layout));
  dnnl::normalization_flags flags = dnnl::normalization_flags::use_global_stats;
  if (at.gamma >= 0) flags |= dnnl::normalization_flags::use_scale;
  if (at.beta >= 0) flags |= dnnl::normalization_flags::use_shift;
  const dnnl::batch_normalization_forward::primitive_desc pd(
      dnnl::batch_normalization_forward::desc(dnnl::prop_kind::forward_inference, data,
                                              static_cast<float>(op.attributes.real("epsilon")),
                                              flags),
      user_scratchpad(), cpu_engine());
  if (implementation != nullptr) *implementation = pd.impl_info_str();
  const memory::desc channels({images[3]}, memory::data_type::f32, memory::format_tag::a);
  std::vector<memory::desc> descs{data, data, channels, channels};
  if (at.gamma >= 0) descs.push_back(channels);
  if (at.beta >= 0) descs.push_back(channels);
  return {dnnl::batch_normalization_forward(pd), descs, pd.scratchpad_desc().get_size()};
}

class BatchNormInferenceKernel final : public SlicedKernel {
 public:
  explicit BatchNormInferenceKernel(const KernelCase& kernel_case)
      : SlicedKernel(kernel_case, BatchSlices(kernel_case.input(0).shape[0]),
                     {.inputs = 1, .outputs = 1}),
        inputs_(batch_norm_inputs(kernel_case.op)),
        elements_per_row_(kernel_case.input(0).shape.elements() / kernel_case.input(0).shape[0]),
        sliced_(slices(), kernel_case.threads, [&](int64_t rows) {
          return describe(kernel_case.op, as_images(kernel_case.input(0).shape),
                          kernel_case.input(0).layout, rows);
        }) {}

  size_t workspace_bytes() const override { return sliced_.workspace_bytes(); }

  void bind(const Buffers& buffers) override {
    const int64_t bytes = slices().size() * elements_per_row_ * static_cast<int64_t>(sizeof(float));
    const auto input = [&](int index) { return buffers.inputs[static_cast<size_t>(index)]; };
    std::vector<SlicedPrimitive::Argument> arguments{
        {DNNL_ARG_SRC, input(0), bytes},
        {DNNL_ARG_DST, buffers.outputs[0], bytes},
        {DNNL_ARG_MEAN, input(inputs_.moving_mean), 0},
        {DNNL_ARG_VARIANCE, input(inputs_.moving_variance), 0}};
    if (inputs_.gamma >= 0) arguments.push_back({DNNL_ARG_SCALE, input(inputs_.gamma), 0});
    if (inputs_.beta >= 0) arguments.push_back({DNNL_ARG_SHIFT, input(inputs_.beta), 0});
    sliced_.bind(arguments, buffers.workspace);
  }

  void run_slice(const RunContext&, int64_t slice, int thread) override {
    sliced_.run(slice, thread);
  }

 private:
  graph::BatchNormInputs inputs_;
  int64_t elements_per_row_;
  SlicedPrimitive sliced_;
};

// Inference only: in training oneDNN takes the statistics of what it is given, which are a slice's
// and not the batch's, so that is ours (simd/batch_norm.cc).
class BatchNormInference final : public Implementation {
 public:
  std::string_view name() const override { return "onednn.batch_norm_inference"; }
  Family family() const override { return Family::kOnednn; }

  std::optional<std::string> refuse(const KernelCase& kernel_case) const override {
    if (kernel_case.input(0).shape.rank() < 2) return "oneDNN normalizes rows or images";
    try {
      const Shape images = as_images(kernel_case.input(0).shape);
      std::string implementation;
      describe(kernel_case.op, images, graph::Layout::kPlain, BatchSlices(images[0]).rows(0),
               &implementation);
      if (!is_reference_code(implementation)) return std::nullopt;
    } catch (const dnnl::error&) {
    }
    return "oneDNN has no optimized code for this shape on this machine";
  }

  OpLayouts layouts(const KernelCase& kernel_case,
                    std::span<const graph::Layout> arriving) const override {
    OpLayouts layouts = Implementation::layouts(kernel_case, arriving);
    layouts.inputs[0] = layouts.outputs[0] = arriving[0];
    return layouts;
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<BatchNormInferenceKernel>(kernel_case);
  }
};

}  // namespace

const Implementation& batch_norm_inference() {
  static const BatchNormInference implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::onednn
