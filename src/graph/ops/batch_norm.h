#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// Batch normalization over all axes but the last, with Keras 3's formulas
// (keras/src/layers/normalization/batch_normalization.py). Ioffe and Szegedy, ICML 2015.
//
//   batch_norm_training   src [, gamma] [, beta], moving_mean, moving_variance
//                         -> dst, mean, inverse_deviation, moving_mean, moving_variance
//   batch_norm_backward   src, diff_dst, mean, inverse_deviation [, gamma]
//                         -> diff_src, diff_gamma, diff_beta
//   batch_norm_inference  src [, gamma] [, beta], moving_mean, moving_variance -> dst
//
// dst = (src - mean) inverse_deviation gamma + beta, inverse_deviation = 1 / sqrt(variance +
// epsilon), variance the biased one of the batch. moving = moving momentum + batch (1 - momentum),
// in place. Which of gamma and beta are there the attributes scale and center say (0 or 1).
const OpKind& batch_norm_training_kind();
const OpKind& batch_norm_backward_kind();
const OpKind& batch_norm_inference_kind();

// Where the inputs of an op of any of the three kinds stand; -1 for what it does not have.
struct BatchNormInputs {
  int gamma, beta, moving_mean, moving_variance;
};
BatchNormInputs batch_norm_inputs(const Op& op);

struct BatchNormConfig {
  double epsilon = 1e-3;
  double momentum = 0.99;
};
// gamma or beta may be kNoValue.
ValueId batch_norm_training(Builder& builder, ValueId src, ValueId gamma, ValueId beta,
                            ValueId moving_mean, ValueId moving_variance, BatchNormConfig config);
ValueId batch_norm_inference(Builder& builder, ValueId src, ValueId gamma, ValueId beta,
                             ValueId moving_mean, ValueId moving_variance, BatchNormConfig config);

}  // namespace pronghorn::graph
