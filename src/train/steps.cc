#include "train/steps.h"

#include <fmt/format.h>

#include "compiler/compile.h"
#include "pronghorn/error.h"

namespace pronghorn::train {

Steps::Steps(model::Model& model, const compiler::LossConfig& loss, compiler::OptimizerState& state,
             int threads, kernels::Policy policy)
    : model_(model), loss_(loss), state_(state), threads_(threads), policy_(std::move(policy)) {}

CompiledStep& Steps::get(Kind kind, int64_t batch) {
  const auto key = std::pair(kind, batch);
  if (const auto found = steps_.find(key); found != steps_.end()) return found->second;
  if (model_.inputs.size() != 1 || model_.outputs.size() != 1) {
    throw UnsupportedError(fmt::format(
        "the model has {} inputs and {} outputs; fit, evaluate and predict take one of each",
        model_.inputs.size(), model_.outputs.size()));
  }

  compiler::StepGraph graph =
      kind == Kind::kTraining     ? compiler::training_step(model_, loss_, state_, batch)
      : kind == Kind::kEvaluation ? compiler::evaluation_step(model_, loss_, batch)
                                  : compiler::inference_step(model_, batch);
  compiler::CompileOptions options;
  options.threads = threads_;
  options.policy = policy_;

  CompiledStep step{};
  step.executable = compiler::compile(std::move(graph.graph), graph.external, options);
  const runtime::Executable& executable = *step.executable;
  step.batch = batch;
  step.inputs = executable.data(graph.inputs[0]);
  step.outputs = executable.data(graph.outputs[0]);
  if (kind != Kind::kInference) {
    step.labels = executable.data(graph.labels[0]);
    step.loss = executable.data(graph.loss);
  }
  const Shape& shape = executable.graph().value(graph.outputs[0]).shape;
  step.classes = shape.back();
  step.rows = shape.elements() / step.classes;
  return steps_.emplace(key, std::move(step)).first->second;
}

void Steps::forget_if_many() {
  constexpr size_t kMany = 8;
  if (steps_.size() > kMany) steps_.clear();
}

}  // namespace pronghorn::train
