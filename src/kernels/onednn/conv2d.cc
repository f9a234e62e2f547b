#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "graph/ops/conv2d.h"
#include "kernels/onednn/onednn.h"
#include "kernels/onednn/primitive.h"
#include "kernels/simd/bfloat16.h"
#include "kernels/simd/epilogue.h"
#include "kernels/sliced_kernel.h"
#include "platform/cpu_info.h"
#include "platform/reduction_tree.h"

namespace pronghorn::kernels::onednn {
namespace {

using dnnl::memory;
using graph::Conv2dGeometry;
using graph::Layout;
using graph::StageFunction;
using tag = memory::format_tag;

enum class Direction { kForward, kBackwardData, kBackwardWeights };

// The layouts of source and destination images (or of their gradients).
struct ImageLayouts {
  Layout src, dst;
};

// What oneDNN is asked to do with a convolution's result itself: add the bias, then rectify. The
// other stages of the epilogue run after it, on the slice that is still in cache.
struct FusedStages {
  bool bias = false;
  int bias_operand = -1;
  std::optional<double> relu_slope;
  size_t count = 0;
};

FusedStages fused_stages(const graph::Op& op, Direction direction) {
  FusedStages fused;
  if (direction == Direction::kBackwardWeights) {
    fused.bias = op.attributes.has("bias");
    return fused;
  }
  if (direction != Direction::kForward) return fused;
  const auto at = [&](StageFunction function) {
    return fused.count < op.epilogue.size() && op.epilogue[fused.count].function == function;
  };
  if (at(StageFunction::kBiasAdd)) {
    fused.bias = true;
    fused.bias_operand = op.epilogue[fused.count++].operand;
  }
  if (at(StageFunction::kRelu) || at(StageFunction::kLeakyRelu)) {
    const graph::Stage& stage = op.epilogue[fused.count++];
    fused.relu_slope = stage.function == StageFunction::kRelu ? 0.0 : stage.alpha;
  }
  return fused;
}

std::span<const graph::Stage> remaining_stages(const graph::Op& op, Direction direction) {
  return std::span(op.epilogue).subspan(fused_stages(op, direction).count);
}

dnnl::algorithm algorithm_of(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::kWinograd ? dnnl::algorithm::convolution_winograd
                                             : dnnl::algorithm::convolution_direct;
}

// Of what is multiplied; what is summed, and biases, are float32.
memory::data_type operand_type(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::kBfloat16 ? memory::data_type::bf16 : memory::data_type::f32;
}

// A convolution of one slice, as oneDNN describes it.
struct Described {
  std::function<dnnl::primitive()> make;
  std::string implementation;
  memory::desc src, weights, dst;
  size_t scratchpad_bytes;
};

// Weights as oneDNN names their axes, those of a group behind it where there are several; in
// memory they are Keras's (height, width, in, out) in either case.
memory::dims weights_dims(const Conv2dGeometry& g) {
  if (g.groups == 1) return {g.out_channels, g.channels, g.kernel_h, g.kernel_w};
  return {g.groups, g.group_out_channels(), g.group_channels(), g.kernel_h, g.kernel_w};
}

class Describer {
 public:
  Describer(const Conv2dGeometry& g, Direction direction, Arithmetic arithmetic,
            ImageLayouts layouts, FusedStages fused)
      : g_(g),
        direction_(direction),
        algorithm_(algorithm_of(arithmetic)),
        operands_(operand_type(arithmetic)),
        layouts_(layouts),
        fused_(fused) {}

