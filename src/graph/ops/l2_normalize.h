#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// Rows of length one, over the last axis (keras.ops.normalize):
//   l2_normalize           src            -> dst: src r, r = min(1 / sqrt(sum of src^2), 1 /
//   epsilon) l2_normalize_backward  src, diff_dst  -> diff_src: r (diff_dst - dst (sum of dst
//   diff_dst)),
//                                            without the second term where r is held at 1 / epsilon
const OpKind& l2_normalize_kind();
const OpKind& l2_normalize_backward_kind();

ValueId l2_normalize(Builder& builder, ValueId src, double epsilon);

}  // namespace pronghorn::graph
