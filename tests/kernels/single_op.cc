#include "kernels/single_op.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "kernels/candidates.h"
#include "kernels/layout.h"
#include "kernels/reference/reference.h"
#include "kernels/selection.h"
#include "platform/aligned_buffer.h"

namespace pronghorn::test {
namespace {

using graph::ElementType;
using graph::Layout;
using graph::Value;
using graph::ValueId;

// What lies in memory that a kernel has not written; as floats it is NaN.
constexpr unsigned char kUnwritten = 0xFF;
// Bytes behind each buffer that must stay as they are: one vector of the widest instruction set.
constexpr size_t kGuard = 64;

class GuardedBuffer {
 public:
  explicit GuardedBuffer(size_t bytes) : bytes_(bytes), buffer_(bytes + kGuard) {
    std::memset(buffer_.data(), kUnwritten, buffer_.bytes());
  }
  std::byte* data() const { return buffer_.data(); }
  size_t bytes() const { return bytes_; }
  bool guard_is_intact() const {
    const auto* guard = reinterpret_cast<const unsigned char*>(buffer_.data()) + bytes_;
    return std::all_of(guard, guard + kGuard, [](unsigned char b) { return b == kUnwritten; });
  }

 private:
  size_t bytes_;
  AlignedBuffer buffer_;
};

// The place in memory of each element, in plain order.
template <class Visit>
void for_each_offset(const Value& value, Visit&& visit) {
  if (value.layout == Layout::kPlain) {
    for (int64_t i = 0; i < value.shape.elements(); ++i) visit(static_cast<size_t>(i), i);
    return;
  }
  size_t index = 0;
  for (int64_t n = 0; n < value.shape[0]; ++n)
    for (int64_t h = 0; h < value.shape[1]; ++h)
      for (int64_t w = 0; w < value.shape[2]; ++w)
        for (int64_t c = 0; c < value.shape[3]; ++c)
          visit(index++, kernels::element_offset(value.layout, value.shape, n, h, w, c));
}

template <class Float>
void encode(const Value& value, const Tensor& tensor, std::byte* data) {
  if (tensor.size() != static_cast<size_t>(value.shape.elements()))
    throw std::logic_error("value '" + value.name + "' has not been given its elements");
  for_each_offset(value, [&](size_t index, int64_t offset) {
    if (value.element == ElementType::kUint8)
      reinterpret_cast<uint8_t*>(data)[offset] = static_cast<uint8_t>(tensor[index]);
    else if (value.element == ElementType::kInt32)
      reinterpret_cast<int32_t*>(data)[offset] = static_cast<int32_t>(tensor[index]);
    else
      reinterpret_cast<Float*>(data)[offset] = static_cast<Float>(tensor[index]);
  });
}

template <class Float>
Tensor decode(const Value& value, const std::byte* data) {
  Tensor tensor(static_cast<size_t>(value.shape.elements()));
  for_each_offset(value, [&](size_t index, int64_t offset) {
    if (value.element == ElementType::kUint8)
      tensor[index] = reinterpret_cast<const uint8_t*>(data)[offset];
    else if (value.element == ElementType::kInt32)
      tensor[index] = reinterpret_cast<const int32_t*>(data)[offset];
    else
      tensor[index] = static_cast<double>(reinterpret_cast<const Float*>(data)[offset]);
  });
  return tensor;
}

// Memory for an op's tensors, with its aliases.
struct Memory {
  std::vector<GuardedBuffer> owned;
  kernels::Buffers buffers;
};

template <class Float>
Memory allocate(const graph::Graph& graph, const std::vector<Tensor>& values, const graph::Op& op,
                const std::vector<graph::Alias>& aliases) {
  const auto bytes_of = [&](ValueId id) {
    const Value& value = graph.value(id);
    const size_t size = value.element == ElementType::kFloat32
                            ? sizeof(Float)
                            : static_cast<size_t>(graph::bytes_of(value.element));
    return static_cast<size_t>(value.shape.elements()) * size;
  };
  Memory memory;
  for (ValueId id : op.inputs) {
    memory.owned.emplace_back(bytes_of(id));
    encode<Float>(graph.value(id), values[static_cast<size_t>(id)], memory.owned.back().data());
    memory.buffers.inputs.push_back(memory.owned.back().data());
  }
  for (size_t i = 0; i < op.outputs.size(); ++i) {
    std::byte* shared = nullptr;
    for (const graph::Alias& alias : aliases)
      if (alias.output == static_cast<int>(i))
        shared = memory.buffers.inputs[static_cast<size_t>(alias.input)];
    if (shared == nullptr) {
      memory.owned.emplace_back(bytes_of(op.outputs[i]));
      shared = memory.owned.back().data();
    }
    memory.buffers.outputs.push_back(shared);
  }
  return memory;
}

template <class Float>
std::vector<Tensor> outputs_of(const graph::Graph& graph, const graph::Op& op,
                               const kernels::Buffers& buffers) {
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < op.outputs.size(); ++i)
    outputs.push_back(decode<Float>(graph.value(op.outputs[i]), buffers.outputs[i]));
  return outputs;
}

}  // namespace

