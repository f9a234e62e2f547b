// explain(): what is known of a training step, gathered from the ops that run.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "compiler/memory_planner.h"
#include "cost/findings.h"
#include "cost/ladder.h"
#include "cost/model_step.h"
#include "cost/prediction.h"
#include "graph/op_kind.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/matmul.h"
#include "platform/cpu_info.h"
#include "platform/parallel.h"
#include "pronghorn/error.h"
#include "pronghorn/explain.h"
#include "runtime/executable.h"

namespace pronghorn {
namespace {

using graph::Graph;
using graph::Op;
using graph::ValueId;

Work work_of(const Graph& graph, const Op& op, const kernels::Execution& execution) {
  const graph::Cost cost = graph::cost(graph, op);
  return {.multiply_accumulates = cost.multiply_accumulates,
          .other_flops = cost.other_flops,
          .bytes_read = cost.bytes_read,
          .bytes_written = cost.bytes_written,
          .executed_multiply_accumulates = execution.multiply_accumulates,
          .executed_other_flops = execution.other_flops};
}

std::string stage_names(const Op& op) {
  std::string text;
  for (const graph::Stage& stage : op.epilogue) {
    if (!text.empty()) text += ' ';
    text += graph::stage_traits(stage.function).name;
  }
  return text;
}

// Its layers as rows in the model's order, and one more for what belongs to none.
class LayerRows {
 public:
  LayerRows(const Model& model, int64_t batch) : batch_(batch) {
    for (const SummaryRow& row : model.summary_rows()) {
      // The layer of a model's input has no op and no parameter.
      if (row.type == "InputLayer") continue;
      index_.emplace(row.name, rows_.size());
      rows_.push_back({.name = row.name,
                       .type = row.type,
                       .output_shape = row.output_shape.to_string_any_batch(),
                       .parameters = row.params});
    }
  }

  void add(const OpCost& op, size_t number) {
    LayerCost& row = row_of(op.layer);
    const auto phase = static_cast<size_t>(op.phase);
    row.by_phase[phase] += op.work;
    row.total += op.work;
    row.predicted_by_phase[phase] += op.predicted.seconds;
    predictions_[row.name].push_back(op.predicted);
    row.ops.push_back(number);
    if (!op.measured) return;
    Spread sum = row.measured.value_or(Spread{});
    sum.median += op.measured->median;
    sum.low += op.measured->low;
    sum.high += op.measured->high;
    row.measured = sum;
    row.measured_by_phase[phase] += op.measured->median;
  }

  // The forward products of a layer say how often its kernel's weights are used.
  void add_uses(const Graph& graph, const Op& op) {
    if (op.phase != graph::Phase::kForward) return;
    if (op.kind != &graph::conv2d_kind() && op.kind != &graph::conv2d_max_pool2d_kind() &&
        op.kind != &graph::matmul_kind())
      return;
    const auto weights = static_cast<double>(graph.input(op, 1).shape.elements());
    const graph::Cost cost = graph::cost(graph, op);
    row_of(op.layer).uses_per_weight +=
        static_cast<double>(cost.multiply_accumulates) / static_cast<double>(batch_) / weights;
  }

  std::vector<LayerCost> take() {
    for (LayerCost& row : rows_) row.predicted = cost::sum(predictions_[row.name]);
    return std::move(rows_);
  }

 private:
  LayerCost& row_of(const std::string& layer) {
    const std::string name = layer.empty() ? "loss" : layer;
    const auto [found, is_new] = index_.emplace(name, rows_.size());
    if (is_new) rows_.push_back({.name = name, .type = layer.empty() ? "loss" : ""});
    return rows_[found->second];
  }