  // Weights in the layout that oneDNN likes best, or in a given one. Throws dnnl::error where
  // oneDNN has nothing for it.
  Described describe(int64_t images, std::optional<memory::desc> weights_desc = {}) const {
    const OneThread one_thread;
    const dnnl::engine& engine = cpu_engine();
    const memory::data_type f32 = memory::data_type::f32;
    const bool one_channel_as_nchw = g_.channels == 1 && layouts_.dst != Layout::kPlain;
    const auto src_of = [&](memory::data_type type) {
      return image_desc({g_.batch, g_.height, g_.width, g_.channels}, images,
                        one_channel_as_nchw ? tag::nchw : format_tag(layouts_.src), type);
    };
    const auto dst_of = [&](memory::data_type type) {
      return image_desc({g_.batch, g_.out_height, g_.out_width, g_.out_channels}, images,
                        format_tag(layouts_.dst), type);
    };
    const auto any_weights = [&](memory::data_type type) {
      return memory::desc(weights_dims(g_), type, tag::any);
    };
    const memory::desc src = src_of(direction_ == Direction::kBackwardData ? f32 : operands_);
    const memory::desc dst = dst_of(direction_ == Direction::kForward ? f32 : operands_);
    const memory::desc weights = weights_desc.value_or(
        any_weights(direction_ == Direction::kBackwardWeights ? f32 : operands_));
    const memory::desc bias =
        fused_.bias ? memory::desc({g_.out_channels}, f32, tag::a) : memory::desc();
    const graph::Conv2dWindow& w = g_.window;
    const memory::dims strides{w.stride_h, w.stride_w};
    const memory::dims dilation{w.dilation_h - 1, w.dilation_w - 1};  // oneDNN counts from 0
    const memory::dims before{w.padding.top, w.padding.left};
    const memory::dims after{w.padding.bottom, w.padding.right};

    dnnl::primitive_attr attributes = user_scratchpad();
    if (direction_ == Direction::kForward && fused_.relu_slope) {
      dnnl::post_ops post_ops;
      post_ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu,
                              static_cast<float>(*fused_.relu_slope), 0.0f);
      attributes.set_post_ops(post_ops);
    }
    if (direction_ == Direction::kForward) {
      const dnnl::convolution_forward::primitive_desc pd(
          dnnl::convolution_forward::desc(dnnl::prop_kind::forward_training, algorithm_, src,
                                          weights, bias, dst, strides, dilation, before, after),
          attributes, engine);
      return {[pd] { return dnnl::convolution_forward(pd); },
              pd.impl_info_str(),
              pd.src_desc(),
              pd.weights_desc(),
              pd.dst_desc(),
              pd.scratchpad_desc().get_size()};
    }
    // The gradients ask for a forward description as a hint.
    const dnnl::convolution_forward::primitive_desc hint(
        dnnl::convolution_forward::desc(dnnl::prop_kind::forward_training, algorithm_,
                                        src_of(operands_), any_weights(operands_),
                                        dst_of(operands_), strides, dilation, before, after),
        user_scratchpad(), engine);
    if (direction_ == Direction::kBackwardData) {
      const dnnl::convolution_backward_data::primitive_desc pd(
          dnnl::convolution_backward_data::desc(algorithm_, src, weights, dst, strides, dilation,
                                                before, after),
          attributes, engine, hint);
      return {[pd] { return dnnl::convolution_backward_data(pd); },
              pd.impl_info_str(),
              pd.diff_src_desc(),
              pd.weights_desc(),
              pd.diff_dst_desc(),
              pd.scratchpad_desc().get_size()};
    }
    const dnnl::convolution_backward_weights::primitive_desc pd(
        dnnl::convolution_backward_weights::desc(algorithm_, src, weights, bias, dst, strides,
                                                 dilation, before, after),
        attributes, engine, hint);
    return {[pd] { return dnnl::convolution_backward_weights(pd); },
            pd.impl_info_str(),
            pd.src_desc(),
            pd.diff_weights_desc(),
            pd.diff_dst_desc(),
            pd.scratchpad_desc().get_size()};
  }

 private:
  const Conv2dGeometry& g_;
  Direction direction_;
  dnnl::algorithm algorithm_;
  memory::data_type operands_;
  ImageLayouts layouts_;
  FusedStages fused_;
};

// Images that a primitive reads or writes, slice by slice: as they are, or read from a copy that is
// rounded to bfloat16 just before.
class SlicedImages {
 public:
  SlicedImages(const BatchSlices& slices, int64_t elements_per_image, bool rounded)
      : slices_(slices), per_image_(elements_per_image), rounded_(rounded) {}

