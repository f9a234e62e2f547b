// The ops between the matrix products: nanoseconds per element and GB/s of compulsory traffic
// (each input read once, each output written once) of every candidate, on one thread.
//
//   build/release/bench/bench_elementwise --benchmark_filter=simd
//
// The 18.9 MB of 128x24x24x64 leave the second-level cache, those of 128x512 do not.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <memory>
#include <vector>

#include "graph/builder.h"
#include "graph/op_kind.h"
#include "graph/ops/batch_norm.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/loss.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/reshape.h"
#include "graph/ops/sum_rows.h"
#include "kernels/candidates.h"
#include "platform/aligned_buffer.h"

namespace pronghorn {
namespace {

using graph::Builder;
using graph::Graph;
using graph::StageFunction;
using graph::ValueId;
using graph::ValueRole;

ValueId input(Builder& builder, const Shape& shape) {
  return builder.add_value("input", shape, ValueRole::kInput);
}

// One op, with buffers of its own.
class BoundOp {
 public:
  BoundOp(std::shared_ptr<Graph> graph, size_t op, const kernels::Implementation& implementation)
      : graph_(std::move(graph)), op_(op) {
    const graph::Op& bound = graph_->ops[op];
    kernels::Buffers buffers;
    for (ValueId id : bound.inputs) buffers.inputs.push_back(fill(graph_->value(id)));
    for (size_t i = 0; i < bound.outputs.size(); ++i) {
      std::byte* memory = nullptr;
      for (const graph::Alias& alias : bound.kind->required_aliases(bound))
        if (alias.output == static_cast<int>(i))
          memory = buffers.inputs[static_cast<size_t>(alias.input)];
      buffers.outputs.push_back(memory != nullptr ? memory : fill(graph_->value(bound.outputs[i])));
    }
    kernel_ = implementation.create({*graph_, bound, 1});
    memory_.emplace_back(kernel_->workspace_bytes());
    buffers.workspace = memory_.back().data();
    kernel_->bind(buffers);
  }

  void run(const kernels::RunContext& context) { kernel_->run(context); }
  graph::Cost cost() const { return graph::cost(*graph_, graph_->ops[op_]); }
  int64_t elements() const { return graph_->input(graph_->ops[op_], 0).shape.elements(); }

 private:
  std::byte* fill(const graph::Value& value) {
    memory_.emplace_back(static_cast<size_t>(value.bytes()));
    if (value.element == graph::ElementType::kFloat32) {
      // Between -1 and 1 without a pattern that a branch predictor would learn.
      uint32_t state = 12345;
      float* floats = memory_.back().floats();
      for (int64_t i = 0; i < value.shape.elements(); ++i) {
        state = state * 1664525 + 1013904223;
        floats[i] = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-31f;
      }
    }
    return memory_.back().data();
  }