std::vector<Tensor> run_op(const FilledGraph& filled, const graph::Op& op,
                           const kernels::Implementation& implementation,
                           const RunOptions& options) {
  graph::Graph graph = filled.graph;
  const kernels::KernelCase kernel_case{graph, op, options.threads};
  std::vector<Layout> arriving;
  for (ValueId id : op.inputs) arriving.push_back(graph.value(id).layout);
  const kernels::OpLayouts layouts = implementation.layouts(kernel_case, arriving);
  for (size_t i = 0; i < op.inputs.size(); ++i)
    graph.value(op.inputs[i]).layout = layouts.inputs[i];
  for (size_t i = 0; i < op.outputs.size(); ++i)
    graph.value(op.outputs[i]).layout = layouts.outputs[i];

  std::vector<graph::Alias> aliases = op.kind->required_aliases(op);
  if (options.possible_alias >= 0)
    aliases.push_back(kernels::possible_aliases(
        kernel_case, &implementation)[static_cast<size_t>(options.possible_alias)]);
  Memory memory = allocate<float>(graph, filled.values, op, aliases);
  const std::unique_ptr<kernels::Kernel> kernel = implementation.create(kernel_case);
  const GuardedBuffer workspace(kernel->workspace_bytes());
  memory.buffers.workspace = workspace.data();
  kernel->bind(memory.buffers);
  const Parallel parallel(options.threads);
  kernel->run({parallel, options.seed, options.step, options.learning_rate});

  EXPECT_TRUE(workspace.guard_is_intact()) << "wrote behind its workspace";
  for (const GuardedBuffer& buffer : memory.owned)
    EXPECT_TRUE(buffer.guard_is_intact()) << "wrote behind a tensor";
  const auto is_shared = [&](size_t input) {
    return std::any_of(aliases.begin(), aliases.end(), [&](const graph::Alias& alias) {
      return alias.input == static_cast<int>(input);
    });
  };
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    if (is_shared(i)) continue;
    const Value& value = graph.value(op.inputs[i]);
    // By bits, since a NaN is equal to nothing.
    const Tensor& before = filled.values[static_cast<size_t>(op.inputs[i])];
    const Tensor after = decode<float>(value, memory.buffers.inputs[i]);
    EXPECT_TRUE(std::equal(before.begin(), before.end(), after.begin(), after.end(),
                           [](double a, double b) {
                             return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
                           }))
        << "changed input " << i;
  }
  return outputs_of<float>(graph, op, memory.buffers);
}

std::vector<Tensor> run_op_in_double(const FilledGraph& filled, const graph::Op& op,
                                     const RunOptions& options) {
  const kernels::Implementation& last = *kernels::candidates(*op.kind).back();
  const auto& reference = dynamic_cast<const kernels::reference::ReferenceImplementation&>(last);
  graph::Graph graph = filled.graph;
  for (Value& value : graph.values) value.layout = Layout::kPlain;
  const Memory memory = allocate<double>(graph, filled.values, op, op.kind->required_aliases(op));
  const Parallel parallel(1);
  reference.run_in_double({graph, op, 1}, memory.buffers,
                          {parallel, options.seed, options.step, options.learning_rate});
  return outputs_of<double>(graph, op, memory.buffers);
}

FilledGraph with_bfloat16_operands(const FilledGraph& filled, const graph::Op& op) {
  FilledGraph rounded = filled;
  for (const size_t operand : {0, 1})
    for (double& element : rounded.values[static_cast<size_t>(op.inputs[operand])]) {
      int exponent;
      const double fraction = std::frexp(element, &exponent);  // 0.5 to 1: 8 bits of it
      element = std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
    }
  return rounded;
}

void run_in_double(FilledGraph& filled, bool rounded, const RunOptions& options) {
  filled.values.resize(filled.graph.values.size());
  for (const graph::Op& op : filled.graph.ops) {
    std::vector<Tensor> outputs;
    if (op.kind->is_view())
      outputs = {filled.values[static_cast<size_t>(op.inputs[0])]};
    else
      outputs = run_op_in_double(filled, op, options);
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (rounded)
        for (double& element : outputs[i]) element = static_cast<float>(element);
      filled.values[static_cast<size_t>(op.outputs[i])] = std::move(outputs[i]);
    }
  }
}

}  // namespace pronghorn::test
