#include "compiler/memory_planner.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>

#include "compiler/chains.h"
#include "compiler/fusion.h"
#include "compiler/net.h"
#include "graph/op_kind.h"
#include "graph/ops/batch_norm.h"
#include "graph/ops/concatenate.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/matmul.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/reshape.h"
#include "graph/ops/softmax.h"
#include "graph/ops/sum_rows.h"
#include "graph/printer.h"

namespace pronghorn::compiler::testing {
namespace {

using graph::Graph;
using graph::Op;
using graph::StageFunction;
using graph::ValueId;
using graph::ValueRole;

size_t at(ValueId id) { return static_cast<size_t>(id); }

struct Range {
  int64_t begin, end;
  bool overlaps(const Range& other) const { return begin < other.end && other.begin < end; }
};

// Runs a plan without arithmetic: each cache line of the arena remembers whose contents it holds,
// every op writes its outputs and spoils its workspace, and whoever reads must find what was
// written. It computes no lifetimes, so it can't err as the planner does.
class Rehearsal {
 public:
  using Chosen = std::vector<const kernels::Implementation*>;

  Rehearsal(const Graph& graph, const std::vector<int64_t>& workspace_bytes, const MemoryPlan& plan,
            const Chosen& chosen = {})
      : graph_(graph),
        workspace_bytes_(workspace_bytes),
        plan_(plan),
        chosen_(chosen),
        lines_(static_cast<size_t>(plan.arena_bytes / kArenaAlignment), kNothing),
        contents_(graph.values.size()) {
    for (size_t id = 0; id < contents_.size(); ++id) contents_[id] = static_cast<ValueId>(id);
  }

  // The first fault, or an empty string.
  std::string fault() {
    if (plan_.arena_bytes % kArenaAlignment != 0) return "the arena's end is not aligned";
    for (size_t id = 0; id < graph_.values.size(); ++id) {
      const auto value = static_cast<ValueId>(id);
      const int64_t offset = plan_.offsets[id];
      if (offset >= 0 && offset % kArenaAlignment != 0) return name(value) + " is not aligned";
      if (offset >= 0 && range(value).end > plan_.arena_bytes) return name(value) + " is outside";
      const bool external = graph_.value(value).role == ValueRole::kParameter ||
                            graph_.value(value).role == ValueRole::kState;
      if (external && offset >= 0) return name(value) + " is a weight in the arena";
      if (graph_.value(value).role == ValueRole::kInput) write(value);
    }
    for (size_t index = 0; index < graph_.ops.size(); ++index) {
      const std::string found = fault_of(graph_.ops[index], index);
      if (!found.empty()) return fmt::format("op {}: {}", index, found);
    }
    for (size_t id = 0; id < graph_.values.size(); ++id) {
      const auto value = static_cast<ValueId>(id);
      const ValueRole role = graph_.value(value).role;
      if ((role == ValueRole::kOutput || role == ValueRole::kInput) && !holds(value))
        return name(value) + " is gone at the end of the step";
    }
    return "";
  }

 private:
  static constexpr ValueId kNothing = -1;

