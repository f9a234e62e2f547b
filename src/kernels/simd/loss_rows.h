#pragma once

#include <cstddef>
#include <cstdint>

#include "graph/ops/loss.h"

namespace pronghorn::kernels::simd {

// What the functions of a loss and of its gradient work on: rows of `columns` predictions. y_true
// has one number per row where the labels are class numbers, else one per prediction, y of which
// the formulas take y label_scale + label_offset (label smoothing). `losses` and `out` are what the
// function computes, one number or one row for each row, where it computes such; the gradient is
// multiplied by `scale`.
struct LossRows {
  const float* y_pred;
  const float* y_true;
  float* losses;
  float* out;
  int64_t rows;
  size_t columns;
  float scale;
  float label_scale;
  float label_offset;
  const graph::LossFormula* formula;
};

using LossRowsFunction = void (*)(const LossRows&);

// A loss's value and its gradient.
struct LossFunctions {
  LossRowsFunction loss;
  LossRowsFunction backward;
};

// The functions of a formula for the CPU; one of the three files has it (null in the others).
LossFunctions crossentropy_loss(const graph::LossFormula& formula);
LossFunctions pointwise_loss(const graph::LossFormula& formula);
LossFunctions row_loss(const graph::LossFormula& formula);
// Those of softmax_cross_entropy and its backward op.
LossFunctions softmax_cross_entropy_loss(const graph::LossFormula& formula);

}  // namespace pronghorn::kernels::simd