  std::shared_ptr<Graph> graph_;
  size_t op_;
  std::vector<AlignedBuffer> memory_;
  std::unique_ptr<kernels::Kernel> kernel_;
};

// Measures every candidate on the last op that `make` adds.
template <class Make>
void add(const std::string& name, Make make) {
  auto graph = std::make_shared<Graph>();
  Builder builder(*graph);
  make(builder);
  const size_t op = graph->ops.size() - 1;
  for (const kernels::Implementation* candidate : kernels::candidates(*graph->ops[op].kind)) {
    if (candidate->refuse({*graph, graph->ops[op], 1})) continue;
    benchmark::RegisterBenchmark(
        fmt::format("{}/{}", name, kernels::to_string(candidate->family())).c_str(),
        [graph, op, candidate](benchmark::State& state) {
          BoundOp bound(graph, op, *candidate);
          const Parallel parallel(1);
          uint64_t step = 0;
          for (auto _ : state) bound.run({parallel, 1, step++, 1e-3f});
          const graph::Cost cost = bound.cost();
          state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) *
                                  (cost.bytes_read + cost.bytes_written));
          state.counters["ns/element"] = benchmark::Counter(
              static_cast<double>(bound.elements()) * 1e-9,
              benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
        })
        ->Unit(benchmark::kMicrosecond);
  }
}

void set_stages(Builder& builder, std::vector<graph::Stage> stages, const Shape& shape) {
  std::vector<ValueId> inputs{input(builder, shape)};
  for (graph::Stage& stage : stages) {
    if (!graph::stage_traits(stage.function).has_operand) continue;
    const bool bias = stage.function == StageFunction::kBiasAdd;
    inputs.push_back(input(builder, bias ? Shape{shape.back()} : shape));
    stage.operand = static_cast<int>(inputs.size()) - 1;
  }
  builder.add_op(graph::elementwise_kind(), std::move(inputs), {}, std::move(stages));
}

void add_all() {
  const Shape activations{128, 512};    // of mnist-mlp
  const Shape images{128, 24, 24, 64};  // of mnist-cnn, 18.9 MB
  const graph::Stage bias{StageFunction::kBiasAdd};
  const graph::Stage relu{StageFunction::kRelu};
  const graph::Stage relu_backward{StageFunction::kReluBackward};
  const graph::Stage dropout{StageFunction::kDropout, -1, 0.2, 1};
  const auto stages = [](std::vector<graph::Stage> list, Shape shape) {
    return [list, shape](Builder& builder) { set_stages(builder, list, shape); };
  };
  for (const auto& [size, shape] : {std::pair{"128x512", activations}, {"128x24x24x64", images}}) {
    add(fmt::format("relu {}", size), stages({relu}, shape));
    add(fmt::format("bias+relu {}", size), stages({bias, relu}, shape));
    add(fmt::format("dropout {}", size), stages({dropout}, shape));
    add(fmt::format("bias+relu+dropout {}", size), stages({bias, relu, dropout}, shape));
    add(fmt::format("relu_backward {}", size), stages({relu_backward}, shape));
    add(fmt::format("dropout+relu_backward {}", size), stages({dropout, relu_backward}, shape));
  }
  for (StageFunction function :
       {StageFunction::kSigmoid, StageFunction::kTanh, StageFunction::kGelu, StageFunction::kSilu,
        StageFunction::kElu, StageFunction::kSoftplus, StageFunction::kGeluBackward})
    add(fmt::format("{} 128x512", graph::stage_traits(function).name),
        stages({{function, -1, 1.0}}, activations));

  const auto softmax_loss = [](bool backward) {
    return [backward](Builder& builder) {
      const ValueId logits = input(builder, {128, 10});
      const ValueId labels = input(builder, {128, 10});
      const graph::Attributes attributes{{"function", std::string("categorical_crossentropy")},
                                         {"from_logits", int64_t{1}},
                                         {"weight", 1.0},
                                         {"scale", 1.0 / 128}};
      builder.add_op(backward ? graph::softmax_cross_entropy_backward_kind()
                              : graph::softmax_cross_entropy_kind(),
                     {logits, labels}, attributes);
    };
  };
  add("softmax_cross_entropy 128x10", softmax_loss(false));
  add("softmax_cross_entropy_backward 128x10", softmax_loss(true));

  const auto update = [](graph::Attributes attributes) {
    return [attributes](Builder& builder) {
      const Shape weights{669706};  // all of mnist-mlp
      const ValueId parameter = input(builder, weights);
      const ValueId gradient = input(builder, weights);
      std::vector<ValueId> slots;
      for (size_t i = 0; i < graph::optimizer_slots(attributes).size(); ++i)
        slots.push_back(input(builder, weights));
      graph::optimizer_update(builder, parameter, gradient, slots, attributes);
    };
  };
  add("sgd 669706", update({{"optimizer", std::string("sgd")},
                            {"momentum", 0.0},
                            {"nesterov", int64_t{0}},
                            {"weight_decay", 0.0}}));
  add("rmsprop 669706", update({{"optimizer", std::string("rmsprop")},
                                {"rho", 0.9},
                                {"momentum", 0.0},
                                {"epsilon", 1e-7},
                                {"centered", int64_t{0}},
                                {"epsilon_outside", int64_t{0}},
                                {"weight_decay", 0.0}}));
  add("adam 669706", update({{"optimizer", std::string("adam")},
                             {"beta_1", 0.9},
                             {"beta_2", 0.999},
                             {"epsilon", 1e-7},
                             {"amsgrad", int64_t{0}},
                             {"weight_decay", 0.0}}));

  for (const auto& [size, shape] : {std::pair{"128x24x24x64", images},
                                    {"128x26x26x4", Shape{128, 26, 26, 4}},
                                    {"128x10", Shape{128, 10}},
                                    {"128x512", activations}})
    add(fmt::format("sum_rows {}", size),
        [shape = shape](Builder& builder) { graph::sum_rows(builder, input(builder, shape)); });

  const Shape resnet{32, 32, 32, 16};
  add("batch_norm_training 32x32x32x16", [=](Builder& builder) {
    const Shape channels{resnet.back()};
    graph::batch_norm_training(builder, input(builder, resnet), input(builder, channels),
                               input(builder, channels), input(builder, channels),
                               input(builder, channels), {});
  });
  add("batch_norm_backward 32x32x32x16", [=](Builder& builder) {
    const Shape channels{resnet.back()};
    builder.add_op(
        graph::batch_norm_backward_kind(),
        {input(builder, resnet), input(builder, resnet), input(builder, channels),
         input(builder, channels), input(builder, channels)},
        {{"scale", int64_t{1}}, {"center", int64_t{1}}, {"epsilon", 1e-3}, {"momentum", 0.99}});
  });
  add("max_pool2d 128x24x24x64",
      [=](Builder& builder) { graph::max_pool2d(builder, input(builder, images), {}); });
  add("reorder nChw16c to plain 128x24x24x64", [=](Builder& builder) {
    const ValueId src = input(builder, images);
    builder.graph().value(src).layout = graph::Layout::kBlocked16;
    builder.add_op(graph::reorder_kind(), {src});
  });
}

}  // namespace
}  // namespace pronghorn

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  pronghorn::add_all();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