  int64_t batch_;
  std::vector<LayerCost> rows_;
  std::map<std::string, size_t> index_;
  std::map<std::string, std::vector<Prediction>> predictions_;
};

// Everything that has a place in the arena, and when.
std::vector<ArenaBlock> arena_blocks(const runtime::Executable& executable,
                                     const std::vector<int64_t>& workspaces,
                                     const compiler::MemoryPlan& plan) {
  const Graph& graph = executable.graph();
  // An op's number among those that run; a view's is that of the next.
  std::vector<size_t> number;
  size_t running = 0;
  for (const runtime::Instruction& instruction : executable.instructions()) {
    number.push_back(running);
    if (instruction.kernel) ++running;
  }
  std::map<ValueId, ArenaBlock> blocks;
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    const Op& op = graph.ops[index];
    for (const auto* ids : {&op.inputs, &op.outputs})
      for (const ValueId id : *ids) {
        const ValueId root = plan.storage[static_cast<size_t>(id)];
        const int64_t offset = plan.offsets[static_cast<size_t>(root)];
        if (offset < 0) continue;
        const graph::Value& value = graph.value(root);
        const size_t at = std::min(number[index], running - 1);
        const auto [found, is_new] =
            blocks.emplace(root, ArenaBlock{value.name, offset, value.bytes(), at, at});
        found->second.last_op = at;
        // The caller writes inputs before the step and reads them and outputs after it.
        if (value.role == graph::ValueRole::kInput) found->second.first_op = 0;
        if (value.role != graph::ValueRole::kTemporary) found->second.last_op = running - 1;
      }
  }
  std::vector<ArenaBlock> result;
  for (auto& [id, block] : blocks) result.push_back(std::move(block));
  for (size_t index = 0; index < graph.ops.size(); ++index)
    if (plan.workspace_offsets[index] >= 0 && workspaces[index] > 0)
      result.push_back({fmt::format("workspace of {}", graph.ops[index].kind->name()),
                        plan.workspace_offsets[index], workspaces[index], number[index],
                        number[index]});
  return result;
}

void add_totals(Explanation& explanation) {
  for (const OpCost& op : explanation.ops) {
    explanation.by_phase[static_cast<size_t>(op.phase)] += op.work;
    explanation.total += op.work;
  }
  explanation.forward_multiply_accumulates =
      explanation.by_phase[0].multiply_accumulates / explanation.batch_size;
  explanation.training_multiply_accumulates =
      explanation.total.multiply_accumulates / explanation.batch_size;
}

// The counts of inference, for a model that can't be trained.
void explain_inference(Explanation& explanation, const Model& model) {
  const auto copy = model_from_json(model.to_json());
  const compiler::StepGraph step =
      compiler::inference_step(copy.implementation(), explanation.batch_size);
  LayerRows rows(model, explanation.batch_size);
  for (const Op& op : step.graph.ops) {
    if (op.kind->is_view()) continue;
    OpCost cost{.kind = std::string(op.kind->name()),
                .layer = op.layer,
                .phase = static_cast<int>(op.phase),
                .epilogue = stage_names(op),
                .output = step.graph.output(op, 0).shape.to_string()};
    const graph::Cost needed = graph::cost(step.graph, op);
    cost.work = work_of(
        step.graph, op,
        {.multiply_accumulates = needed.multiply_accumulates, .other_flops = needed.other_flops});
    rows.add_uses(step.graph, op);
    rows.add(cost, explanation.ops.size());
    explanation.ops.push_back(std::move(cost));
  }
  explanation.layers = rows.take();
  add_totals(explanation);
}

OpCost op_cost(const Graph& graph, const runtime::Instruction& instruction,
               const Prediction& predicted, int threads) {
  const Op& op = graph.ops[instruction.op];
  const kernels::Implementation& chosen = *instruction.selection.chosen;
  OpCost cost{.kind = std::string(op.kind->name()),
              .layer = op.layer,
              .phase = static_cast<int>(op.phase),
              .epilogue = stage_names(op),
              .output = graph.output(op, 0).shape.to_string(),
              .kernel = std::string(chosen.name())};
  if (chosen.arithmetic() == kernels::Arithmetic::kBfloat16) cost.precision = "bfloat16";
  for (const kernels::Refusal& refusal : instruction.selection.refused)
    cost.refused.push_back({std::string(refusal.implementation->name()), refusal.reason});
  cost.work = work_of(graph, op, chosen.execution({graph, op, threads}));
  cost.working_set =
      cost.work.bytes() + static_cast<int64_t>(instruction.kernel->workspace_bytes());
  cost.predicted = predicted;
  return cost;
}

// Numbers of threads whose effect is told: all up to 8, then the doubles, then all CPUs.
std::vector<int> thread_counts(int cpus) {
  std::vector<int> counts;
  for (int threads = 1; threads < cpus; threads = threads < 8 ? threads + 1 : threads * 2)
    counts.push_back(threads);
  counts.push_back(std::max(1, cpus));
  return counts;
}

}  // namespace

