#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "compiler/training_step.h"
#include "kernels/selection.h"
#include "runtime/executable.h"

namespace pronghorn::train {

// A step that is ready to run, and where the caller finds its data. Inputs and labels are left as
// the caller wrote them (compiler/memory_planner.h).
struct CompiledStep {
  std::unique_ptr<runtime::Executable> executable;
  int64_t batch;
  float* inputs;
  float* labels;  // null at inference
  const float* outputs;
  const float* loss;  // null at inference
  int64_t classes;    // extent of the outputs' last axis
  int64_t rows;       // outputs / classes
};

// The steps of one model, each compiled when it is first asked for and kept: a training needs one
// for the full batches and one for the last short batch, and likewise for evaluation.
class Steps {
 public:
  // All must outlive this.
  Steps(model::Model& model, const compiler::LossConfig& loss, compiler::OptimizerState& state,
        int threads, kernels::Policy policy);

  // Throw Error where model and loss don't suit each other, or memory can't be had. Throw
  // UnsupportedError for a model with several inputs or outputs.
  CompiledStep& training(int64_t batch) { return get(Kind::kTraining, batch); }
  CompiledStep& evaluation(int64_t batch) { return get(Kind::kEvaluation, batch); }
  CompiledStep& inference(int64_t batch) { return get(Kind::kInference, batch); }

  // Called between trainings, when no reference is held: lets go of all steps where so many have
  // gathered that the batch sizes seem to be new each time.
  void forget_if_many();

 private:
  enum class Kind : uint8_t { kTraining, kEvaluation, kInference };
  CompiledStep& get(Kind kind, int64_t batch);

  model::Model& model_;
  const compiler::LossConfig& loss_;
  compiler::OptimizerState& state_;
  int threads_;
  kernels::Policy policy_;
  std::map<std::pair<Kind, int64_t>, CompiledStep> steps_;
};

}  // namespace pronghorn::train
