#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// Random numbers of training beside plain Dropout's, which is a stage that fuses (graph/stage.h).
// With u uniform in [0, 1) and n standard normal, of Keras 3's layers:
//   dropout           src / (1 - rate) where u >= rate, else 0
//   gaussian_noise    src + rate n                      (rate is the layer's stddev)
//   gaussian_dropout  src (1 + n sqrt(rate / (1 - rate)))
//   alpha_dropout     a src + b where u >= rate, else a p + b; p = -1.7581, and a and b such that
//                     mean and variance stay (Klambauer et al., NeurIPS 2017)
// Each is src times a factor plus an addend, both drawn; the gradient is the factor alone times
// the gradient to dst, which `backward` (1) stands for.
//
// Attributes: function, rate, stream, backward, and shared_axis: the elements along this axis share
// a draw, -1 where each has its own. Draw d of a step is that of word d of the stream
// (base/philox.h): u from its upper 24 bits k, and n the quantile of (k + 1/2) / 2^24.
enum class Noise : uint8_t { kDropout, kGaussianNoise, kGaussianDropout, kAlphaDropout };
const OpKind& noise_kind();
ValueId noise(Builder& builder, ValueId src, Noise function, double rate, uint64_t stream,
              int64_t shared_axis = -1);

// What a kernel needs to know: dst[o][e][i] = src[o][e][i] factor[o][i] + addend[o][i], where draw
// o inner + i has factor and addend below.
struct NoiseGeometry {
  int64_t outer, extent, inner;
  uint64_t stream;
  // Normal draws: factor 1 + factor_deviation n, addend addend_deviation n.
  bool normal;
  double factor_deviation, addend_deviation;
  // Others: factor and addend where u >= rate, and the addend where not; the factor is then 0.
  double rate, factor, kept_addend, dropped_addend;
};
NoiseGeometry noise_geometry(const Graph& graph, const Op& op);

}  // namespace pronghorn::graph
