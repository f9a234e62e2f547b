#include "compiler/compile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "compiler/dropout_fusion.h"
#include "compiler/fusion.h"
#include "compiler/layout.h"
#include "compiler/memory_planner.h"
#include "compiler/pooling_fusion.h"
#include "graph/op_kind.h"
#include "pronghorn/error.h"

namespace pronghorn::compiler {

using graph::Graph;
using graph::Op;
using graph::ValueId;

namespace {

struct Pass {
  std::string_view name;
  void (*run)(Graph& graph, const CompileOptions& options);
};

// What happens to a step between its gradients and its kernels. (The fusion of softmax and
// crossentropy, and of activations and max-pooling, comes before the gradients: training_step.cc.)
constexpr Pass kPasses[] = {
    // Gradients that nobody asked for go.
    {"remove_unused_ops", [](Graph& graph, const CompileOptions&) { remove_unused_ops(graph); }},
    // An activation that only its dropout reads can take it into the op before.
    {"read_signs_behind_dropout",
     [](Graph& graph, const CompileOptions&) { read_signs_behind_dropout(graph); }},
    // A bias gradient is computed beside the weight gradient that reads the same tensor.
    {"fuse_bias_gradients",
     [](Graph& graph, const CompileOptions&) { fuse_bias_gradients(graph); }},
    // A max-pooling's gradient goes into the convolutions' that skip its zeros.
    {"fuse_max_pool_gradients",
     [](Graph& graph, const CompileOptions& options) {
       fuse_max_pool_gradients(graph, options.threads, options.policy);
     }},
    // Where the bias stands behind the pooling, its gradient is that of what the pooling keeps.
    {"fuse_pooled_bias_gradients",
     [](Graph& graph, const CompileOptions&) { fuse_bias_gradients(graph); }},
    // The gradient of a dropout behind a Flatten can join the product before it.
    {"move_views_behind_elementwise",
     [](Graph& graph, const CompileOptions&) { move_views_behind_elementwise(graph); }},
    // What a convolution computes only to be max-pooled is never written.
    {"fuse_max_pooling",
     [](Graph& graph, const CompileOptions& options) {
       fuse_max_pooling(graph, options.threads, options.policy);
     }},
    // Bias, activation, dropout and their gradients are applied to what a convolution or product
    // computes before it is written; chains of elementwise ops become one.
    {"fuse_epilogues",
     [](Graph& graph, const CompileOptions& options) {
       fuse_epilogues(graph, options.threads, options.policy);
     }},
    // A weight is read and written once, by who computes its gradient.
    {"fuse_updates",
     [](Graph& graph, const CompileOptions& options) {
       fuse_updates(graph, options.threads, options.policy);
     }},
};

std::vector<kernels::Selection> select_kernels(const Graph& graph, const CompileOptions& options) {
  std::vector<kernels::Selection> selections;
  for (const Op& op : graph.ops) {
    if (op.kind->is_view())
      selections.emplace_back();
    else
      selections.push_back(kernels::select({graph, op, options.threads}, options.policy));
  }
  return selections;
}

std::vector<std::unique_ptr<kernels::Kernel>> create_kernels(
    const Graph& graph, const std::vector<kernels::Selection>& selections, int threads) {
  std::vector<std::unique_ptr<kernels::Kernel>> created;
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    const kernels::Implementation* chosen = selections[index].chosen;
    created.push_back(chosen == nullptr ? nullptr
                                        : chosen->create({graph, graph.ops[index], threads}));
  }
  return created;
}

std::vector<runtime::Placement> placements_of(const Graph& graph, const MemoryPlan& plan,
                                              const std::vector<ExternalValue>& external,
                                              std::byte* arena) {
  std::vector<runtime::Placement> placements(graph.values.size());
  for (const ExternalValue& value : external)
    placements[static_cast<size_t>(value.value)].data = reinterpret_cast<std::byte*>(value.data);
  for (size_t id = 0; id < graph.values.size(); ++id) {
    if (plan.offsets[id] >= 0)
      placements[id] = {plan.offsets[id], arena + plan.offsets[id]};
    else
      placements[id].data = placements[static_cast<size_t>(plan.storage[id])].data;
  }
  return placements;
}

kernels::Buffers buffers_of(const Op& op, const std::vector<runtime::Placement>& placements,
                            std::byte* workspace) {
  kernels::Buffers buffers;
  for (ValueId input : op.inputs)
    buffers.inputs.push_back(placements[static_cast<size_t>(input)].data);
  for (ValueId output : op.outputs)
    buffers.outputs.push_back(placements[static_cast<size_t>(output)].data);
  buffers.workspace = workspace;
  return buffers;
}

}  // namespace

std::vector<std::string_view> pass_names() {
  std::vector<std::string_view> names;
  for (const Pass& pass : kPasses) names.push_back(pass.name);
  return names;
}

OptimizedGraph optimize(Graph graph, const CompileOptions& options) {
  for (const std::string& name : options.disabled_passes) {
    const std::vector<std::string_view> known = pass_names();
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw ArgumentError(
          fmt::format("no pass is called '{}'; there are {}", name, fmt::join(known, ", ")));
  }
  const auto finish_pass = [&](std::string_view name) {
    graph.verify();
    if (options.after_pass) options.after_pass(name, graph);
  };
  const auto enabled = [&](std::string_view name) {
    return std::find(options.disabled_passes.begin(), options.disabled_passes.end(), name) ==
           options.disabled_passes.end();
  };
  for (const Pass& pass : kPasses) {
    if (!enabled(pass.name)) continue;
    pass.run(graph, options);
    finish_pass(pass.name);
  }
  std::vector<kernels::Selection> selections = select_kernels(graph, options);
  assign_layouts(graph, selections, options.threads, options.policy);
  finish_pass("assign_layouts");
  return {std::move(graph), std::move(selections)};
}

std::unique_ptr<runtime::Executable> compile(Graph unoptimized,
                                             const std::vector<ExternalValue>& external,
                                             const CompileOptions& options) {
  auto [graph, selections] = optimize(std::move(unoptimized), options);
  std::vector<std::unique_ptr<kernels::Kernel>> created =
      create_kernels(graph, selections, options.threads);
  std::vector<int64_t> workspace_bytes;
  for (const auto& kernel : created)
    workspace_bytes.push_back(kernel ? static_cast<int64_t>(kernel->workspace_bytes()) : 0);
  std::vector<runtime::Chain> chains =
      find_chains(graph, created, options.threads, options.least_chained_bytes);
  const MemoryPlan plan = plan_memory(graph, workspace_bytes, chains, kernels::chosen(selections));
  const auto arena = std::make_shared<AlignedBuffer>(static_cast<size_t>(plan.arena_bytes));
  std::vector<runtime::Placement> placements = placements_of(graph, plan, external, arena->data());

  std::vector<runtime::Instruction> instructions;
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    if (created[index]) {
      const int64_t offset = plan.workspace_offsets[index];
      created[index]->bind(
          buffers_of(graph.ops[index], placements, offset < 0 ? nullptr : arena->data() + offset));
    }
    instructions.push_back({index, std::move(selections[index]), std::move(created[index])});
  }
  return std::make_unique<runtime::Executable>(std::move(graph), std::move(placements),
                                               std::move(instructions), std::move(chains), arena);
}

}  // namespace pronghorn::compiler
