#pragma once

#include "kernels/kernel.h"
#include "platform/batch_slices.h"

namespace pronghorn::kernels {

// The first so many inputs and outputs of an op, beside its epilogue's operands of the output's
// shape: the tensors that hold the batch.
struct BatchOperands {
  int inputs;
  int outputs;
};

// A kernel whose loop goes over the slices of its batch. Several of them in a row can run as a
// chain (compiler/chains.h): a slice goes through all of them while it is in the caches, and
// threads meet once in place of once an op.
class SlicedKernel : public Kernel {
 public:
  // Over these slices, of images (rows). Of the `sliced` operands run_slice() reads and writes its
  // own slice's images and no others. All else it reads at any time from begin() to end(), and all
  // else that it writes is final after end().
  SlicedKernel(const KernelCase& kernel_case, BatchSlices slices, BatchOperands sliced);

  const BatchSlices& slices() const { return slices_; }
  bool slices_input(size_t index) const { return sliced_inputs_[index]; }
  bool slices_output(size_t index) const { return sliced_outputs_[index]; }
  SlicedKernel* as_sliced() final { return this; }

  // What all slices share: transformed weights, statistics of the batch.
  virtual void begin(const RunContext&) {}
  // May not start a loop. Slices come in any order, on any threads, each once.
  virtual void run_slice(const RunContext& context, int64_t slice, int thread) = 0;
  // Sums over the slices.
  virtual void end(const RunContext&) {}

  // Alone. A kernel whose work can be cut finer overrides it, for a better balance of threads.
  void run(const RunContext& context) override;

 private:
  BatchSlices slices_;
  std::vector<bool> sliced_inputs_, sliced_outputs_;
};

}  // namespace pronghorn::kernels