  std::string fault_of(const Op& op, size_t index) {
    if (op.kind->is_view()) {
      if (!holds(op.inputs[0])) return "the viewed " + name(op.inputs[0]) + " is gone";
      if (plan_.offsets[at(op.outputs[0])] != plan_.offsets[at(op.inputs[0])])
        return "a view lies elsewhere";
      contents_[at(op.outputs[0])] = contents_[at(op.inputs[0])];
      return "";
    }
    std::optional<Range> workspace;
    if (workspace_bytes_[index] > 0) {
      const int64_t offset = plan_.workspace_offsets[index];
      if (offset < 0 || offset % kArenaAlignment != 0) return "the workspace is not aligned";
      workspace = Range{offset, offset + workspace_bytes_[index]};
    }
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      if (!holds(op.inputs[i])) return "input " + name(op.inputs[i]) + " is gone";
      if (in_arena(op.inputs[i]) && workspace && range(op.inputs[i]).overlaps(*workspace))
        return "the workspace overlaps " + name(op.inputs[i]);
    }
    for (size_t o = 0; o < op.outputs.size(); ++o) {
      const ValueId output = op.outputs[o];
      if (!in_arena(output)) {
        if (!aliased(op.kind->required_aliases(op), op, o)) return name(output) + " has no place";
        continue;
      }
      if (workspace && range(output).overlaps(*workspace))
        return "the workspace overlaps " + name(output);
      for (size_t other = 0; other < o; ++other)
        if (in_arena(op.outputs[other]) && range(op.outputs[other]).overlaps(range(output)))
          return "two outputs overlap";
      for (size_t i = 0; i < op.inputs.size(); ++i) {
        if (!in_arena(op.inputs[i]) || !range(op.inputs[i]).overlaps(range(output))) continue;
        // The same value at another of the op's inputs may be what the kind or kernel allows.
        const kernels::Implementation* const who = chosen_.empty() ? nullptr : chosen_[index];
        if (!aliased(kernels::possible_aliases({graph_, op, 1}, who), op, o))
          return name(output) + " overwrites " + name(op.inputs[i]) + " while it is read";
        overwritten_in_place_ += 1;
      }
    }
    if (workspace)
      std::fill(lines_.begin() + workspace->begin / kArenaAlignment,
                lines_.begin() + (workspace->end + kArenaAlignment - 1) / kArenaAlignment,
                kNothing);
    for (ValueId output : op.outputs) write(output);
    return "";
  }

  // Whether output o lies exactly where an input is that these aliases pair it with.
  bool aliased(const std::vector<graph::Alias>& aliases, const Op& op, size_t o) const {
    return std::any_of(aliases.begin(), aliases.end(), [&](const graph::Alias& alias) {
      const ValueId input = op.inputs[static_cast<size_t>(alias.input)];
      return static_cast<size_t>(alias.output) == o &&
             plan_.storage[at(input)] == plan_.storage[at(op.outputs[o])] &&
             plan_.offsets[at(input)] == plan_.offsets[at(op.outputs[o])] &&
             graph_.value(input).bytes() == graph_.value(op.outputs[o]).bytes();
    });
  }

  bool in_arena(ValueId id) const { return plan_.offsets[at(id)] >= 0; }
  Range range(ValueId id) const {
    const int64_t offset = plan_.offsets[at(id)];
    return {offset, offset + graph_.value(id).bytes()};
  }
  auto lines_of(ValueId id) {
    return std::pair(lines_.begin() + range(id).begin / kArenaAlignment,
                     lines_.begin() + (range(id).end + kArenaAlignment - 1) / kArenaAlignment);
  }
  void write(ValueId id) {
    if (!in_arena(id)) return;
    const auto [begin, end] = lines_of(id);
    std::fill(begin, end, contents_[at(id)]);
  }
  bool holds(ValueId id) {
    if (!in_arena(id)) return true;
    const auto [begin, end] = lines_of(id);
    return std::all_of(begin, end, [&](ValueId held) { return held == contents_[at(id)]; });
  }
  std::string name(ValueId id) const { return graph_.value(id).name; }

  const Graph& graph_;
  const std::vector<int64_t>& workspace_bytes_;
  const MemoryPlan& plan_;
  Chosen chosen_;
  std::vector<ValueId> lines_;
  // By value: a view has the contents of what it views.
  std::vector<ValueId> contents_;

 public:
  int overwritten_in_place_ = 0;
};

// A graph of random ops on random earlier values: matrices (8, 8), their views (64), images.
class RandomGraph {
 public:
  explicit RandomGraph(unsigned seed) : random_(seed) {
    graph_.batch = 8;
    for (int i = 0; i < 2; ++i) add(value({8, 8}, ValueRole::kInput));
    add(value({8, 4, 4, 2}, ValueRole::kInput));
    weight_ = value({8, 8}, ValueRole::kParameter);
    bias_ = value({8}, ValueRole::kParameter);
    for (int i = 0; i < 30; ++i) add_op();
    builder_.set_phase(graph::Phase::kUpdate);
    graph::optimizer_update(builder_, weight_, pick({8, 8}), {},
                            update_attributes(Optimizer{.name = "sgd"}));
    for (size_t id = 0; id < graph_.values.size(); ++id)
      if (graph_.values[id].role == ValueRole::kTemporary && chance(15))
        graph_.values[id].role = ValueRole::kOutput;
    for (size_t index = 0; index < graph_.ops.size(); ++index)
      workspace_bytes_.push_back(chance(30) ? static_cast<int64_t>(1 + random_() % 1000) : 0);
    graph_.verify();
  }

