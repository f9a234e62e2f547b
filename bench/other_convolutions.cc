// Convolutions of shapes that no kernel was made for, in training: for forward (with bias and
// relu), to data and to weights, the kernel that selection chooses against oneDNN's primitive for
// the whole batch in the formats that it likes best. One thread, in turns, CPU time of the thread;
// medians, and medians of what oneDNN takes in the same round as a multiple of ours: 1 is as fast,
// less is slower.
//
//   build/release/bench/bench_other_convolutions [ROUNDS]

#include <fmt/format.h>

#include <cstdlib>
#include <dnnl.hpp>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/philox.h"
#include "graph/builder.h"
#include "graph/op_kind.h"
#include "graph/ops/conv2d.h"
#include "kernels/onednn/primitive.h"
#include "kernels/selection.h"
#include "platform/aligned_buffer.h"
#include "stopwatch.h"

namespace pronghorn::bench {
namespace {

using dnnl::memory;
using graph::Layout;
using graph::ValueId;
using graph::ValueRole;

struct ConvolutionShape {
  const char* name;
  int64_t images, size, channels, filters, kernel, stride, dilation, groups;
  bool same;
};

constexpr ConvolutionShape kShapes[] = {
    {"7x7 stride 2", 16, 112, 3, 64, 7, 2, 1, 1, true},
    {"7x7 stride 2", 32, 28, 32, 64, 7, 2, 1, 1, true},
    {"5x5 same", 64, 14, 32, 64, 5, 1, 1, 1, true},
    {"5x5 same", 128, 28, 1, 32, 5, 1, 1, 1, true},
    {"dilation 3", 64, 28, 64, 64, 3, 1, 3, 1, true},
    {"3x3 stride 2", 128, 16, 64, 128, 3, 2, 1, 1, true},
    {"1x1", 64, 14, 256, 64, 1, 1, 1, 1, false},
    {"17 to 33 channels", 64, 16, 17, 33, 3, 1, 1, 1, true},
    {"4 groups", 64, 28, 64, 64, 3, 1, 1, 4, true},
    {"32 groups, 7x7 stride 2", 64, 28, 128, 256, 7, 2, 1, 32, true},
};

// oneDNN's primitive for the whole batch, ready to run.
class WholeBatch {
 public:
  WholeBatch(const graph::Conv2dGeometry& g, const ConvolutionShape& shape, size_t direction) {
    const auto f32 = memory::data_type::f32;
    const auto any = memory::format_tag::any;
    memory::dims weights_dims{g.out_channels, g.channels, g.kernel_h, g.kernel_w};
    if (shape.groups > 1)
      weights_dims = {shape.groups, g.out_channels / shape.groups, g.channels / shape.groups,
                      g.kernel_h, g.kernel_w};
    const memory::desc src({g.batch, g.channels, g.height, g.width}, f32, any);
    const memory::desc dst({g.batch, g.out_channels, g.out_height, g.out_width}, f32, any);
    const memory::desc weights(weights_dims, f32, any);
    const memory::desc bias({g.out_channels}, f32, memory::format_tag::a);
    const auto& window = g.window;
    const memory::dims strides{window.stride_h, window.stride_w};
    const memory::dims dilation{window.dilation_h - 1, window.dilation_w - 1};
    const memory::dims before{window.padding.top, window.padding.left};
    const memory::dims after{window.padding.bottom, window.padding.right};
    const auto direct = dnnl::algorithm::convolution_direct;
    const dnnl::engine& engine = kernels::onednn::cpu_engine();
    dnnl::primitive_attr relu;
    dnnl::post_ops post_ops;
    post_ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
    relu.set_post_ops(post_ops);
    const dnnl::convolution_forward::desc forward_desc(dnnl::prop_kind::forward_training, direct,
                                                       src, weights, bias, dst, strides, dilation,
                                                       before, after);
    const dnnl::convolution_forward::primitive_desc hint(forward_desc, engine);
    const kernels::onednn::OneThread one_thread;
    if (direction == 0) {
      const dnnl::convolution_forward::primitive_desc pd(forward_desc, relu, engine);
      take(pd, dnnl::convolution_forward(pd),
           {{DNNL_ARG_SRC, pd.src_desc()},
            {DNNL_ARG_WEIGHTS, pd.weights_desc()},
            {DNNL_ARG_BIAS, pd.bias_desc()},
            {DNNL_ARG_DST, pd.dst_desc()}});
    } else if (direction == 1) {
      const dnnl::convolution_backward_weights::primitive_desc pd(
          {direct, src, weights, bias, dst, strides, dilation, before, after}, engine, hint);
      take(pd, dnnl::convolution_backward_weights(pd),
           {{DNNL_ARG_SRC, pd.src_desc()},
            {DNNL_ARG_DIFF_WEIGHTS, pd.diff_weights_desc()},
            {DNNL_ARG_DIFF_BIAS, pd.diff_bias_desc()},
            {DNNL_ARG_DIFF_DST, pd.diff_dst_desc()}});
    } else {
      const dnnl::convolution_backward_data::primitive_desc pd(
          {direct, src, weights, dst, strides, dilation, before, after}, engine, hint);
      take(pd, dnnl::convolution_backward_data(pd),
           {{DNNL_ARG_DIFF_SRC, pd.diff_src_desc()},
            {DNNL_ARG_WEIGHTS, pd.weights_desc()},
            {DNNL_ARG_DIFF_DST, pd.diff_dst_desc()}});
    }
  }

