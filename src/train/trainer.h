#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/training_step.h"
#include "kernels/selection.h"
#include "model/model.h"
#include "platform/parallel.h"
#include "pronghorn/compile_config.h"
#include "pronghorn/fit.h"
#include "pronghorn/model.h"
#include "train/output_plan.h"
#include "train/samples.h"
#include "train/steps.h"

namespace pronghorn::train {

class EpochMetrics;
class Progress;

// What stands behind Model::compile, fit, evaluate and predict: a model's optimizer state, its
// compiled steps, and the loops that run them.
//
// All is checked and compiled before the first step, so that a training that starts can only fail
// by a callback (a full disk). The loop over batches copies samples, runs the step and reads its
// loss and outputs; it allocates nothing.
class Trainer {
 public:
  // Throws ArgumentError for names that aren't known and numbers out of their range. The model must
  // outlive the trainer and keep its layers.
  Trainer(model::Model& model, const CompileConfig& config);

  // `owner` is what callbacks see.
  History fit(pronghorn::Model& owner, const Arrays& x, const Arrays& y, const FitOptions& options);
  Logs evaluate(const Arrays& x, const Arrays& y, const EvaluateOptions& options);
  std::vector<NamedArray> predict(const Arrays& x, const EvaluateOptions& options);
  std::string graph_summary(int64_t batch);

  const CompileConfig& config() const { return config_; }
  model::TrainingState state();
  // Goes on where a training of the same optimizer ended. Changes nothing and returns false where
  // the optimizer, or what it remembers, is another's.
  bool resume(const model::TrainingState& state);
  // Keras's optimizer.iterations.
  uint64_t steps() const { return step_; }

  // Whether the model still is the one that this was made for.
  bool suits_model() const { return model_.nodes.size() == nodes_; }

 private:
  struct TrainingPass;
  class Control;

  SampleShapes shapes() const;
  Samples check_validation(const Dataset& data) const;
  EpochMetrics make_epoch_metrics(const Samples& samples) const;
  void compile_for(const Samples& samples, int64_t batch_size, bool training);
  kernels::RunContext context() const;
  // Of the next step.
  double learning_rate() const;
  CompiledStep& training_step(int64_t batch, bool weighted);

  // Returns the seconds that the steps took.
  double train_epoch(TrainingPass& pass, int epoch, const std::vector<Callback*>& callbacks,
                     Control& control, Progress& progress);
  // `progress` and the logs that it shows may be null.
  void evaluate(const Samples& samples, int64_t batch_size, EpochMetrics& metrics,
                Progress* progress, Logs* logs);
  void warn_of_loss(double loss, int64_t batch, int epoch, Progress& progress);

  model::Model& model_;
  const size_t nodes_;
  const CompileConfig config_;
  const std::vector<OutputPlan> plans_;
  const Parallel parallel_;
  compiler::OptimizerState state_;
  Steps steps_;
  double learning_rate_;  // where no schedule is followed
  // Steps and epochs trained since compile(), over all calls of fit.
  uint64_t step_ = 0;
  uint64_t epochs_ = 0;
  bool warned_of_loss_ = false;
};

}  // namespace pronghorn::train