  const Graph& graph() const { return graph_; }
  const std::vector<int64_t>& workspace_bytes() const { return workspace_bytes_; }

 private:
  bool chance(unsigned percent) { return random_() % 100 < percent; }

  ValueId value(const Shape& shape, ValueRole role) {
    return builder_.add_value(fmt::format("v{}", graph_.values.size()), shape, role);
  }
  ValueId state() { return value({8}, ValueRole::kState); }
  void add(ValueId id) { values_.push_back(id); }

  ValueId pick(const Shape& shape) {
    std::vector<ValueId> fitting;
    for (ValueId id : values_)
      if (graph_.value(id).shape == shape) fitting.push_back(id);
    return fitting[random_() % fitting.size()];
  }

  void add_op() {
    const Shape matrix{8, 8}, images{8, 4, 4, 2};
    switch (random_() % 11) {
      case 0:
        return add(graph::elementwise(builder_, pick(matrix), {StageFunction::kRelu}));
      case 1:
        return add(graph::add(builder_, pick(matrix), pick(matrix)));
      case 2:
        return add(graph::matmul(builder_, pick(matrix), chance(50) ? weight_ : pick(matrix)));
      case 3:
        return add(graph::reshape(builder_, pick(matrix), matrix));
      case 4: {
        const ValueId flat = graph::reshape(builder_, pick(matrix), {64});
        const ValueId doubled = graph::elementwise(builder_, flat, {StageFunction::kRelu});
        return add(graph::reshape(builder_, doubled, matrix));
      }
      case 5:
        return add(graph::softmax(builder_, pick(matrix)));
      case 6: {
        const ValueId both = graph::concatenate(builder_, {pick(matrix), pick(matrix)}, 0);
        return add(graph::slice(builder_, both, 0, 4, 8));
      }
      case 7:
        return add(graph::batch_norm_training(builder_, pick(matrix), graph::kNoValue, bias_,
                                              state(), state(), {}));
      case 8:
        return add(
            graph::bias_add(builder_, pick(matrix), graph::sum_rows(builder_, pick(matrix))));
      case 9: {
        // A chain with operands of its own, as fusion makes it.
        const std::vector<graph::Stage> chain{
            {StageFunction::kBiasAdd, 1}, {StageFunction::kMultiply, 2}, {StageFunction::kAdd, 3}};
        return add(builder_.add_op(graph::elementwise_kind(),
                                   {pick(matrix), bias_, pick(matrix), pick(matrix)}, {},
                                   chain)[0]);
      }
      default: {
        // Pooling over single pixels: its index is a value of bytes.
        const ValueId pooled = graph::max_pool2d(builder_, pick(images), {1, 1, 1, 1, {}});
        return add(graph::elementwise(builder_, pooled, {StageFunction::kTanh}));
      }
    }
  }