void check(const ExplainOptions& options) {
  if (options.batch_size < 1)
    throw ArgumentError(fmt::format("batch size is {}; it must be 1 or more", options.batch_size));
  if (options.samples < 1)
    throw ArgumentError(
        fmt::format("an epoch of {} samples; it must have 1 or more", options.samples));
  if (options.config.threads < 0 || options.config.threads > 256)
    throw ArgumentError(
        fmt::format("threads is {}; use 1 to 256, or 0 for one per CPU", options.config.threads));
  if (options.trace_steps < 0)
    throw ArgumentError(
        fmt::format("trace_steps is {}; it must be 0 or more", options.trace_steps));
}

Explanation explain(const Model& model, const std::string& name, const Machine& machine,
                    const ExplainOptions& options) {
  check(options);
  Explanation explanation;
  explanation.model = name;
  explanation.batch_size = options.batch_size;
  explanation.samples = options.samples;
  explanation.threads = options.config.threads;
  if (explanation.threads == 0)
    explanation.threads = options.measure ? available_cpus() : std::max(1, machine.cpus);
  explanation.optimizer = options.config.optimizer.name;
  explanation.loss = options.config.loss.name;
  explanation.machine = machine;
  explanation.parameters = model.count_params();

  std::optional<cost::ModelStep> step;
  try {
    step.emplace(model, options.config, options.batch_size);
  } catch (const ArgumentError&) {
    throw;  // a wrong name of a loss or optimizer is no fault of the model
  } catch (const Error& error) {
    explanation.untrainable = error.what();
    explain_inference(explanation, model);
    cost::add_sentences(explanation, {});
    return explanation;
  }
  const kernels::Policy& policy = step->policy();
  explanation.kernels = policy.family ? kernels::to_string(*policy.family) : "auto";
  if (policy.exact) explanation.kernels += ", exact";
  if (policy.choices) explanation.kernels += ", choices";
  explanation.precision = to_string(policy.precision);

  const std::unique_ptr<runtime::Executable> executable = step->compile(explanation.threads);
  const Graph& graph = executable->graph();
  cost::StepToPredict to_predict{graph, {}, {}};
  std::vector<int64_t> workspaces;
  for (const runtime::Instruction& instruction : executable->instructions()) {
    to_predict.chosen.push_back(instruction.selection.chosen);
    workspaces.push_back(
        instruction.kernel ? static_cast<int64_t>(instruction.kernel->workspace_bytes()) : 0);
  }
  const compiler::MemoryPlan plan =
      compiler::plan_memory(graph, workspaces, executable->chains(), to_predict.chosen);
  to_predict.storage = plan.storage;
  const cost::Reach reach(machine);
  const std::vector<Prediction> predictions =
      cost::predict(to_predict, machine, reach, explanation.threads);
  explanation.predicted = cost::sum(predictions);
  if (options.measure)
    explanation.profile =
        step->measure(*executable, explanation.threads, {.trace_steps = options.trace_steps});

  LayerRows rows(model, options.batch_size);
  const std::vector<int> chains = executable->chain_numbers();
  for (const runtime::Instruction& instruction : executable->instructions()) {
    if (!instruction.kernel) continue;
    OpCost cost = op_cost(graph, instruction, predictions[instruction.op], explanation.threads);
    cost.chain = chains[instruction.op];
    const size_t number = explanation.ops.size();
    if (explanation.profile) cost.measured = explanation.profile->ops[number].seconds;
    rows.add_uses(graph, graph.ops[instruction.op]);
    rows.add(cost, number);
    explanation.ops.push_back(std::move(cost));
  }
  explanation.layers = rows.take();
  add_totals(explanation);
  explanation.arena_bytes = static_cast<int64_t>(executable->arena_bytes());
  explanation.arena = arena_blocks(*executable, workspaces, plan);
  explanation.optimizer_bytes = step->optimizer_bytes();
  for (const int threads : thread_counts(machine.cpus))
    explanation.by_threads.push_back(
        {threads, cost::sum(cost::predict(to_predict, machine, reach, threads)).seconds});
  if (options.ladder)
    explanation.ladder = cost::ladder(*step, explanation, machine, reach, options.measure);
  cost::add_sentences(explanation, {.dropout_seconds = cost::predict_stages(
                                        to_predict, machine, reach, explanation.threads,
                                        graph::StageFunction::kDropout)});
  if (const std::string here = cpu_info().name; options.measure && machine.cpu != here)
    explanation.assumptions.push_back(fmt::format(
        "Predicted for {}, but measured here, on {}: their difference is the machines'.",
        machine.cpu, here));
  return explanation;
}

}  // namespace pronghorn
