#include "kernels/sliced_kernel.h"

#include <algorithm>

namespace pronghorn::kernels {

SlicedKernel::SlicedKernel(const KernelCase& kernel_case, BatchSlices slices, BatchOperands sliced)
    : slices_(slices) {
  const graph::Op& op = kernel_case.op;
  for (size_t i = 0; i < op.inputs.size(); ++i)
    sliced_inputs_.push_back(static_cast<int>(i) < sliced.inputs);
  for (size_t i = 0; i < op.outputs.size(); ++i)
    sliced_outputs_.push_back(static_cast<int>(i) < sliced.outputs);
  for (const graph::Stage& stage : op.epilogue)
    if (graph::has_full_operand(stage)) sliced_inputs_[static_cast<size_t>(stage.operand)] = true;
}

void SlicedKernel::run(const RunContext& context) {
  begin(context);
  context.parallel.for_each(slices_.count(),
                            [&](int64_t slice, int thread) { run_slice(context, slice, thread); });
  end(context);
}

}  // namespace pronghorn::kernels
