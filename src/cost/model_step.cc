#include "cost/model_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/philox.h"
#include "compiler/chains.h"
#include "compiler/memory_planner.h"
#include "platform/parallel.h"
#include "pronghorn/error.h"
#include "runtime/profile.h"
#include "train/kernel_policy.h"

namespace pronghorn::cost {
namespace {

constexpr uint64_t kSeed = 1;

// As many samples as the value holds; class numbers as one-hot rows where those are wanted.
void copy_samples(const Array& array, const graph::Value& value, const char* what, float* dst) {
  const int64_t elements = value.shape.elements(), per_sample = elements / value.shape[0];
  const int64_t given = static_cast<int64_t>(array.values.size());
  if (array.samples() == given && given > 0 && per_sample > 1) {
    std::fill_n(dst, elements, 0.0f);
    for (int64_t row = 0; row < value.shape[0]; ++row) {
      const float label = array.values[static_cast<size_t>(row % given)];
      if (!(label >= 0 && label < static_cast<float>(per_sample)))
        throw ShapeError(
            fmt::format("the data's class {} is none of the model's {}", label, per_sample));
      dst[row * per_sample + static_cast<int64_t>(label)] = 1;
    }
    return;
  }
  if (array.samples() == 0 || given / array.samples() != per_sample)
    throw ShapeError(fmt::format("the data's {} are {}, the model takes {}", what,
                                 array.shape.to_string(), value.shape.to_string()));
  for (int64_t i = 0; i < elements; ++i) dst[i] = array.values[static_cast<size_t>(i % given)];
}

}  // namespace

ModelStep::ModelStep(const Model& model, const CompileConfig& config, int64_t batch, StepKind kind)
    : model_(std::make_unique<Model>(model_from_json(model.to_json()))),
      config_(config),
      policy_(train::kernel_policy(config)),
      plans_(train::output_plans(config, model_->implementation())) {
  state_ = std::make_unique<compiler::OptimizerState>(model_->implementation(), config.optimizer);
  step_ =
      kind == StepKind::kTraining
          ? compiler::training_step(model_->implementation(),
                                    train::loss_config(plans_, /*weighted=*/false), *state_, batch)
          : compiler::inference_step(model_->implementation(), batch);
}

compiler::OptimizedGraph ModelStep::optimize(int threads, const kernels::Policy& policy) const {
  return compiler::optimize(step_.graph, {.threads = threads, .policy = policy});
}

std::unique_ptr<runtime::Executable> ModelStep::compile(int threads,
                                                        const kernels::Policy& policy) const {
  return compiler::compile(step_.graph, step_.external, {.threads = threads, .policy = policy});
}

int64_t ModelStep::optimizer_bytes() const { return state_->bytes(); }

double ModelStep::measure_step(int threads, const kernels::Policy& policy) const {
  return measure(*compile(threads, policy), threads, {.least_steps = 3, .seconds = 0.3})
      .step_seconds.median;
}

void ModelStep::initialize() const { model_->initialize(kSeed); }

void ModelStep::fill(const runtime::Executable& executable, const Dataset* data) const {
  const graph::Graph& graph = executable.graph();
  if (data != nullptr) {
    for (const graph::ValueId id : step_.inputs)
      copy_samples(data->x, graph.value(id), "inputs", executable.data(id));
    for (const graph::ValueId id : step_.labels)
      if (id != graph::kNoValue)
        copy_samples(data->y, graph.value(id), "labels", executable.data(id));
    return;
  }
  uint64_t stream = 0;
  for (const graph::ValueId id : step_.inputs) {
    const RandomStream random(kSeed, stream++, 0);
    float* const values = executable.data(id);
    for (int64_t i = 0; i < graph.value(id).shape.elements(); ++i) {
      const float uniform = random.uniform(static_cast<uint64_t>(i));
      values[i] = uniform < 0.8f ? 0.0f : (uniform - 0.8f) * 5;
    }
  }
  // At inference there are no labels.
  for (size_t output = 0; output < step_.labels.size(); ++output) {
    if (!plans_[output].has_loss()) continue;
    const graph::ValueId id = step_.labels[output];
    const Shape& shape = graph.value(id).shape;
    float* const values = executable.data(id);
    const int64_t classes = plans_[output].classes();
    if (graph::takes_class_numbers(plans_[output].compiled.formula->function)) {
      for (int64_t i = 0; i < shape.elements(); ++i) values[i] = static_cast<float>(i % classes);
    } else {
      for (int64_t i = 0; i < shape.elements(); ++i)
        values[i] = (i / classes) % classes == i % classes ? 1.0f : 0.0f;
    }
  }
}

StepProfile ModelStep::measure(const runtime::Executable& executable, int threads,
                               const MeasureOptions& options) const {
  initialize();
  fill(executable);
  const Parallel parallel(threads);
  constexpr int64_t kWarmUp = 3;
  runtime::Profile profile(executable, {.capacity = options.most_steps,
                                        .warm_up = kWarmUp,
                                        .trace_steps = options.trace_steps,
                                        .threads = threads,
                                        .counters = true});
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  uint64_t step = 0;
  while (profile.steps() < options.most_steps &&
         (profile.steps() < options.least_steps ||
          std::chrono::duration<double>(Clock::now() - begin).count() < options.seconds)) {
    // So small a learning rate that no number of steps makes the weights grow without bound.
    executable.run({parallel, kSeed, step++, 1e-6f}, profile);
  }
  return profile.summarize();
}

StepToPredict to_predict(const compiler::OptimizedGraph& optimized) {
  const size_t ops = optimized.graph.ops.size();
  std::vector<const kernels::Implementation*> chosen = kernels::chosen(optimized.selections);
  std::vector<graph::ValueId> storage =
      compiler::plan_memory(optimized.graph, std::vector<int64_t>(ops),
                            compiler::single_chains(ops), chosen)
          .storage;
  return {optimized.graph, std::move(chosen), std::move(storage)};
}

}  // namespace pronghorn::cost
