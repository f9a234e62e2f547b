// How far Winograd's convolutions are from the exact sums, beside a direct sum in float: root mean
// squares, by that of the exact results. docs/kernels.md has the table that this prints.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "graph/ops/conv2d.h"
#include "kernels/candidates.h"
#include "kernels/case_graphs.h"
#include "kernels/selection.h"
#include "kernels/single_op.h"

namespace pronghorn::test {
namespace {

double relative_rms(const Tensor& expected, const Tensor& actual) {
  double errors = 0, squares = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    errors += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    squares += expected[i] * expected[i];
  }
  return std::sqrt(errors / squares);
}

struct Layer {
  int64_t images, height, width, channels, filters;
};

// Images as relu leaves them, half zeros; weights and gradients around zero.
FilledGraph make_layer(const Layer& layer) {
  GraphMaker maker;
  maker.builder().graph().batch = layer.images;
  const Shape shape{layer.images, layer.height, layer.width, layer.channels};
  Tensor images = maker.random(shape.elements(), -1, 1);
  for (double& pixel : images) pixel = std::max(pixel, 0.0);
  const graph::ValueId src = maker.input(shape, std::move(images));
  const graph::ValueId weights = maker.uniform({3, 3, layer.channels, layer.filters}, -1, 1);
  graph::conv2d(maker.builder(), src, weights, {1, 1, 1, 1, {1, 1, 1, 1}});
  maker.append_gradient(0, 2);
  return maker.finish();
}

// Of each op of the layer by all of its kernels; `tile` says of which tiles Winograd makes it.
void expect_small_errors(const Layer& layer, const std::string& tile, double most) {
  const FilledGraph filled = make_layer(layer);
  for (const graph::Op& op : filled.graph.ops) {
    const Tensor expected = run_op_in_double(filled, op)[0];
    for (const kernels::Implementation* candidate : kernels::candidates(*op.kind)) {
      if (candidate->arithmetic() == kernels::Arithmetic::kBfloat16 ||
          kernels::why_not(*candidate, {filled.graph, op, 1}))
        continue;
      const double error = relative_rms(expected, run_op(filled, op, *candidate)[0]);
      fmt::print("{} of {}x{}x{} to {}, {} images: {:.1e}  {}\n", tile, layer.height, layer.width,
                 layer.channels, layer.filters, layer.images, error, candidate->name());
      EXPECT_LT(error, most) << candidate->name();
    }
  }
}

// Small enough for training by default: a hundredth of what a gradient's noise is.
constexpr double kMost = 1e-5;

TEST(WinogradError, IsSmallForTilesOf4x4) {
  expect_small_errors({16, 32, 32, 16, 16}, "F(4x4)", kMost);
  expect_small_errors({4, 16, 16, 32, 32}, "F(4x4)", kMost);
  expect_small_errors({8, 8, 8, 64, 64}, "F(4x4)", kMost);
  expect_small_errors({8, 8, 8, 128, 128}, "F(4x4)", kMost);
}

TEST(WinogradError, IsSmallerForTilesOf2x2) {
  expect_small_errors({8, 2, 32, 16, 16}, "F(2x2)", kMost / 4);
  expect_small_errors({8, 2, 32, 64, 64}, "F(2x2)", kMost / 4);
}

}  // namespace
}  // namespace pronghorn::test
