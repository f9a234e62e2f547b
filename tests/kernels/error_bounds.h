#pragma once

#include <vector>

#include "kernels/single_op.h"

namespace pronghorn::test {

// How far each element of each output may be from its exact value when an op is computed in single
// precision, by the standard model of rounding: fl(a op b) = (a op b)(1 + d), |d| <= u = 2^-24.
// (Higham: Accuracy and Stability of Numerical Algorithms, 2nd ed., chapters 2 to 4.)
//
// A sum of K terms errs by at most K u times the sum of their magnitudes, in any order, and with
// rounding errors that are independent by about sqrt(K) u (Higham and Mary, SIAM J. Sci. Comput.
// 41, 2019). So kernels that add up in another order pass, and a term too many or too few fails.
//
// `expected` are the op's outputs in double precision. With `winograd` the bound is one by norms:
// Winograd's transforms mix terms of all magnitudes.
std::vector<Tensor> error_bounds(const FilledGraph& filled, const graph::Op& op,
                                 const std::vector<Tensor>& expected, bool winograd);

}  // namespace pronghorn::test