  int64_t elements_per_image() const { return per_image_; }
  size_t workspace_bytes() const {
    return rounded_ ? (static_cast<size_t>(slices_.batch() * per_image_) * sizeof(uint16_t) + 63) /
                          64 * 64
                    : 0;
  }
  // What the primitive is to read.
  SlicedPrimitive::Argument bind(int index, std::byte* images, std::byte* workspace) {
    images_ = reinterpret_cast<const float*>(images);
    copy_ = reinterpret_cast<uint16_t*>(workspace);
    const auto bytes = static_cast<int64_t>(rounded_ ? sizeof(uint16_t) : sizeof(float));
    return {index, rounded_ ? workspace : images, slices_.size() * per_image_ * bytes};
  }
  void prepare(int64_t slice) const {
    if (!rounded_) return;
    const int64_t begin = slice * slices_.size() * per_image_;
    simd::round_to_bfloat16(images_ + begin, slices_.rows(slice) * per_image_, copy_ + begin);
  }

 private:
  BatchSlices slices_;
  int64_t per_image_;
  bool rounded_;
  const float* images_ = nullptr;
  uint16_t* copy_ = nullptr;
};

BatchSlices slices_of(const KernelCase& kernel_case, Direction direction) {
  return direction == Direction::kBackwardWeights ? weight_gradient_slices(kernel_case)
                                                  : BatchSlices(kernel_case.input(0).shape[0]);
}

class ConvolutionKernel final : public SlicedKernel {
 public:
  ConvolutionKernel(const KernelCase& kernel_case, Direction direction, Arithmetic arithmetic,
                    ImageLayouts layouts)
      : SlicedKernel(kernel_case, slices_of(kernel_case, direction),
                     direction == Direction::kBackwardWeights
                         ? BatchOperands{.inputs = 2, .outputs = 0}
                         : BatchOperands{.inputs = 1, .outputs = 1}),
        geometry_(conv2d_geometry(kernel_case.graph, kernel_case.op)),
        direction_(direction),
        src_(slices(), geometry_.height * geometry_.width * geometry_.channels,
             arithmetic == Arithmetic::kBfloat16 && direction != Direction::kBackwardData),
        dst_(slices(), geometry_.out_height * geometry_.out_width * geometry_.out_channels,
             arithmetic == Arithmetic::kBfloat16 && direction != Direction::kForward),
        fused_(fused_stages(kernel_case.op, direction)),
        epilogue_(kernel_case, remaining_stages(kernel_case.op, direction)) {
    const Describer describer(geometry_, direction, arithmetic, layouts, fused_);
    // All slices share the weights, so the last one takes the layout that the others chose.
    std::optional<memory::desc> weights;
    sliced_.emplace(slices(), kernel_case.threads, [&](int64_t rows) {
      const Described described = describer.describe(rows, weights);
      weights = described.weights;
      return variant(described);
    });

    const memory::desc keras_weights(weights_dims(geometry_), memory::data_type::f32,
                                     geometry_.groups == 1 ? tag::hwio : tag::hwigo);
    weights_bytes_ = (weights->get_size() + 63) / 64 * 64;
    if (direction == Direction::kBackwardWeights)
      weights_reorder_.emplace(*weights, keras_weights);
    else
      weights_reorder_.emplace(keras_weights, *weights);
  }

  // oneDNN's scratchpads; the images that it reads, where they are rounded; then the weights in its
  // layout, or for weight gradients each slice's weights and biases.
  size_t workspace_bytes() const override {
    const auto copies = direction_ == Direction::kBackwardWeights
                            ? static_cast<size_t>(slices().count())
                            : size_t{1};
    return sliced_->workspace_bytes() + src_.workspace_bytes() + dst_.workspace_bytes() +
           copies * (weights_bytes_ + bias_bytes());
  }

