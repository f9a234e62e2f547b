#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

//   upsample2d           src (N, H, W, C) -> dst (N, H size_h, W size_w, C)
//   upsample2d_backward  diff_dst         -> diff_src
//
// Each is linear and the other's gradient. Attributes: size, and interpolation.
//   nearest   dst[y, x] = src[y / size_h, x / size_w]
//   bilinear  between pixel centers: dst's row y lies at (y + 1/2) / size_h - 1/2 in src, held
//             within [0, H - 1]; likewise its columns (jax.image.resize, which Keras 3 calls)
const OpKind& upsample2d_kind();
const OpKind& upsample2d_backward_kind();

enum class Interpolation : uint8_t { kNearest, kBilinear };

struct Upsample2dGeometry {
  int64_t batch, height, width, channels;  // src
  int64_t size_h, size_w;
  Interpolation interpolation;

  int64_t out_height() const { return height * size_h; }
  int64_t out_width() const { return width * size_w; }
};
Upsample2dGeometry upsample2d_geometry(const Graph& graph, const Op& op);

// Along one axis, dst's element i is (1 - weight) src[first] + weight src[second].
struct Mix {
  int64_t first, second;
  float weight;
};
std::vector<Mix> bilinear_mixes(int64_t extent, int64_t size);

ValueId upsample2d(Builder& builder, ValueId src, int64_t size_h, int64_t size_w,
                   Interpolation interpolation);

}  // namespace pronghorn::graph
