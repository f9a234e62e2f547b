#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// A weight made to meet a constraint, in place, with the formulas of Keras 3.15
// (keras/src/constraints/constraints.py). parameter -> parameter. Attributes: `function`, one of
// (n the norm, the root of the sum of squares along `axes`; e = 1e-7)
//   non_neg       w = max(w, 0)
//   unit_norm     w /= e + n
//   max_norm      w *= min(n, max_value) / (e + n)
//   min_max_norm  w *= (rate clip(n, min_value, max_value) + (1 - rate) n) / (e + n)
// and `axes`, from 0 and in order; the norms are of all elements that differ in these axes only.
const OpKind& constrain_kind();

enum class ConstraintFunction : uint8_t { kNonNeg, kUnitNorm, kMaxNorm, kMinMaxNorm };
ConstraintFunction constraint_function(const Op& op);

// keras.config.epsilon(), the e above.
inline constexpr double kConstraintEpsilon = 1e-7;

// How the elements of a weight belong to its norms: it is rows of its last axis, and all elements
// of a row either have norms of their own (`by_column`) or share one.
struct NormGeometry {
  int64_t rows, columns;
  bool by_column;
  // Of each row, the first of its norms.
  std::vector<int64_t> norm_of_row;
  int64_t norms;
};
NormGeometry norm_geometry(const Shape& shape, const std::vector<int64_t>& axes);

// Adds the op for this value, which is the parameter or what an update made of it.
void constrain(Builder& builder, ValueId parameter, Attributes attributes);

}  // namespace pronghorn::graph
