#pragma once

#include <vector>

#include "graph/op_kind.h"
#include "graph/ops/optimizer_update.h"

namespace pronghorn::graph {

// A weight's update by Adafactor, in place, with Keras 3.15's formulas
// (keras/src/optimizers/adafactor.py; Shazeer and Stern 2018): parameter, gradient, r, c, v,
// [scale] -> parameter, r, c, v. A weight of two axes or more is matrices of its last two, of which
// r keeps means over the rows' elements and c over the columns'; of fewer axes r and c are unused
// scalars. With t the number of the update, s = g^2 + epsilon_1, RMS(x) the root of the mean
// square over all elements:
//
//   b = 1 - t^beta_2_decay
//   r = b r + (1 - b) mean of s over the row;  c = b c + (1 - b) mean of s over the column
//   v = r / (mean of the matrix's r) c;        of fewer axes: v = b v + (1 - b) s
//   u = g / sqrt(v)
//   w -= max(epsilon_2, RMS(w)) min(lr, 1 / sqrt(t)) u / max(1, RMS(u) / clip_threshold)
//
// Attributes: optimizer ("adafactor"), beta_2_decay, epsilon_1, epsilon_2, clip_threshold, and
// those that all updates have. (Keras's relative_step changes nothing: the rate is bounded by
// 1 / sqrt(t) with or without it.)
const OpKind& adafactor_update_kind();

// Keras's, in its order: r, c, v.
std::vector<OptimizerSlot> adafactor_slots(const Shape& parameter);

// A weight as matrices of its last two axes; of fewer axes, one row that is not factored.
struct AdafactorGeometry {
  bool factored;
  int64_t matrices, rows, columns;
};
AdafactorGeometry adafactor_geometry(const Shape& parameter);

// What differs from step to step: b and the factor of u before it is clipped, without RMS(w).
struct AdafactorStep {
  double keep;
  double rate;
};
AdafactorStep adafactor_step(const Attributes& attributes, uint64_t step, double learning_rate);

}  // namespace pronghorn::graph