  void run() {
    const kernels::onednn::OneThread one_thread;
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }
  const std::string& name() const { return name_; }

 private:
  template <class Description>
  void take(const Description& description, dnnl::primitive primitive,
            const std::unordered_map<int, memory::desc>& descs) {
    primitive_ = std::move(primitive);
    name_ = description.impl_info_str();
    for (const auto& [argument, desc] : descs) {
      memory filled(desc, kernels::onednn::cpu_engine());
      auto* const values = static_cast<float*>(filled.get_data_handle());
      const RandomStream random(1, static_cast<uint64_t>(argument), 0);
      for (size_t i = 0; i < desc.get_size() / sizeof(float); ++i)
        values[i] = random.uniform(i) - 0.5f;
      arguments_.emplace(argument, std::move(filled));
    }
  }

  dnnl::stream stream_{kernels::onednn::cpu_engine()};
  dnnl::primitive primitive_;
  std::unordered_map<int, memory> arguments_;
  std::string name_;
};

// The kernel that selection chooses for an op, ready to run on memory of its own. Images arrive in
// the layout that it takes most gladly.
class Chosen {
 public:
  Chosen(graph::Graph graph, size_t op_index) : graph_(std::move(graph)) {
    const graph::Op& op = graph_.ops[op_index];
    const kernels::KernelCase kernel_case{graph_, op, 1};
    const kernels::Implementation& chosen = *kernels::select(kernel_case, {}).chosen;
    name_ = chosen.name();
    const kernels::OpLayouts layouts =
        chosen.layouts(kernel_case, std::vector(op.inputs.size(), Layout::kBlocked16));
    for (size_t i = 0; i < op.inputs.size(); ++i)
      graph_.value(op.inputs[i]).layout = layouts.inputs[i];
    for (size_t i = 0; i < op.outputs.size(); ++i)
      graph_.value(op.outputs[i]).layout = layouts.outputs[i];
    kernel_ = chosen.create(kernel_case);
    kernels::Buffers buffers;
    for (const ValueId id : op.inputs) buffers.inputs.push_back(filled(id));
    for (const ValueId id : op.outputs) buffers.outputs.push_back(filled(id));
    workspace_ = AlignedBuffer(kernel_->workspace_bytes());
    buffers.workspace = workspace_.data();
    kernel_->bind(buffers);
  }

  void run() { kernel_->run({parallel_, 0, 0, 0}); }
  const std::string& name() const { return name_; }

 private:
  std::byte* filled(ValueId id) {
    const graph::Value& value = graph_.value(id);
    memory_.emplace_back(static_cast<size_t>(value.bytes()));
    const RandomStream random(0, memory_.size(), 0);
    for (int64_t i = 0; i < value.shape.elements(); ++i)
      memory_.back().floats()[i] = random.uniform(static_cast<uint64_t>(i)) - 0.5f;
    return memory_.back().data();
  }

