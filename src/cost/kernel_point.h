#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/stage.h"
#include "kernels/kernel.h"

namespace pronghorn::cost {

// What the speed of a kernel depends on for one case: the point at which its reach is measured, or
// looked up. All extents as logarithms to base 2, so that a distance of one is a factor of two.
struct KernelPoint {
  // The kernel, and what else makes it another program: the transposes of a product, the optimizer
  // of an update.
  std::string kernel;
  //   convolutions  input channels, output channels, output pixels, images in a slice, kernel
  //                 pixels, pixels per stride
  //   products      M, N, K
  //   pooling       bytes of a slice, channels, window pixels
  //   others        bytes of a slice, extent of the last axis
  std::vector<double> features;
  // Executed flops of multiply-accumulates, or, for kernels that have none, bytes read and written.
  double work = 0;
};

KernelPoint kernel_point(const kernels::KernelCase& kernel_case,
                         const kernels::Implementation& implementation);

// A stage of an epilogue is timed as an elementwise op of its own; `elementwise` is the kernel that
// runs it.
KernelPoint stage_point(const graph::Stage& stage, int64_t elements, std::string_view elementwise);

}  // namespace pronghorn::cost
