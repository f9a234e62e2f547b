#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "compiler/training_step.h"
#include "kernels/selection.h"
#include "runtime/executable.h"
#include "train/output_plan.h"

namespace pronghorn::train {

// A step that is ready to run, and where the caller finds its data. Inputs, labels and weights are
// left as the caller wrote them (compiler/memory_planner.h).
struct CompiledStep {
  struct Output {
    const float* values;
    int64_t classes;  // extent of its last axis
    int64_t rows;     // elements / classes
    // Null at inference and where the output has no loss.
    float* labels = nullptr;
    const float* loss = nullptr;
    // Null unless the step is weighted: of each of the loss's rows.
    float* weights = nullptr;
    int64_t loss_rows = 0;
    // What the samples say, where the loss takes other labels or weights (train/loss_inputs.h) or
    // where there are only metrics to see them; else empty.
    std::vector<float> given_labels;
    std::vector<float> given_weights;

    // Where what the samples say goes to, for the metrics to read; null: it is not asked for.
    float* label_place() { return given_labels.empty() ? labels : given_labels.data(); }
    float* weight_place() { return given_weights.empty() ? weights : given_weights.data(); }
    const float* seen_labels() const { return given_labels.empty() ? labels : given_labels.data(); }
    const float* seen_weights() const {
      return given_weights.empty() ? weights : given_weights.data();
    }
  };

  std::unique_ptr<runtime::Executable> executable;
  int64_t batch;
  std::vector<float*> inputs;
  std::vector<Output> outputs;
  const float* loss;  // of all outputs; null at inference
};

// The steps of one model, each compiled when it is first asked for and kept: a training needs one
// for the full batches and one for the last short batch, and likewise for evaluation.
class Steps {
 public:
  // All must outlive this.
  Steps(model::Model& model, const std::vector<OutputPlan>& plans, compiler::OptimizerState& state,
        int threads, kernels::Policy policy);

  // Throw Error where model and loss don't suit each other, or memory can't be had. `weighted`: the
  // samples have weights.
  CompiledStep& training(int64_t batch, bool weighted) {
    return get(Kind::kTraining, batch, weighted);
  }
  // A step between two updates, of an optimizer that accumulates gradients.
  CompiledStep& accumulation(int64_t batch, bool weighted) {
    return get(Kind::kAccumulation, batch, weighted);
  }
  CompiledStep& evaluation(int64_t batch, bool weighted) {
    return get(Kind::kEvaluation, batch, weighted);
  }
  CompiledStep& inference(int64_t batch) { return get(Kind::kInference, batch, false); }

  // Called between trainings, when no reference is held: lets go of all steps where so many have
  // gathered that the batch sizes seem to be new each time.
  void forget_if_many();

 private:
  enum class Kind : uint8_t { kTraining, kAccumulation, kEvaluation, kInference };
  struct Key {
    Kind kind;
    int64_t batch;
    bool weighted;
    auto operator<=>(const Key&) const = default;
  };
  CompiledStep& get(Kind kind, int64_t batch, bool weighted);
  CompiledStep compile(const Key& key);

  model::Model& model_;
  const std::vector<OutputPlan>& plans_;
  compiler::OptimizerState& state_;
  int threads_;
  kernels::Policy policy_;
  std::map<Key, CompiledStep> steps_;
};

}  // namespace pronghorn::train
