#include "cost/timed_kernel.h"

#include <hwy/cache_control.h>
#include <algorithm>

#include <chrono>
#include <cstring>
#include <vector>

#include "base/philox.h"
#include "platform/aligned_buffer.h"
#include "platform/cpu_info.h"

namespace pronghorn::cost {

using graph::Graph;
using graph::Op;
using graph::Value;

namespace {

AlignedBuffer make_buffer(const Value& value, uint64_t stream) {
  AlignedBuffer buffer(static_cast<size_t>(value.bytes()));
  if (value.element != graph::ElementType::kFloat32) return buffer;
  const RandomStream random(0, stream, 0);
  for (int64_t i = 0; i < value.shape.elements(); ++i)
    buffer.floats()[i] = 0.1f + 0.9f * random.uniform(static_cast<uint64_t>(i));
  return buffer;
}

// Drives a buffer out of all caches.
void flush(const AlignedBuffer& buffer) {
  constexpr size_t kLine = 64;
  for (size_t offset = 0; offset < buffer.bytes(); offset += kLine)
    hwy::FlushCacheline(buffer.data() + offset);
}

}  // namespace

double time_kernel(Graph graph, size_t op_index, const kernels::Implementation& implementation,
                   TimingEffort effort) {
  const Op op = graph.ops[op_index];
  const kernels::KernelCase kernel_case{graph, op, 1};
  std::vector<graph::Layout> arriving;
  for (const graph::ValueId id : op.inputs) arriving.push_back(graph.value(id).layout);
  const kernels::OpLayouts layouts = implementation.layouts(kernel_case, arriving);
  for (size_t i = 0; i < op.inputs.size(); ++i)
    graph.value(op.inputs[i]).layout = layouts.inputs[i];
  for (size_t i = 0; i < op.outputs.size(); ++i)
    graph.value(op.outputs[i]).layout = layouts.outputs[i];

  const std::unique_ptr<kernels::Kernel> kernel = implementation.create(kernel_case);
  std::vector<AlignedBuffer> storage;
  kernels::Buffers buffers;
  for (const graph::ValueId id : op.inputs) {
    storage.push_back(make_buffer(graph.value(id), storage.size()));
    buffers.inputs.push_back(storage.back().data());
  }
  for (size_t i = 0; i < op.outputs.size(); ++i) {
    std::byte* shared = nullptr;
    for (const graph::Alias& alias : op.kind->required_aliases(op))
      if (alias.output == static_cast<int>(i))
        shared = buffers.inputs[static_cast<size_t>(alias.input)];
    if (shared == nullptr) {
      storage.push_back(make_buffer(graph.value(op.outputs[i]), storage.size()));
      shared = storage.back().data();
    }
    buffers.outputs.push_back(shared);
  }
  const AlignedBuffer workspace(kernel->workspace_bytes());
  buffers.workspace = workspace.data();
  kernel->bind(buffers);

  const Parallel parallel(1);
  const kernels::RunContext context{parallel, 0, 0, 1e-3f};
  kernel->run(context);
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  // Short kernels run several times between two looks at the clock, which itself takes 20 ns.
  const auto first = Clock::now();
  kernel->run(context);
  const int repeat =
      effort.from != MemoryLevel::kL1
          ? 1
          : std::clamp(static_cast<int>(5e-6 / (seconds_since(first) + 1e-9)), 1, 64);
  const AlignedBuffer other(
      effort.from == MemoryLevel::kL3 ? static_cast<size_t>(2 * cpu_info().cache_bytes[1]) : 0);
  std::vector<double> times;
  const auto begin = Clock::now();
  while (static_cast<int>(times.size()) < effort.runs || seconds_since(begin) < effort.seconds) {
    if (effort.from == MemoryLevel::kL3)
      std::memset(other.data(), static_cast<int>(times.size()), other.bytes());
    if (effort.from == MemoryLevel::kDram)
      for (const AlignedBuffer& buffer : storage) flush(buffer);
    const auto start = Clock::now();
    for (int i = 0; i < repeat; ++i) kernel->run(context);
    times.push_back(seconds_since(start) / repeat);
  }
  std::nth_element(times.begin(), times.begin() + static_cast<ptrdiff_t>(times.size() / 2),
                   times.end());
  return times[times.size() / 2];
}

}  // namespace pronghorn::cost