  void bind(const Buffers& buffers) override {
    std::byte* const src_copy = buffers.workspace + sliced_->workspace_bytes();
    std::byte* const dst_copy = src_copy + src_.workspace_bytes();
    std::byte* const own = dst_copy + dst_.workspace_bytes();
    const auto weights_stride = static_cast<int64_t>(weights_bytes_);
    const auto bias_stride = static_cast<int64_t>(bias_bytes());
    std::byte* weights = own;
    std::vector<SlicedPrimitive::Argument> arguments;
    switch (direction_) {
      case Direction::kForward:
        weights = weights_reorder_->trivial() ? buffers.inputs[1] : own;
        weights_reorder_->bind(buffers.inputs[1], own);
        arguments = {src_.bind(DNNL_ARG_SRC, buffers.inputs[0], src_copy),
                     {DNNL_ARG_WEIGHTS, weights, 0},
                     dst_.bind(DNNL_ARG_DST, buffers.outputs[0], dst_copy)};
        if (fused_.bias)
          arguments.push_back(
              {DNNL_ARG_BIAS, buffers.inputs[static_cast<size_t>(fused_.bias_operand)], 0});
        output_ = buffers.output(0);
        output_per_image_ = dst_.elements_per_image();
        break;
      case Direction::kBackwardData:
        weights = weights_reorder_->trivial() ? buffers.inputs[1] : own;
        weights_reorder_->bind(buffers.inputs[1], own);
        arguments = {src_.bind(DNNL_ARG_DIFF_SRC, buffers.outputs[0], src_copy),
                     {DNNL_ARG_WEIGHTS, weights, 0},
                     dst_.bind(DNNL_ARG_DIFF_DST, buffers.inputs[0], dst_copy)};
        output_ = buffers.output(0);
        output_per_image_ = src_.elements_per_image();
        break;
      case Direction::kBackwardWeights:
        // Partial sums, slice by slice.
        partial_weights_ = reinterpret_cast<float*>(own);
        partial_biases_ = reinterpret_cast<float*>(own + slices().count() * weights_stride);
        diff_weights_ = buffers.output(0);
        if (fused_.bias) diff_bias_ = buffers.output(1);
        weights_reorder_->bind(own, buffers.outputs[0]);
        arguments = {src_.bind(DNNL_ARG_SRC, buffers.inputs[0], src_copy),
                     {DNNL_ARG_DIFF_WEIGHTS, own, weights_stride},
                     dst_.bind(DNNL_ARG_DIFF_DST, buffers.inputs[1], dst_copy)};
        if (fused_.bias)
          arguments.push_back(
              {DNNL_ARG_DIFF_BIAS, reinterpret_cast<std::byte*>(partial_biases_), bias_stride});
        break;
    }
    sliced_->bind(arguments, buffers.workspace);
    epilogue_.bind(buffers);
  }

  void begin(const RunContext&) override {
    if (direction_ != Direction::kBackwardWeights) weights_reorder_->run();
  }

  void run_slice(const RunContext& context, int64_t slice, int thread) override {
    src_.prepare(slice);
    dst_.prepare(slice);
    sliced_->run(slice, thread);
    if (epilogue_.empty()) return;
    const int64_t begin = slices().begin(slice) * output_per_image_;
    const int64_t count = slices().rows(slice) * output_per_image_;
    epilogue_.apply(output_ + begin, output_ + begin, begin, count, context);
  }

  void end(const RunContext& context) override {
    if (direction_ == Direction::kBackwardWeights) reduce(context.parallel);
  }

 private:
  SlicedPrimitive::Variant variant(const Described& described) const {
    SlicedPrimitive::Variant variant{described.make(),
                                     {described.src, described.weights, described.dst},
                                     described.scratchpad_bytes};
    if (fused_.bias)
      variant.descs.push_back(
          {{geometry_.out_channels}, memory::data_type::f32, memory::format_tag::a});
    return variant;
  }

  size_t bias_bytes() const {
    return (static_cast<size_t>(geometry_.out_channels) * sizeof(float) + 63) / 64 * 64;
  }

  void reduce(const Parallel& parallel) const {
    const auto stride = static_cast<int64_t>(weights_bytes_ / sizeof(float));
    float* const sum = weights_reorder_->trivial() ? diff_weights_ : partial_weights_;
    const int64_t elements = weights_reorder_->trivial() ? geometry_.weights_elements() : stride;
    tree_sum(parallel, partial_weights_, slices().count(), stride, elements, sum);
    weights_reorder_->run();
    if (fused_.bias)
      tree_sum(parallel, partial_biases_, slices().count(),
               static_cast<int64_t>(bias_bytes() / sizeof(float)), geometry_.out_channels,
               diff_bias_);
  }

  Conv2dGeometry geometry_;
  Direction direction_;
  SlicedImages src_, dst_;
  FusedStages fused_;
  simd::Epilogue epilogue_;
  std::optional<SlicedPrimitive> sliced_;
  // Between Keras's layout (height, width, in, out) and oneDNN's.
  std::optional<Reorder> weights_reorder_;
  size_t weights_bytes_;

