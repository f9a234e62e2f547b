#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "graph/op_kind.h"
#include "platform/batch_slices.h"
#include "platform/parallel.h"

namespace pronghorn::kernels {

// Where an op's tensors are. Fixed when a step is compiled; a bound kernel keeps what it needs.
struct Buffers {
  std::vector<std::byte*> inputs;
  std::vector<std::byte*> outputs;
  // Kernel::workspace_bytes() bytes, 64-byte aligned, whose contents do not last between runs.
  std::byte* workspace = nullptr;

  float* input(int index) const {
    return reinterpret_cast<float*>(inputs[static_cast<size_t>(index)]);
  }
  float* output(int index) const {
    return reinterpret_cast<float*>(outputs[static_cast<size_t>(index)]);
  }
};

// What differs from one run of a step to the next, beside the data.
struct RunContext {
  const Parallel& parallel;
  uint64_t seed;
  // Steps done before this one, over the whole training: the step of the random numbers, and t - 1
  // in the optimizers' formulas.
  uint64_t step;
  float learning_rate;
};

class SlicedKernel;

// One op, ready to run. Allocates, checks and decides nothing while it runs.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual size_t workspace_bytes() const { return 0; }
  // Called once, before the first run.
  virtual void bind(const Buffers& buffers) = 0;
  virtual void run(const RunContext& context) = 0;
  // Itself, where it is one (kernels/sliced_kernel.h).
  virtual SlicedKernel* as_sliced() { return nullptr; }
};

// What a kernel is chosen and made for.
struct KernelCase {
  const graph::Graph& graph;
  const graph::Op& op;
  // The team that will run it: for workspaces, never for results.
  int threads;

  const graph::Value& input(int index) const { return graph.input(op, index); }
  const graph::Value& output(int index) const { return graph.output(op, index); }
};

// The slices over which a convolution's weight gradient is summed.
BatchSlices weight_gradient_slices(const KernelCase& kernel_case);

enum class Family : uint8_t { kReference, kSimd, kOnednn };
std::string_view to_string(Family family);

// What an implementation computes in place of the sums of products that an op names.
enum class Arithmetic : uint8_t {
  kDirect,    // those sums, in float32
  kWinograd,  // fewer products, of sums of the operands: it rounds otherwise
  kBfloat16,  // those sums, in float32, of operands rounded to bfloat16
};

struct OpLayouts {
  std::vector<graph::Layout> inputs;
  std::vector<graph::Layout> outputs;
};

// What a kernel does for a case, for predictions and explanations. Where it differs from what the
// op needs (graph/cost.h), both are shown.
struct Execution {
  int64_t multiply_accumulates = 0;
  int64_t other_flops = 0;
  // Leading stages of the epilogue that are part of the kernel's own code and cost nothing more.
  size_t fused_stages = 0;
  // Its outputs go past the caches to memory, so that whoever reads them finds them there.
  bool streams_outputs = false;
  // Independent parts of its loop: threads beyond so many have nothing to do.
  int64_t tasks = 1;
};

// One way to run ops of one kind. Stateless; kernels/candidates.cc lists them.
class Implementation {
 public:
  virtual ~Implementation() = default;

  // Family and what is special: "onednn.conv2d.winograd".
  virtual std::string_view name() const = 0;
  virtual Family family() const = 0;
  virtual Arithmetic arithmetic() const { return Arithmetic::kDirect; }

  // Whether it applies an op's epilogue. One that doesn't gets no op that has one.
  virtual bool takes_epilogue() const { return false; }

  // Why it can't run this case, the epilogue included; nothing where it can. Layouts are not yet
  // decided when this is asked.
  virtual std::optional<std::string> refuse(const KernelCase&) const { return std::nullopt; }

  // The layouts that it wants to run with when its inputs arrive in the given ones. The default:
  // everything plain.
  virtual OpLayouts layouts(const KernelCase& kernel_case,
                            std::span<const graph::Layout> arriving) const;

  // Of a case that it accepts; layouts need not be decided. The default: the op's own arithmetic,
  // in the slices of its batch (platform/batch_slices.h).
  virtual Execution execution(const KernelCase& kernel_case) const;

  // Where an output may lie where an input does, beyond what the op's kind allows whatever kernel
  // runs it (graph/op_kind.h). Layouts are final; the two have the same one.
  virtual std::vector<graph::Alias> possible_aliases(const KernelCase&) const { return {}; }

  // The layouts of the case's values are final here, and those that layouts() answered.
  virtual std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const = 0;
};

}  // namespace pronghorn::kernels
