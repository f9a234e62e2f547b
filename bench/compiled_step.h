#pragma once

#include <memory>
#include <string>

#include "compiler/chains.h"
#include "compiler/training_step.h"
#include "platform/parallel.h"
#include "pronghorn/model.h"
#include "runtime/executable.h"
#include "runtime/profile.h"

namespace pronghorn::bench {

// A training step of a model of the zoo or of models.h, compiled as fit does it (RMSprop,
// categorical crossentropy), with inputs like MNIST's: a fifth of the pixels not zero.
class CompiledStep {
 public:
  CompiledStep(const std::string& model_name, int64_t batch, int threads,
               const kernels::Policy& policy = {},
               int64_t least_chained_bytes = compiler::kLeastChainedBytes);

  void run();
  void run(runtime::Profile& profile);
  // Only the ops that this family runs, one after the other.
  void run_family(kernels::Family family);

  const runtime::Executable& executable() const { return *executable_; }
  // Of one step, all phases.
  int64_t multiply_accumulates() const;

 private:
  Model model_;
  std::unique_ptr<compiler::OptimizerState> state_;
  std::unique_ptr<runtime::Executable> executable_;
  Parallel parallel_;
  uint64_t step_ = 0;
};

}  // namespace pronghorn::bench
