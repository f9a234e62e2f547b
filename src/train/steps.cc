#include "train/steps.h"

#include <algorithm>

#include "compiler/compile.h"
#include "pronghorn/error.h"
#include "train/loss_inputs.h"

namespace pronghorn::train {
namespace {

using graph::kNoValue;

// Where labels and weights of an output go, and where those that the samples give.
void place_loss_inputs(const OutputPlan& plan, const compiler::StepGraph& graph, size_t index,
                       bool weighted, const runtime::Executable& executable,
                       CompiledStep::Output& output) {
  if (!plan.needs_labels()) return;
  const auto elements = static_cast<size_t>(output.rows * output.classes);
  if (!plan.has_loss()) {
    output.given_labels.resize(elements);  // metrics alone; class numbers take less
    if (weighted) output.given_weights.resize(static_cast<size_t>(output.rows));
    return;
  }
  output.labels = executable.data(graph.labels[index]);
  output.loss = executable.data(graph.losses[index]);
  if (changes_labels(plan.loss, *plan.compiled.formula)) {
    const Shape& labels = executable.graph().value(graph.labels[index]).shape;
    output.given_labels.resize(static_cast<size_t>(labels.elements()));
  }
  if (graph.sample_weights[index] == kNoValue) return;
  output.weights = executable.data(graph.sample_weights[index]);
  output.loss_rows = executable.graph().value(graph.sample_weights[index]).shape.elements();
  std::fill_n(output.weights, output.loss_rows, 1.0f);
  if (changes_weights(plan.loss, *plan.compiled.formula, weighted))
    output.given_weights.assign(static_cast<size_t>(output.rows), 1.0f);
}

}  // namespace

Steps::Steps(model::Model& model, const std::vector<OutputPlan>& plans,
             compiler::OptimizerState& state, int threads, kernels::Policy policy)
    : model_(model), plans_(plans), state_(state), threads_(threads), policy_(std::move(policy)) {}

CompiledStep& Steps::get(Kind kind, int64_t batch, bool weighted) {
  const Key key{kind, batch, weighted};
  if (const auto found = steps_.find(key); found != steps_.end()) return found->second;
  return steps_.emplace(key, compile(key)).first->second;
}

CompiledStep Steps::compile(const Key& key) {
  const bool makes = std::any_of(plans_.begin(), plans_.end(), [](const OutputPlan& plan) {
    return plan.has_loss() && makes_weights(plan.loss);
  });
  const compiler::LossConfig loss = loss_config(plans_, key.weighted || makes);
  compiler::StepGraph graph =
      key.kind == Kind::kTraining ? compiler::training_step(model_, loss, state_, key.batch)
      : key.kind == Kind::kAccumulation
          ? compiler::training_step(model_, loss, state_, key.batch, /*only_accumulate=*/true)
      : key.kind == Kind::kEvaluation ? compiler::evaluation_step(model_, loss, key.batch)
                                      : compiler::inference_step(model_, key.batch);
  compiler::CompileOptions options;
  options.threads = threads_;
  options.policy = policy_;

  CompiledStep step{};
  step.executable = compiler::compile(std::move(graph.graph), graph.external, options);
  const runtime::Executable& executable = *step.executable;
  step.batch = key.batch;
  for (const graph::ValueId input : graph.inputs) step.inputs.push_back(executable.data(input));
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    const Shape& shape = executable.graph().value(graph.outputs[i]).shape;
    CompiledStep::Output output{};
    output.values = executable.data(graph.outputs[i]);
    output.classes = shape.back();
    output.rows = shape.elements() / output.classes;
    if (key.kind != Kind::kInference)
      place_loss_inputs(plans_[i], graph, i, key.weighted, executable, output);
    step.outputs.push_back(std::move(output));
  }
  if (key.kind != Kind::kInference) step.loss = executable.data(graph.loss);
  return step;
}

void Steps::forget_if_many() {
  constexpr size_t kMany = 8;
  if (steps_.size() > kMany) steps_.clear();
}

}  // namespace pronghorn::train