  float* output_ = nullptr;
  int64_t output_per_image_ = 0;
  float* partial_weights_ = nullptr;
  float* partial_biases_ = nullptr;
  float* diff_weights_ = nullptr;
  float* diff_bias_ = nullptr;
};

// What Winograd F(4x4, 3x3) does in place of the 144 multiply-accumulates of a tile of 4x4 outputs,
// per pair of channels: 36 products, the same in both gradients; the tiles of the gradient to data
// are its own. Lavin and Gray, "Fast Algorithms
// for Convolutional Neural Networks", CVPR 2016, section 4.3.
struct WinogradWork {
  int64_t multiply_accumulates;
  int64_t transform_flops;
};

WinogradWork winograd_work(const Conv2dGeometry& g, Direction direction) {
  const bool to_data = direction == Direction::kBackwardData;
  const int64_t height = to_data ? g.height : g.out_height, width = to_data ? g.width : g.out_width;
  const int64_t tiles = g.batch * ((height + 3) / 4) * ((width + 3) / 4);
  // One-dimensional transforms of 12, 8 and 10 flops, applied to the columns and to the rows of
  // what they make: data 6 + 6, weights 3 + 6, outputs 6 + 4.
  constexpr int64_t kData = 12 * 12, kWeights = 9 * 8, kOutput = 10 * 10;
  return {36 * tiles * g.channels * g.out_channels,
          tiles * (g.channels * kData + g.out_channels * kOutput) +
              g.channels * g.out_channels * kWeights};
}

class Convolution : public Implementation {
 public:
  Convolution(std::string_view name, Direction direction, Arithmetic arithmetic)
      : name_(name), direction_(direction), arithmetic_(arithmetic) {}

  std::string_view name() const override { return name_; }
  Family family() const override { return Family::kOnednn; }
  Arithmetic arithmetic() const override { return arithmetic_; }
  bool takes_epilogue() const override { return direction_ != Direction::kBackwardWeights; }

  std::optional<std::string> refuse(const KernelCase& kernel_case) const override {
    if (arithmetic_ == Arithmetic::kBfloat16 && !has_bfloat16_dot_product())
      return "this CPU has no dot product of bfloat16s";
    if (arithmetic_ == Arithmetic::kBfloat16 &&
        conv2d_geometry(kernel_case.graph, kernel_case.op).is_depthwise())
      return "a depthwise convolution's few products don't repay the rounding";
    std::string reason;
    if (!find_layouts(kernel_case, reason)) return reason;
    return std::nullopt;
  }

  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    if (arithmetic_ == Arithmetic::kWinograd) {
      const WinogradWork work =
          winograd_work(conv2d_geometry(kernel_case.graph, kernel_case.op), direction_);
      execution.multiply_accumulates = work.multiply_accumulates;
      execution.other_flops += work.transform_flops;
      // Seen in the readers' times, 5 times longer after it than after direct code.
      execution.streams_outputs = direction_ != Direction::kBackwardWeights;
    }
    execution.fused_stages = fused_stages(kernel_case.op, direction_).count;
    return execution;
  }

  OpLayouts layouts(const KernelCase& kernel_case, std::span<const Layout>) const override {
    std::string reason;
    const ImageLayouts images = find_layouts(kernel_case, reason).value();
    OpLayouts layouts = Implementation::layouts(kernel_case, {});
    switch (direction_) {
      case Direction::kForward:
        layouts.inputs[0] = images.src;
        layouts.outputs[0] = images.dst;
        break;
      case Direction::kBackwardData:
        layouts.inputs[0] = images.dst;
        layouts.outputs[0] = images.src;
        break;
      case Direction::kBackwardWeights:
        layouts.inputs[0] = images.src;
        layouts.inputs[1] = images.dst;
        break;
    }
    // What the epilogue reads beside biases has the output's layout.
    for (const graph::Stage& stage : kernel_case.op.epilogue)
      if (graph::has_full_operand(stage))
        layouts.inputs[static_cast<size_t>(stage.operand)] = layouts.outputs[0];
    return layouts;
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    std::string reason;
    return std::make_unique<ConvolutionKernel>(kernel_case, direction_, arithmetic_,
                                               find_layouts(kernel_case, reason).value());
  }

