#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "compiler/compile.h"
#include "compiler/training_step.h"
#include "cost/prediction.h"
#include "kernels/selection.h"
#include "pronghorn/compile_config.h"
#include "pronghorn/model.h"
#include "pronghorn/profile.h"

namespace pronghorn::cost {

// A training step of a copy of a model, to be looked at, foreseen and run without touching the
// model: its weights stay as they are.
class ModelStep {
 public:
  // Throws Error where the model can't be trained so.
  ModelStep(const Model& model, const CompileConfig& config, int64_t batch);

  kernels::ForcedFamily family() const { return family_; }
  // Of the optimizer's slots, beside the parameters.
  int64_t optimizer_bytes() const;

  // The step with its kernels chosen, for so many threads.
  compiler::OptimizedGraph optimize(int threads, kernels::ForcedFamily family) const;
  std::unique_ptr<runtime::Executable> compile(int threads) const {
    return compile(threads, family_);
  }
  std::unique_ptr<runtime::Executable> compile(int threads, kernels::ForcedFamily family) const;

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

  // The median time of a step with other kernels or threads, in a short run.
  double measure_step(int threads, kernels::ForcedFamily family) const;

 private:
  void fill(const runtime::Executable& executable) const;

  std::unique_ptr<Model> model_;
  CompileConfig config_;
  kernels::ForcedFamily family_;
  compiler::LossConfig loss_;
  std::unique_ptr<compiler::OptimizerState> state_;
  compiler::StepGraph step_;
};

// An optimized step as a prediction takes it; `optimized` must outlive it.
StepToPredict to_predict(const compiler::OptimizedGraph& optimized);

}  // namespace pronghorn::cost