  graph::Graph graph_;
  std::string name_;
  std::vector<AlignedBuffer> memory_;
  AlignedBuffer workspace_{0};
  std::unique_ptr<kernels::Kernel> kernel_;
  Parallel parallel_{1};
};

// Op 0 forward with bias and relu, 1 to weights with the bias's gradient, 2 to data.
graph::Graph training_graph(const ConvolutionShape& shape) {
  graph::Graph graph;
  graph.batch = shape.images;
  graph::Builder builder(graph);
  const ValueId src = builder.add_value(
      "src", {shape.images, shape.size, shape.size, shape.channels}, ValueRole::kInput);
  const ValueId weights = builder.add_value(
      "weights", {shape.kernel, shape.kernel, shape.channels / shape.groups, shape.filters},
      ValueRole::kParameter);
  const ValueId bias = builder.add_value("bias", {shape.filters}, ValueRole::kParameter);
  graph::SamePadding padding{0, 0};
  if (shape.same)
    padding = graph::same_padding(shape.size, shape.kernel, shape.stride, shape.dilation);
  const ValueId dst =
      graph::conv2d(builder, src, weights,
                    {shape.stride,
                     shape.stride,
                     shape.dilation,
                     shape.dilation,
                     {padding.before, padding.before, padding.after, padding.after}});
  const ValueId diff_dst = builder.add_value("diff_dst", graph.value(dst).shape, ValueRole::kInput);
  const graph::Op forward = graph.ops[0];
  forward.kind->gradient(builder, forward, std::vector{diff_dst}, {true, true});
  graph::Attributes attributes = graph.ops[1].attributes;
  attributes.set("bias", int64_t{1});
  const std::vector<ValueId> inputs = graph.ops[1].inputs;
  builder.add_op(*graph.ops[1].kind, std::vector(inputs), std::move(attributes));
  std::swap(graph.ops[1], graph.ops[3]);
  graph.ops.pop_back();
  graph.ops[0].inputs.push_back(bias);
  graph.ops[0].epilogue = {{graph::StageFunction::kBiasAdd, 2}, {graph::StageFunction::kRelu}};
  return graph;
}

void race(const ConvolutionShape& shape, int rounds) {
  const graph::Graph graph = training_graph(shape);
  const graph::Conv2dGeometry g = graph::conv2d_geometry(graph, graph.ops[0]);
  fmt::print("{}: {} images of {}x{}, {} to {} channels", shape.name, shape.images, shape.size,
             shape.size, shape.channels, shape.filters);
  fmt::print("{}\n", shape.groups > 1 ? fmt::format(", {} groups", shape.groups) : "");
  constexpr const char* kDirections[] = {"forward", "to weights", "to data"};
  std::vector<double> ours_total(static_cast<size_t>(rounds)), theirs_total(ours_total);
  const auto report = [](const char* what, const std::vector<double>& ours,
                         const std::vector<double>& theirs, const std::string& names) {
    std::vector<double> ratios;
    for (size_t i = 0; i < ours.size(); ++i) ratios.push_back(theirs[i] / ours[i]);
    fmt::print("  {:10} {:8.3f} {:6.2f}  {}\n", what, median(ours), median(ratios), names);
  };
  for (size_t direction = 0; direction < 3; ++direction) {
    Chosen chosen(graph, direction);
    WholeBatch whole(g, shape, direction);
    std::vector<double> ours, theirs;
    for (int round = -1; round < rounds; ++round) {
      const auto timed = [](auto& contender) {
        const double begin = thread_milliseconds();
        contender.run();
        return thread_milliseconds() - begin;
      };
      const double its = timed(chosen), other = timed(whole);
      if (round < 0) continue;
      ours.push_back(its);
      theirs.push_back(other);
      ours_total[static_cast<size_t>(round)] += its;
      theirs_total[static_cast<size_t>(round)] += other;
    }
    report(kDirections[direction], ours, theirs, chosen.name() + " [" + whole.name() + "]");
  }
  report("together", ours_total, theirs_total, "");
}

}  // namespace
}  // namespace pronghorn::bench

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 15;
  fmt::print("  milliseconds of the chosen kernel, oneDNN's as a multiple\n");
  for (const auto& shape : pronghorn::bench::kShapes) pronghorn::bench::race(shape, rounds);
}
