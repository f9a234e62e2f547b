#pragma once

#include "kernels/kernel.h"

// Kernels that run in oneDNN. Each cuts the batch into the fixed slices of
// platform/batch_slices.h, runs a slice on one thread, and sums weight gradients along the
// reduction tree: oneDNN's own threading would make sums depend on the number of threads.
namespace pronghorn::kernels::onednn {

const Implementation& conv2d_winograd();
const Implementation& conv2d_direct();
const Implementation& conv2d_backward_data_winograd();
const Implementation& conv2d_backward_data_direct();
const Implementation& conv2d_backward_weights_winograd();
const Implementation& conv2d_backward_weights_direct();
const Implementation& matmul();

// Of operands rounded to bfloat16, summed in float32, on CPUs that have the dot product.
const Implementation& conv2d_bfloat16();
const Implementation& conv2d_backward_data_bfloat16();
const Implementation& conv2d_backward_weights_bfloat16();
const Implementation& matmul_bfloat16();

const Implementation& max_pool2d();
const Implementation& max_pool2d_backward();
const Implementation& average_pool2d();
const Implementation& average_pool2d_backward();
const Implementation& batch_norm_inference();

}  // namespace pronghorn::kernels::onednn
