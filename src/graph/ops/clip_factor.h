#pragma once

#include <vector>

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// What gradients are multiplied with so that their norm is no more than a limit. The inputs are the
// sums of squares of one gradient or several (sum_of_powers), scalars; n is the root of their sum,
// which is taken in their order and in double precision:
//
//   dst () = limit / max(n, limit)
//
// The attributes: `limit`; `global`, Keras's global_clipnorm, whose factor is NaN where n is not
// finite, while that of clipnorm then is 0 or NaN (keras/src/optimizers/base_optimizer.py,
// Keras 3.15).
const OpKind& clip_factor_kind();
ValueId clip_factor(Builder& builder, std::vector<ValueId> sums_of_squares, double limit,
                    bool global);

}  // namespace pronghorn::graph
