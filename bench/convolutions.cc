// Every candidate of a 3x3 convolution with bias and relu, of the same with a 2x2 max-pooling
// behind it, and of both gradients, interleaved on one thread: the median of the first
// one's milliseconds, and medians of what each other takes in the same round as multiples of it.
//
//   build/release/bench/bench_convolutions [ROUNDS [IMAGES SIZE CHANNELS FILTERS valid|same]]

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/philox.h"
#include "graph/builder.h"
#include "graph/op_kind.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/pool2d.h"
#include "kernels/candidates.h"
#include "kernels/selection.h"
#include "platform/aligned_buffer.h"
#include "stopwatch.h"

namespace pronghorn::bench {
namespace {

using graph::Layout;
using graph::ValueId;
using graph::ValueRole;

struct ConvolutionShape {
  int64_t images, size, channels, filters;
  bool same;
};

// Layers of mnist-cnn, of ResNet-20, of a VGG for 32x32 images, and of larger nets.
constexpr ConvolutionShape kShapes[] = {
    {128, 26, 32, 64, false}, {128, 32, 16, 16, true},  {128, 16, 32, 32, true},
    {128, 8, 64, 64, true},   {128, 32, 32, 32, true},  {64, 32, 64, 64, true},
    {128, 16, 64, 128, true}, {128, 8, 128, 128, true}, {16, 56, 64, 64, true},
    {64, 14, 256, 256, true},
};

// One or two ops by chosen kernels, run one after the other.
struct Contender {
  std::string name;
  std::vector<std::unique_ptr<kernels::Kernel>> kernels;
  std::vector<AlignedBuffer> workspaces;
  std::vector<double> times;
};

double lower_quartile(std::vector<double> times) {
  const auto at = times.begin() + static_cast<long>(times.size() / 4);
  std::nth_element(times.begin(), at, times.end());
  return *at;
}

class Race {
 public:
  explicit Race(const ConvolutionShape& shape) {
    graph_.batch = shape.images;
    graph::Builder builder(graph_);
    const ValueId src = builder.add_value(
        "src", {shape.images, shape.size, shape.size, shape.channels}, ValueRole::kInput);
    const ValueId weights =
        builder.add_value("weights", {3, 3, shape.channels, shape.filters}, ValueRole::kParameter);
    const ValueId bias = builder.add_value("bias", {shape.filters}, ValueRole::kParameter);
    const int64_t padding = shape.same ? 1 : 0;
    const ValueId dst =
        graph::conv2d(builder, src, weights, {1, 1, 1, 1, {padding, padding, padding, padding}});
    graph::max_pool2d(builder, dst, {});
    const graph::Op joined = graph::with_max_pooling(graph_.ops[0], graph_.ops[1]).value();
    builder.add_op(*joined.kind, joined.inputs, joined.attributes);
    const ValueId diff_dst =
        builder.add_value("diff_dst", graph_.value(dst).shape, ValueRole::kInput);
    graph_.ops[0].kind->gradient(builder, graph_.ops[0], std::vector{diff_dst}, {true, true});
    for (const size_t op : {kConvolution, kPooled}) {
      graph_.ops[op].inputs.push_back(bias);
      graph_.ops[op].epilogue = {{graph::StageFunction::kBiasAdd, 2},
                                 {graph::StageFunction::kRelu}};
    }
    for (const graph::Value& value : graph_.values) {
      memory_.emplace_back(static_cast<size_t>(value.bytes()));
      if (value.element != graph::ElementType::kFloat32) continue;
      const RandomStream random(0, memory_.size(), 0);
      for (int64_t i = 0; i < value.shape.elements(); ++i)
        memory_.back().floats()[i] = random.uniform(static_cast<uint64_t>(i)) - 0.5f;
    }
  }

  static constexpr size_t kConvolution = 0, kPooling = 1, kPooled = 2, kToWeights = 3, kToData = 4;