  std::mt19937 random_;
  Graph graph_;
  graph::Builder builder_{graph_};
  ValueId weight_, bias_;
  std::vector<ValueId> values_;
  std::vector<int64_t> workspace_bytes_;
};

TEST(MemoryPlanner, NothingIsOverwrittenBeforeItsLastUseInRandomGraphs) {
  int overwritten_in_place = 0;
  for (unsigned seed = 0; seed < 500; ++seed) {
    const RandomGraph random(seed);
    const MemoryPlan plan = plan_memory(random.graph(), random.workspace_bytes(),
                                        single_chains(random.graph().ops.size()));
    Rehearsal rehearsal(random.graph(), random.workspace_bytes(), plan);
    ASSERT_EQ(rehearsal.fault(), "") << "seed " << seed << "\n" << graph::to_text(random.graph());
    EXPECT_LE(plan.arena_bytes, plan.bytes_without_sharing);
    overwritten_in_place += rehearsal.overwritten_in_place_;
  }
  EXPECT_GT(overwritten_in_place, 500);
}

// Whatever two ops of one chain need lies apart, unless it is one storage.
std::string chain_fault(const Graph& graph, const std::vector<int64_t>& workspace_bytes,
                        const MemoryPlan& plan, const runtime::Chain& chain) {
  std::map<int64_t, std::pair<int64_t, ValueId>> needed;  // by offset: its end, and whose it is
  const auto need = [&](int64_t offset, int64_t bytes, ValueId owner) {
    if (offset >= 0 && bytes > 0) needed.emplace(offset, std::pair(offset + bytes, owner));
    return offset < 0 || bytes == 0 || needed.at(offset).second == owner;
  };
  for (size_t op = chain.first; op < chain.last; ++op) {
    for (const auto* ids : {&graph.ops[op].inputs, &graph.ops[op].outputs})
      for (const ValueId id : *ids)
        if (!need(plan.offsets[at(id)], graph.value(id).bytes(), plan.storage[at(id)]))
          return fmt::format("{} begins where another value does", graph.value(id).name);
    if (!need(plan.workspace_offsets[op], workspace_bytes[op], -1 - static_cast<ValueId>(op)))
      return fmt::format("the workspace of op {} begins where a value does", op);
  }
  int64_t end = 0;
  for (const auto& [offset, block] : needed) {
    if (offset < end) return fmt::format("offset {} is inside of another block", offset);
    end = block.first;
  }
  return "";
}

TEST(MemoryPlanner, OpsOfAChainShareNoMemoryInRandomGraphs) {
  std::mt19937 random(1);
  int64_t chained = 0, alone = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    const RandomGraph graph(seed);
    std::vector<runtime::Chain> chains;
    for (size_t op = 0; op < graph.graph().ops.size(); ++op) {
      if (op == 0 || random() % 2 == 0) chains.push_back({op, op});
      chains.back().last = op + 1;
    }
    const MemoryPlan plan = plan_memory(graph.graph(), graph.workspace_bytes(), chains);
    ASSERT_EQ(Rehearsal(graph.graph(), graph.workspace_bytes(), plan).fault(), "") << seed;
    for (const runtime::Chain& chain : chains)
      ASSERT_EQ(chain_fault(graph.graph(), graph.workspace_bytes(), plan, chain), "")
          << "seed " << seed << ", ops " << chain.first << " to " << chain.last << "\n"
          << graph::to_text(graph.graph());
    chained += plan.arena_bytes;
    alone +=
        plan_memory(graph.graph(), graph.workspace_bytes(), single_chains(graph.graph().ops.size()))
            .arena_bytes;
  }
  EXPECT_GT(chained, alone);
}

