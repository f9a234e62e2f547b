#include "cost/timed_kernel.h"

#include <hwy/cache_control.h>
#include <algorithm>

#include <chrono>
#include <cstring>
#include <vector>

#include "base/philox.h"
#include "graph/op_kind.h"
#include "graph/ops/conv2d_max_pool2d_backward.h"
#include "graph/ops/matmul.h"
#include "graph/ops/matmul_update.h"
#include "kernels/simd/matmul_panels.h"
#include "platform/aligned_buffer.h"
#include "platform/cpu_info.h"

namespace pronghorn::cost {

using graph::Graph;
using graph::Op;
using graph::Value;

namespace {

// Of what a max-pooling sends back, one element of a window can have a gradient, and so many of the
// windows have one; relu cut the others' maximum, or dropout dropped it. In training it is .35 to
// .65, in a net that begins and has a dropout of .25 it is .61.
constexpr double kAlive = 0.6;

// Of a product's first matrix, where it comes from images (MNIST .19, Fashion-MNIST .50), relu or
// dropout (.3 to .5).
constexpr double kNonzero = 0.4;

double density_of(const Graph& graph, const Op& op, graph::ValueId id) {
  const bool to_data = op.kind == &graph::conv2d_max_pool2d_backward_data_kind();
  const bool to_weights = op.kind == &graph::conv2d_max_pool2d_backward_weights_kind();
  if ((to_data && op.inputs[0] == id) || (to_weights && op.inputs[1] == id)) return kAlive;
  const bool of_product = (op.kind == &graph::matmul_kind() && op.inputs[0] == id) ||
                          (op.kind == &graph::matmul_update_kind() && op.inputs[1] == id);
  if (of_product && kernels::simd::may_hold_zeros(graph, id)) return kNonzero;
  return 1;
}

// Random numbers, drawn once: as many as all operands have would take a quarter of the calibration.
const std::vector<float>& uniforms() {
  static const std::vector<float> numbers = [] {
    std::vector<float> drawn(1 << 16);
    const RandomStream random(0, 0, 0);
    for (size_t i = 0; i < drawn.size(); ++i) drawn[i] = random.uniform(i);
    return drawn;
  }();
  return numbers;
}

AlignedBuffer make_buffer(const Value& value, double density, size_t operand) {
  AlignedBuffer buffer(static_cast<size_t>(value.bytes()));
  const std::vector<float>& numbers = uniforms();
  // Each operand begins somewhere else.
  const auto number = [&, begin = 7919 * operand](size_t i) {
    return numbers[(begin + i) % numbers.size()];
  };
  if (value.element == graph::ElementType::kUint8) {
    // Which element of a pooling window won; kernels branch on it, so it must not be foreseeable.
    for (size_t i = 0; i < buffer.bytes(); ++i)
      buffer.data()[i] = static_cast<std::byte>(4 * number(i));
    return buffer;
  }
  if (value.element != graph::ElementType::kFloat32) return buffer;
  const auto elements = static_cast<size_t>(value.shape.elements());
  // Zero or not is told by another number than the element itself.
  for (size_t i = 0; i < elements; ++i)
    if (density == 1 || number(i + 40'009) < static_cast<float>(density))
      buffer.floats()[i] = 0.1f + 0.9f * number(i);
  return buffer;
}

// Drives a buffer out of all caches.
void flush(const AlignedBuffer& buffer) {
  constexpr size_t kLine = 64;
  for (size_t offset = 0; offset < buffer.bytes(); offset += kLine)
    hwy::FlushCacheline(buffer.data() + offset);
}

}  // namespace

TimedKernel::TimedKernel(Graph graph, size_t op_index,
                         const kernels::Implementation& implementation)
    : graph_(std::move(graph)),
      other_(
          static_cast<size_t>(2 * std::max(cpu_info_.cache_bytes[0], cpu_info_.cache_bytes[1]))) {
  const Op& op = graph_.ops[op_index];
  const kernels::KernelCase kernel_case{graph_, op, 1};
  std::vector<graph::Layout> arriving;
  for (const graph::ValueId id : op.inputs) arriving.push_back(graph_.value(id).layout);
  const kernels::OpLayouts layouts = implementation.layouts(kernel_case, arriving);
  for (size_t i = 0; i < op.inputs.size(); ++i)
    graph_.value(op.inputs[i]).layout = layouts.inputs[i];
  for (size_t i = 0; i < op.outputs.size(); ++i)
    graph_.value(op.outputs[i]).layout = layouts.outputs[i];

  kernel_ = implementation.create(kernel_case);
  kernels::Buffers buffers;
  const auto add_operand = [&](graph::ValueId id) {
    operands_.push_back(
        make_buffer(graph_.value(id), density_of(graph_, op, id), operands_.size()));
    return operands_.back().data();
  };
  for (const graph::ValueId id : op.inputs) buffers.inputs.push_back(add_operand(id));
  for (size_t i = 0; i < op.outputs.size(); ++i) {
    std::byte* shared = nullptr;
    for (const graph::Alias& alias : op.kind->required_aliases(op))
      if (alias.output == static_cast<int>(i))
        shared = buffers.inputs[static_cast<size_t>(alias.input)];
    buffers.outputs.push_back(shared != nullptr ? shared : add_operand(op.outputs[i]));
  }
  workspace_ = AlignedBuffer(kernel_->workspace_bytes());
  buffers.workspace = workspace_.data();
  kernel_->bind(buffers);
}

void TimedKernel::run() { kernel_->run({parallel_, 0, 0, 1e-3f}); }

void TimedKernel::evict(MemoryLevel from) {
  const auto twice = [](int64_t cache) { return static_cast<size_t>(2 * cache); };
  if (from == MemoryLevel::kL2) std::memset(other_.data(), 1, twice(cpu_info_.cache_bytes[0]));
  if (from == MemoryLevel::kL3) std::memset(other_.data(), 1, twice(cpu_info_.cache_bytes[1]));
  if (from == MemoryLevel::kDram)
    for (const AlignedBuffer& buffer : operands_) flush(buffer);
}

double TimedKernel::typical_seconds(MemoryLevel from, int runs, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  run();  // warms up
  // Short kernels run several times between two looks at the clock, which itself takes 20 ns.
  int repeat = 1;
  if (from == MemoryLevel::kL1) {
    const auto first = Clock::now();
    run();
    repeat = std::clamp(static_cast<int>(5e-6 / (seconds_since(first) + 1e-9)), 1, 64);
  }
  std::vector<double> times;
  const auto begin = Clock::now();
  while (static_cast<int>(times.size()) < runs || seconds_since(begin) < seconds) {
    evict(from);
    const auto start = Clock::now();
    for (int i = 0; i < repeat; ++i) run();
    times.push_back(seconds_since(start) / repeat);
  }
  // What else runs on the machine can only make a run slower.
  const auto quartile = times.begin() + static_cast<ptrdiff_t>(times.size() / 4);
  std::nth_element(times.begin(), quartile, times.end());
  return *quartile;
}

}  // namespace pronghorn::cost
