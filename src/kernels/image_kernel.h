#pragma once

#include "kernels/sliced_kernel.h"

namespace pronghorn::kernels {

// A sliced kernel whose images are independent of each other: alone, each is a task.
class ImageKernel : public SlicedKernel {
 public:
  using SlicedKernel::SlicedKernel;

  void run_slice(const RunContext& context, int64_t slice, int thread) final {
    for (int64_t image = slices().begin(slice); image < slices().end(slice); ++image)
      run_image(context, image, thread);
  }

  void run(const RunContext& context) final {
    begin(context);
    context.parallel.for_each(
        slices().batch(), [&](int64_t image, int thread) { run_image(context, image, thread); });
    end(context);
  }

 private:
  virtual void run_image(const RunContext& context, int64_t image, int thread) const = 0;
};

}  // namespace pronghorn::kernels