// The most that is needed at once: no plan can take less.
int64_t peak_bytes(const Graph& graph, const MemoryPlan& plan) {
  const auto end = static_cast<int>(graph.ops.size());
  std::vector<int> first(graph.values.size(), end), last(graph.values.size(), -1);
  const auto needed = [&](ValueId id, int index) {
    const size_t storage = at(plan.storage[at(id)]);
    first[storage] = std::min(first[storage], index);
    last[storage] = std::max(last[storage], index);
  };
  for (size_t id = 0; id < graph.values.size(); ++id) {
    const auto value = static_cast<ValueId>(id);
    if (graph.values[id].role == ValueRole::kInput) needed(value, 0);
    if (graph.values[id].role == ValueRole::kInput || graph.values[id].role == ValueRole::kOutput)
      needed(value, end);
  }
  for (int index = 0; index < end; ++index) {
    for (ValueId id : graph.ops[static_cast<size_t>(index)].inputs) needed(id, index);
    for (ValueId id : graph.ops[static_cast<size_t>(index)].outputs) needed(id, index);
  }
  int64_t peak = 0;
  for (int index = 0; index < end; ++index) {
    int64_t bytes = 0;
    for (size_t id = 0; id < graph.values.size(); ++id)
      if (plan.offsets[id] >= 0 && at(plan.storage[id]) == id && first[id] <= index &&
          index <= last[id])
        bytes +=
            (graph.values[id].bytes() + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
    peak = std::max(peak, bytes);
  }
  return peak;
}

Graph fused(const Net& net) {
  Graph graph = net.graph;
  remove_unused_ops(graph);
  fuse_bias_gradients(graph);
  fuse_epilogues(graph, 1, {.family = kernels::Family::kReference});
  return graph;
}

TEST(MemoryPlanner, StepsOfTheZooTakeLittleMoreThanTheirPeak) {
  for (auto* build : {mnist_mlp, mnist_cnn}) {
    WeightStore weights(1);
    Net net(weights, 128);
    net.train(build(net), optimizer("rmsprop"));
    const Graph graph = fused(net);
    const std::vector<int64_t> workspace_bytes(graph.ops.size());
    const MemoryPlan plan = plan_memory(graph, workspace_bytes, single_chains(graph.ops.size()));
    EXPECT_EQ(Rehearsal(graph, workspace_bytes, plan).fault(), "");
    const int64_t peak = peak_bytes(graph, plan);
    EXPECT_GE(plan.arena_bytes, peak);
    EXPECT_LE(plan.arena_bytes, peak + peak / 10);
    EXPECT_LT(plan.arena_bytes, plan.bytes_without_sharing * 4 / 5);
  }
}

// A kernel may know more than its op's kind: the gradient to the second convolution's data is
// written over the relu that it is masked with.
TEST(MemoryPlanner, KernelMayWriteOverTheActivationThatItReadsLast) {
  WeightStore weights(1);
  Net net(weights, 8);
  net.train(mnist_cnn(net), optimizer("rmsprop"));
  const OptimizedGraph optimized = optimize(net.graph, {});
  const Graph& graph = optimized.graph;
  const std::vector<int64_t> workspace_bytes(graph.ops.size());
  const std::vector<runtime::Chain> chains = single_chains(graph.ops.size());
  const std::vector<const kernels::Implementation*> chosen = kernels::chosen(optimized.selections);

  const MemoryPlan of_kinds = plan_memory(graph, workspace_bytes, chains);
  const MemoryPlan plan = plan_memory(graph, workspace_bytes, chains, chosen);
  EXPECT_EQ(Rehearsal(graph, workspace_bytes, plan, chosen).fault(), "");
  EXPECT_NE(Rehearsal(graph, workspace_bytes, plan).fault(), "");  // not what the kind allows
  EXPECT_LT(plan.arena_bytes, of_kinds.arena_bytes);
  size_t found = 0;
  for (const Op& op : graph.ops) {
    if (op.kind->name() != "conv2d_max_pool2d_backward_data") continue;
    ++found;
    const auto activation = static_cast<size_t>(op.epilogue.at(0).operand);
    EXPECT_EQ(plan.storage[at(op.outputs[0])], plan.storage[at(op.inputs[activation])]);
    EXPECT_NE(of_kinds.storage[at(op.outputs[0])], of_kinds.storage[at(op.inputs[activation])]);
  }
  EXPECT_EQ(found, 1u);
}

// "name: storage" of each value of a graph, for those that have not their own.
std::string shared(const Graph& graph, const std::vector<int64_t>& workspace_bytes) {
  const MemoryPlan plan = plan_memory(graph, workspace_bytes, single_chains(graph.ops.size()));
  EXPECT_EQ(Rehearsal(graph, workspace_bytes, plan).fault(), "");
  std::string text;
  for (size_t id = 0; id < graph.values.size(); ++id)
    if (at(plan.storage[id]) != id)
      text += fmt::format("{} in {}\n", graph.values[id].name, graph.value(plan.storage[id]).name);
  return text;
}

struct Small {
  WeightStore weights{1};
  Net net{weights, 8};
  ValueId x = net.input({8});
  ValueId named(ValueId id, const std::string& name, ValueRole role = ValueRole::kTemporary) {
    net.graph.value(id).name = name;
    net.graph.value(id).role = role;
    return id;
  }
  std::string shared() const {
    return testing::shared(net.graph, std::vector<int64_t>(net.graph.ops.size()));
  }
};

TEST(MemoryPlanner, ChainOfElementwiseOpsRunsInPlace) {
  Small small;
  const ValueId a = small.named(small.net.activation(small.x, "tanh"), "a");
  const ValueId b = small.named(small.net.activation(a, "relu"), "b");
  small.named(small.net.activation(b, "softmax"), "c", ValueRole::kOutput);
  // `a` has its own memory: the input may be used for another step.
  EXPECT_EQ(small.shared(), "b in a\nc in a\n");
}

TEST(MemoryPlanner, ValueThatIsReadLaterIsNotOverwritten) {
  Small small;
  const ValueId a = small.named(small.net.activation(small.x, "tanh"), "a");
  const ValueId b = small.named(small.net.activation(a, "relu"), "b");
  // The sum is the last to read a and b; the first of its inputs gives the memory.
  small.named(graph::add(small.net.builder(), a, b), "sum", ValueRole::kOutput);
  EXPECT_EQ(small.shared(), "sum in a\n");
}

TEST(MemoryPlanner, OperandIsOverwrittenWhereTheFirstInputIsNeeded) {
  Small small;
  const ValueId a = small.named(small.net.activation(small.x, "tanh"), "a", ValueRole::kOutput);
  const ValueId b = small.named(small.net.activation(a, "relu"), "b");
  small.named(graph::add(small.net.builder(), a, b), "sum", ValueRole::kOutput);
  EXPECT_EQ(small.shared(), "sum in b\n");
}

TEST(MemoryPlanner, OutputsLastToTheEnd) {
  Small small;
  const ValueId a = small.named(small.net.activation(small.x, "tanh"), "a", ValueRole::kOutput);
  const ValueId b = small.named(small.net.activation(a, "relu"), "b");
  small.named(small.net.activation(b, "relu"), "c", ValueRole::kOutput);
  EXPECT_EQ(small.shared(), "c in b\n");
}

TEST(MemoryPlanner, ViewKeepsWhatItViewsAlive) {
  Small small;
  const ValueId a = small.named(small.net.activation(small.x, "tanh"), "a");
  const ValueId view = small.named(graph::reshape(small.net.builder(), a, {4, 16}), "view");
  const ValueId b = small.named(small.net.activation(a, "relu"), "b");
  const ValueId flat = small.named(graph::reshape(small.net.builder(), b, {4, 16}), "flat");
  small.named(graph::add(small.net.builder(), flat, view), "sum", ValueRole::kOutput);
  EXPECT_EQ(small.shared(), "view in a\nflat in b\nsum in b\n");
}

TEST(MemoryPlanner, ViewOfTheStepsInputIsNotOverwritten) {
  Small small;
  const ValueId view = small.named(graph::reshape(small.net.builder(), small.x, {4, 16}), "view");
  small.named(small.net.activation(view, "relu"), "a", ValueRole::kOutput);
  EXPECT_EQ(small.shared(), "view in x\n");
}

TEST(MemoryPlanner, UpdatedWeightsAndMovingStatisticsStayWhereTheyAre) {
  Small small;
  const ValueId normed = small.net.batch_norm(small.x, "bn");
  small.net.train(small.net.activation(normed, "softmax"), optimizer("rmsprop"));
  const size_t ops = small.net.graph.ops.size();
  const MemoryPlan plan =
      plan_memory(small.net.graph, std::vector<int64_t>(ops), single_chains(ops));
  for (const Op& op : small.net.graph.ops) {
    for (const graph::Alias& alias : op.kind->required_aliases(op)) {
      const ValueId input = op.inputs[static_cast<size_t>(alias.input)];
      const ValueId output = op.outputs[static_cast<size_t>(alias.output)];
      EXPECT_EQ(plan.storage[at(output)], input);
      EXPECT_EQ(plan.offsets[at(output)], -1);
    }
  }
}

}  // namespace
}  // namespace pronghorn::compiler::testing
