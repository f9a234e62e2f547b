#pragma once

#include "kernels/kernel.h"

namespace pronghorn::kernels::reference {

// The plain kernels: the loops that a textbook has, one implementation for each kind of op that is
// no view. They accept every case, epilogues included, so that each op has a kernel; they are what
// the other kernels are tested against, and the baseline that an explanation starts from.

// Beside its kernel in single precision, each can compute in double precision: for the checks of
// gradients against finite differences.
class ReferenceImplementation : public Implementation {
 public:
  Family family() const override { return Family::kReference; }
  bool takes_epilogue() const override { return true; }
  // Their loops run in the calling thread.
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = 1;
    return execution;
  }
  // `buffers` hold doubles where the op's values hold floats; its workspace is not used.
  virtual void run_in_double(const KernelCase& kernel_case, const Buffers& buffers,
                             const RunContext& context) const = 0;
  // The loops, without the epilogue, on numbers that count what is done with them (counted.h),
  // which `buffers` hold. False where the kind's loops aren't made for it: those of products and
  // convolutions are.
  virtual bool run_counting(const KernelCase&, const Buffers&, const RunContext&) const {
    return false;
  }
};

const ReferenceImplementation& accumulate_gradient();
const ReferenceImplementation& adafactor_update();
const ReferenceImplementation& average_pool2d();
const ReferenceImplementation& average_pool2d_backward();
const ReferenceImplementation& batch_matmul();
const ReferenceImplementation& batch_norm_backward();
const ReferenceImplementation& batch_norm_inference();
const ReferenceImplementation& batch_norm_training();
const ReferenceImplementation& broadcast();
const ReferenceImplementation& clip_factor();
const ReferenceImplementation& concatenate();
const ReferenceImplementation& constrain();
const ReferenceImplementation& conv2d();
const ReferenceImplementation& conv2d_backward_data();
const ReferenceImplementation& conv2d_backward_weights();
const ReferenceImplementation& conv2d_max_pool2d();
const ReferenceImplementation& conv2d_max_pool2d_backward_data();
const ReferenceImplementation& conv2d_max_pool2d_backward_weights();
const ReferenceImplementation& crop();
const ReferenceImplementation& elementwise();
const ReferenceImplementation& bucketize();
const ReferenceImplementation& category_encoding();
const ReferenceImplementation& constant();
const ReferenceImplementation& l2_normalize();
const ReferenceImplementation& l2_normalize_backward();
const ReferenceImplementation& log_softmax();
const ReferenceImplementation& log_softmax_backward();
const ReferenceImplementation& embedding();
const ReferenceImplementation& embedding_backward();
const ReferenceImplementation& group_norm();
const ReferenceImplementation& group_norm_backward();
const ReferenceImplementation& gru();
const ReferenceImplementation& gru_backward();
const ReferenceImplementation& lstm();
const ReferenceImplementation& lstm_backward();
const ReferenceImplementation& simple_rnn();
const ReferenceImplementation& simple_rnn_backward();
const ReferenceImplementation& loss();
const ReferenceImplementation& loss_backward();
const ReferenceImplementation& matmul();
const ReferenceImplementation& matmul_update();
const ReferenceImplementation& max_pool2d();
const ReferenceImplementation& max_pool2d_backward();
const ReferenceImplementation& mean();
const ReferenceImplementation& moving_average();
const ReferenceImplementation& noise();
const ReferenceImplementation& optimizer_update();
const ReferenceImplementation& pad();
const ReferenceImplementation& reduce_sum();
const ReferenceImplementation& reorder();
const ReferenceImplementation& slice();
const ReferenceImplementation& softmax();
const ReferenceImplementation& softmax_backward();
const ReferenceImplementation& softmax_cross_entropy();
const ReferenceImplementation& softmax_cross_entropy_backward();
const ReferenceImplementation& sum_of_powers();
const ReferenceImplementation& sum_rows();
const ReferenceImplementation& transpose();
const ReferenceImplementation& upsample2d();
const ReferenceImplementation& upsample2d_backward();

}  // namespace pronghorn::kernels::reference
