#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// Normalization of each sample by itself, over groups of its channels: Keras's
// GroupNormalization, and LayerNormalization, which is one group of samples that are rows
// (keras/src/layers/normalization). Wu and He, ECCV 2018; Ba, Kiros and Hinton, 2016.
//
//   group_norm           src (N, ..., C) [, gamma (C)] [, beta (C)]
//                        -> dst, mean (N, groups), inverse_deviation (N, groups)
//   group_norm_backward  src, diff_dst, mean, inverse_deviation [, gamma]
//                        -> diff_src, diff_gamma (C), diff_beta (C)
//
// dst = (src - mean) inverse_deviation gamma + beta, inverse_deviation = 1 / sqrt(variance +
// epsilon); mean and biased variance are those of a sample's group of C / groups channels at all
// of its places. Attributes: groups, epsilon, and of what is there scale and center (0 or 1).
const OpKind& group_norm_kind();
const OpKind& group_norm_backward_kind();

// gamma or beta may be kNoValue.
ValueId group_norm(Builder& builder, ValueId src, ValueId gamma, ValueId beta, int64_t groups,
                   double epsilon);

struct GroupNormGeometry {
  int64_t samples, places, channels, groups;
  bool scale, center;
  double epsilon;

  int64_t group_channels() const { return channels / groups; }
  // Where they stand among the inputs of either kind; -1 for what is not there.
  int gamma, beta;
};
GroupNormGeometry group_norm_geometry(const Graph& graph, const Op& op);

}  // namespace pronghorn::graph
