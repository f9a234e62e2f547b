#pragma once

#include "kernels/kernel.h"

namespace pronghorn::kernels::simd {

// Kernels written with Google Highway: one source, compiled for several instruction sets, of which
// each kernel chooses the CPU's best once, when it is made. All run in plain layout; those that
// also run in blocked ones say so. There is none of `mean`, a sum of doubles in the elements'
// order, and of `clip_factor`, of scalars, which leave nothing to vectors, and none of what encodes
// class numbers, a store each.

const Implementation& elementwise();  // any layout, but for bias_add and dropout

// Gradients of a convolution whose output is max-pooled; plain or nChw16c.
const Implementation& conv2d_max_pool2d_backward_weights();
const Implementation& conv2d_max_pool2d_backward_data();

const Implementation& sum_rows();       // any layout
const Implementation& sum_of_powers();  // any layout

// Any layout, the same for src, dst and their gradients.
const Implementation& batch_norm_training();
const Implementation& batch_norm_backward();
const Implementation& batch_norm_inference();

const Implementation& group_norm();
const Implementation& group_norm_backward();

// Over slices of the batch.
const Implementation& simple_rnn();
const Implementation& simple_rnn_backward();
const Implementation& lstm();
const Implementation& lstm_backward();
const Implementation& gru();
const Implementation& gru_backward();

const Implementation& embedding();
const Implementation& embedding_backward();

// Direct convolutions of stride 1 over vectors of pixels, of at most seven channels in and out; the
// gradients of at most four.
const Implementation& conv2d_few_channels();
const Implementation& conv2d_backward_data_few_channels();
const Implementation& conv2d_backward_weights_few_channels();

// Convolutions of as many groups as channels, over vectors of channels.
const Implementation& conv2d_depthwise();
const Implementation& conv2d_backward_data_depthwise();
const Implementation& conv2d_backward_weights_depthwise();

// Convolutions of 3x3 kernels with stride 1, of whole vectors of channels; any layout.
const Implementation& conv2d_winograd();
const Implementation& conv2d_backward_data_winograd();
const Implementation& conv2d_backward_weights_winograd();
const Implementation& conv2d_max_pool2d_winograd();  // windows of 2x2

// Products of which one matrix may be transposed; with at most 16 units.
const Implementation& matmul();
const Implementation& matmul_narrow();

// Of pairs of matrices.
const Implementation& batch_matmul();

const Implementation& softmax();
const Implementation& softmax_backward();
const Implementation& l2_normalize();
const Implementation& l2_normalize_backward();
const Implementation& log_softmax();
const Implementation& log_softmax_backward();

const Implementation& loss();
const Implementation& loss_backward();
const Implementation& softmax_cross_entropy();
const Implementation& softmax_cross_entropy_backward();

// Over vectors of channels; for windows that oneDNN does not take.
// For few channels, before oneDNN's.
const Implementation& max_pool2d_backward_few_channels();
const Implementation& max_pool2d();
const Implementation& max_pool2d_backward();
const Implementation& average_pool2d();
const Implementation& average_pool2d_backward();

const Implementation& concatenate();
const Implementation& slice();
const Implementation& reorder();  // between any two layouts
const Implementation& transpose();
const Implementation& pad();
const Implementation& crop();
const Implementation& broadcast();
const Implementation& reduce_sum();
const Implementation& upsample2d();
const Implementation& upsample2d_backward();

const Implementation& noise();

const Implementation& optimizer_update();
const Implementation& matmul_update();
const Implementation& adafactor_update();
const Implementation& constrain();
const Implementation& moving_average();
const Implementation& accumulate_gradient();

}  // namespace pronghorn::kernels::simd
