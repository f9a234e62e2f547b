#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// src (N, ..., C) -> dst (C): the sum over all axes but the last, along the reduction tree; the
// gradient to a bias.
const OpKind& sum_rows_kind();
ValueId sum_rows(Builder& builder, ValueId src);

// src -> dst (): the mean of all elements, summed in double precision in their order. What a step
// reports as its loss.
const OpKind& mean_kind();
ValueId mean(Builder& builder, ValueId src);

}  // namespace pronghorn::graph