  // All that run `op`, and where that is the pooled convolution also each convolution with the
  // pooling that selection chooses behind it.
  void run(size_t op, int rounds) {
    std::vector<Contender> contenders;
    for (const kernels::Implementation* candidate : kernels::candidates(*graph_.ops[op].kind))
      enter(contenders, {{op, candidate}});
    if (op == kPooled)
      for (const kernels::Implementation* candidate :
           kernels::candidates(*graph_.ops[kConvolution].kind))
        enter(contenders,
              {{kConvolution, candidate},
               {kPooling, kernels::select({graph_, graph_.ops[kPooling], 1}, {}).chosen}});
    for (int round = -1; round < rounds; ++round)
      for (Contender& contender : contenders) {
        // As the op before it leaves it: just written.
        std::memmove(memory_[0].data(), memory_[0].data(), memory_[0].bytes());
        const double start = thread_milliseconds();
        for (const auto& kernel : contender.kernels) kernel->run({parallel_, 0, 0, 0});
        if (round >= 0) contender.times.push_back(thread_milliseconds() - start);
      }
    const double first = lower_quartile(contenders[0].times);
    for (const Contender& contender : contenders) {
      const double time = lower_quartile(contender.times);
      fmt::print("  {:8.3f} {:6.2f}  {}\n", time, time / first, contender.name);
    }
  }

 private:
  using Part = std::pair<size_t, const kernels::Implementation*>;

  void enter(std::vector<Contender>& contenders, const std::vector<Part>& parts) {
    Contender contender;
    Layout layout = Layout::kBlocked16;
    for (const auto& [index, implementation] : parts) {
      const graph::Op& op = graph_.ops[index];
      if (implementation->family() == kernels::Family::kReference ||
          kernels::why_not(*implementation, {graph_, op, 1}))
        return;
      graph::Graph graph = graph_;
      const kernels::KernelCase kernel_case{graph, op, 1};
      const kernels::OpLayouts layouts =
          implementation->layouts(kernel_case, std::vector(op.inputs.size(), layout));
      for (size_t i = 0; i < op.inputs.size(); ++i)
        graph.value(op.inputs[i]).layout = layouts.inputs[i];
      for (size_t i = 0; i < op.outputs.size(); ++i)
        graph.value(op.outputs[i]).layout = layouts.outputs[i];
      layout = layouts.outputs[0];
      kernels::Buffers buffers;
      for (const ValueId id : op.inputs)
        buffers.inputs.push_back(memory_[static_cast<size_t>(id)].data());
      for (const ValueId id : op.outputs)
        buffers.outputs.push_back(memory_[static_cast<size_t>(id)].data());
      contender.kernels.push_back(implementation->create(kernel_case));
      contender.workspaces.emplace_back(contender.kernels.back()->workspace_bytes());
      buffers.workspace = contender.workspaces.back().data();
      contender.kernels.back()->bind(buffers);
      contender.name +=
          (contender.name.empty() ? "" : " and ") + std::string(implementation->name());
    }
    contenders.push_back(std::move(contender));
  }

  graph::Graph graph_;
  std::vector<AlignedBuffer> memory_;
  Parallel parallel_{1};
};

void race(const ConvolutionShape& shape, int rounds) {
  fmt::print("{} images of {}x{}, {} to {} channels, {}\n", shape.images, shape.size, shape.size,
             shape.channels, shape.filters, shape.same ? "same" : "valid");
  Race race(shape);
  for (const size_t op : {Race::kConvolution, Race::kPooled, Race::kToData, Race::kToWeights})
    race.run(op, rounds);
}

}  // namespace
}  // namespace pronghorn::bench

int main(int argc, char** argv) {
  const auto number = [&](int index) { return std::atoll(argv[index]); };
  const int rounds = argc > 1 ? static_cast<int>(number(1)) : 9;
  if (argc == 7) {
    pronghorn::bench::race(
        {number(2), number(3), number(4), number(5), std::strcmp(argv[6], "same") == 0}, rounds);
  } else {
    for (const auto& shape : pronghorn::bench::kShapes) pronghorn::bench::race(shape, rounds);
  }
}