 private:
  // The first pair of layouts, best first, for which oneDNN has optimized code. Blocked ones where
  // the channels fill blocks: forcing them on fewer channels gets oneDNN's reference code.
  std::optional<ImageLayouts> find_layouts(const KernelCase& kernel_case,
                                           std::string& reason) const {
    const Conv2dGeometry g = conv2d_geometry(kernel_case.graph, kernel_case.op);
    if (arithmetic_ == Arithmetic::kWinograd) {
      if (g.kernel_h != 3 || g.kernel_w != 3 || !g.window.has_unit_steps()) {
        reason = "Winograd F(4x4, 3x3) is for 3x3 kernels with stride and dilation 1";
        return std::nullopt;
      }
      if (g.groups > 1) {
        reason = "Winograd is for convolutions of one group";
        return std::nullopt;
      }
      if (g.channels % 16 != 0 || g.out_channels % 16 != 0) {
        reason = "oneDNN's Winograd needs multiples of 16 channels";
        return std::nullopt;
      }
    }
    const FusedStages fused = fused_stages(kernel_case.op, direction_);
    const bool epilogue_in_any_layout =
        simd::Epilogue(kernel_case, remaining_stages(kernel_case.op, direction_)).any_layout();
    reason = "oneDNN has no optimized code for this shape on this machine";
    constexpr std::pair<Layout, int64_t> kLayouts[] = {
        {Layout::kBlocked16, 16}, {Layout::kBlocked8, 8}, {Layout::kPlain, 1}};
    for (const auto& [layout, block] : kLayouts) {
      if (g.out_channels % block != 0) continue;
      if (g.channels % block != 0 && g.channels != 1) continue;
      const ImageLayouts layouts{g.channels % block == 0 ? layout : Layout::kPlain, layout};
      const bool output_blocked =
          (direction_ == Direction::kBackwardData ? layouts.src : layouts.dst) != Layout::kPlain;
      if (output_blocked && !epilogue_in_any_layout) {
        reason = "its epilogue needs the plain layout, and oneDNN is fast in a blocked one";
        continue;
      }
      try {
        const Described described = Describer(g, direction_, arithmetic_, layouts, fused)
                                        .describe(slices_of(kernel_case, direction_).rows(0));
        if (!is_reference_code(described.implementation)) return layouts;
      } catch (const dnnl::error&) {
        // Nothing for these layouts; the next.
      }
    }
    return std::nullopt;
  }

  std::string_view name_;
  Direction direction_;
  Arithmetic arithmetic_;
};

}  // namespace

const Implementation& conv2d_winograd() {
  static const Convolution implementation("onednn.conv2d.winograd", Direction::kForward,
                                          Arithmetic::kWinograd);
  return implementation;
}
const Implementation& conv2d_bfloat16() {
  static const Convolution implementation("onednn.conv2d.bfloat16", Direction::kForward,
                                          Arithmetic::kBfloat16);
  return implementation;
}
const Implementation& conv2d_direct() {
  static const Convolution implementation("onednn.conv2d.direct", Direction::kForward,
                                          Arithmetic::kDirect);
  return implementation;
}
const Implementation& conv2d_backward_data_winograd() {
  static const Convolution implementation("onednn.conv2d_backward_data.winograd",
                                          Direction::kBackwardData, Arithmetic::kWinograd);
  return implementation;
}
const Implementation& conv2d_backward_data_bfloat16() {
  static const Convolution implementation("onednn.conv2d_backward_data.bfloat16",
                                          Direction::kBackwardData, Arithmetic::kBfloat16);
  return implementation;
}
const Implementation& conv2d_backward_data_direct() {
  static const Convolution implementation("onednn.conv2d_backward_data.direct",
                                          Direction::kBackwardData, Arithmetic::kDirect);
  return implementation;
}
const Implementation& conv2d_backward_weights_winograd() {
  static const Convolution implementation("onednn.conv2d_backward_weights.winograd",
                                          Direction::kBackwardWeights, Arithmetic::kWinograd);
  return implementation;
}
const Implementation& conv2d_backward_weights_bfloat16() {
  static const Convolution implementation("onednn.conv2d_backward_weights.bfloat16",
                                          Direction::kBackwardWeights, Arithmetic::kBfloat16);
  return implementation;
}
const Implementation& conv2d_backward_weights_direct() {
  static const Convolution implementation("onednn.conv2d_backward_weights.direct",
                                          Direction::kBackwardWeights, Arithmetic::kDirect);
  return implementation;
}

}  // namespace pronghorn::kernels::onednn
