#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "compiler/compile.h"
#include "compiler/training_step.h"
#include "cost/prediction.h"
#include "kernels/selection.h"
#include "pronghorn/compile_config.h"
#include "pronghorn/data.h"
#include "pronghorn/model.h"
#include "pronghorn/profile.h"
#include "train/output_plan.h"

namespace pronghorn::cost {

enum class StepKind : uint8_t { kTraining, kInference };

// A training step of a copy of a model, to be looked at, foreseen and run without touching the
// model: its weights stay as they are.
class ModelStep {
 public:
  // Throws Error where the model can't be trained so.
  ModelStep(const Model& model, const CompileConfig& config, int64_t batch,
            StepKind kind = StepKind::kTraining);

  const kernels::Policy& policy() const { return policy_; }
  // Of the optimizer's slots, beside the parameters.
  int64_t optimizer_bytes() const;

  // The step with its kernels chosen, for so many threads.
  compiler::OptimizedGraph optimize(int threads, const kernels::Policy& policy) const;
  std::unique_ptr<runtime::Executable> compile(int threads) const {
    return compile(threads, policy_);
  }
  std::unique_ptr<runtime::Executable> compile(int threads, const kernels::Policy& policy) const;

  struct MeasureOptions {
    int64_t least_steps = 7;
    // Steps go on for so many seconds, but not beyond `most_steps`.
    double seconds = 1;
    int64_t most_steps = 300;
    int64_t trace_steps = 0;
  };
  // Runs steps on random data: a fifth of the inputs is not zero, as in images of digits.
  StepProfile measure(const runtime::Executable& executable, int threads,
                      const MeasureOptions& options) const;

  // Gives the weights their first values.
  void initialize() const;
  // Inputs and labels of a step: samples of the data, again from the first where there are too few;
  // random numbers where they are none. Throws ShapeError where the data don't fit.
  void fill(const runtime::Executable& executable, const Dataset* data = nullptr) const;

  // The median time of a step with other kernels or threads, in a short run.
  double measure_step(int threads, const kernels::Policy& policy) const;

 private:
  std::unique_ptr<Model> model_;
  CompileConfig config_;
  kernels::Policy policy_;
  std::vector<train::OutputPlan> plans_;
  std::unique_ptr<compiler::OptimizerState> state_;
  compiler::StepGraph step_;
};

// An optimized step as a prediction takes it; `optimized` must outlive it.
StepToPredict to_predict(const compiler::OptimizedGraph& optimized);

}  // namespace pronghorn::cost
