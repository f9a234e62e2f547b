#include "kernels/simd/pooled_gradient.h"

#include "graph/ops/conv2d_max_pool2d_backward.h"

namespace pronghorn::kernels::simd {

std::optional<std::string> PooledGradientImplementation::refuse(
    const KernelCase& kernel_case) const {
  const graph::Conv2dGeometry g = graph::conv2d_geometry(kernel_case.graph, kernel_case.op);
  const graph::Conv2dWindow& w = g.window;
  if (g.groups > 1) return "it is for convolutions of one group";
  if (g.kernel_h != 3 || g.kernel_w != 3 || !w.has_unit_steps())
    return "it is for 3x3 kernels with stride and dilation 1";
  if (w.padding.top > 2 || w.padding.left > 2)
    return "it is for paddings that the kernel reaches across";
  if (g.channels % 16 != 0 || g.out_channels % 16 != 0) return "it needs multiples of 16 channels";
  const graph::Pool2dWindow pool =
      graph::pooling_geometry(kernel_case.graph, kernel_case.op).window;
  if (pool.pool_h != 2 || pool.pool_w != 2 || pool.stride_h != 2 || pool.stride_w != 2 ||
      pool.padding.top != 0 || pool.padding.left != 0)
    return "it is for pooling windows of 2x2 with stride 2 and no padding before";
  return std::nullopt;
}

Execution PooledGradientImplementation::execution(const KernelCase& kernel_case) const {
  Execution execution = Implementation::execution(kernel_case);
  // At most; where relu cut a window's maximum there is none.
  execution.multiply_accumulates /= 4;
  return execution;
}

}  // namespace pronghorn::kernels::simd
