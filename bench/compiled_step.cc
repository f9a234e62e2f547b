#include "compiled_step.h"

#include "base/philox.h"
#include "graph/op_kind.h"
#include "model/model.h"
#include "models.h"

namespace pronghorn::bench {
namespace {

constexpr uint64_t kSeed = 1;

void fill_like_mnist(const runtime::Executable& executable, const compiler::StepGraph& step) {
  const RandomStream random(kSeed, 0, 0);
  const graph::Graph& graph = executable.graph();
  const int64_t pixels = graph.value(step.inputs[0]).shape.elements();
  float* const images = executable.data(step.inputs[0]);
  for (int64_t i = 0; i < pixels; ++i) {
    const float value = random.uniform(static_cast<uint64_t>(i));
    images[i] = value < 0.8f ? 0.0f : (value - 0.8f) * 5;
  }
  const int64_t classes = graph.value(step.labels[0]).shape.back();
  float* const labels = executable.data(step.labels[0]);
  for (int64_t row = 0; row < graph.batch; ++row)
    for (int64_t c = 0; c < classes; ++c) labels[row * classes + c] = row % classes == c;
}

}  // namespace

CompiledStep::CompiledStep(const std::string& model_name, int64_t batch, int threads,
                           const kernels::Policy& policy, int64_t least_chained_bytes)
    : model_(named_model(model_name)), parallel_(threads) {
  model_.initialize(kSeed);
  model::Model& model = model_.implementation();
  state_ = std::make_unique<compiler::OptimizerState>(model, optimizer("rmsprop"));
  const compiler::StepGraph step = compiler::training_step(model, {}, *state_, batch);
  executable_ = compiler::compile(
      step.graph, step.external,
      {.threads = threads, .policy = policy, .least_chained_bytes = least_chained_bytes});
  fill_like_mnist(*executable_, step);
}

void CompiledStep::run() { executable_->run({parallel_, kSeed, step_++, 1e-3f}); }

void CompiledStep::run(runtime::Profile& profile) {
  executable_->run({parallel_, kSeed, step_++, 1e-3f}, profile);
}

void CompiledStep::run_family(kernels::Family family) {
  const kernels::RunContext context{parallel_, kSeed, step_++, 1e-3f};
  for (const runtime::Instruction& instruction : executable_->instructions())
    if (instruction.kernel && instruction.selection.chosen->family() == family)
      instruction.kernel->run(context);
}

int64_t CompiledStep::multiply_accumulates() const {
  int64_t sum = 0;
  for (const graph::Op& op : executable_->graph().ops)
    sum += graph::cost(executable_->graph(), op).multiply_accumulates;
  return sum;
}

}  // namespace pronghorn::bench
