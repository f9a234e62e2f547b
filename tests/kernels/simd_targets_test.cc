// The vectorized kernels on every instruction set that this CPU has: candidates_test.cc runs them
// on the best one only.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "graph/ops/conv2d.h"
#include "graph/ops/elementwise.h"
#include "kernels/candidates.h"
#include "kernels/case_graphs.h"
#include "kernels/error_bounds.h"
#include "kernels/selection.h"
#include "kernels/simd_targets.h"
#include "kernels/single_op.h"

namespace pronghorn::test {
namespace {

class SimdTargets : public OnEachTarget {};

void expect_within_bounds(const FilledGraph& filled, const graph::Op& op,
                          const std::vector<Tensor>& expected, const std::vector<Tensor>& actual,
                          bool winograd = false) {
  const std::vector<Tensor> bounds = error_bounds(filled, op, expected, winograd);
  for (size_t i = 0; i < actual.size(); ++i)
    for (size_t e = 0; e < expected[i].size(); ++e)
      ASSERT_LE(std::abs(actual[i][e] - expected[i][e]), bounds[i][e])
          << fmt::format("output {}, element {}", i, e);
}

// Calls check(filled, op, candidate) for all ops of these files' cases and the vectorized kernels
// that run them; returns how often.
template <class Check>
int for_each_kernel(const std::vector<std::string>& files, Check check) {
  int checked = 0;
  for (const std::string& file : files) {
    for (const Case& described : read_cases(file)) {
      const FilledGraph filled = make_graph(described);
      for (const graph::Op& op : filled.graph.ops) {
        for (const kernels::Implementation* candidate : kernels::candidates(*op.kind)) {
          if (candidate->family() != kernels::Family::kSimd ||
              kernels::why_not(*candidate, {filled.graph, op, 1}))
            continue;
          SCOPED_TRACE(fmt::format("{} on {}/{}", candidate->name(), file, described.name));
          check(filled, op, *candidate);
          if (testing::Test::HasFatalFailure()) return checked;
          ++checked;
        }
      }
    }
  }
  return checked;
}

TEST_P(SimdTargets, AllKernelsStayWithinTheErrorOfTheirArithmetic) {
  const int checked = for_each_kernel(case_files(), [](const FilledGraph& filled,
                                                       const graph::Op& op,
                                                       const kernels::Implementation& candidate) {
    expect_within_bounds(filled, op, run_op_in_double(filled, op), run_op(filled, op, candidate),
                         candidate.arithmetic() == kernels::Arithmetic::kWinograd);
  });
  EXPECT_GT(checked, 200);
}

TEST_P(SimdTargets, SumsAndBatchNormalizationTakeImagesInBlockedLayouts) {
  for (graph::Layout layout : {graph::Layout::kBlocked8, graph::Layout::kBlocked16}) {
    const int64_t block = layout == graph::Layout::kBlocked8 ? 8 : 16;
    int blocked_ops = 0;
    for_each_kernel({"sum_rows", "batch_norm"}, [&](const FilledGraph& filled, const graph::Op& op,
                                                    const kernels::Implementation& candidate) {
      const Shape& images = filled.graph.input(op, 0).shape;
      if (images.rank() != 4 || images.back() % block != 0 || op.kind == &graph::elementwise_kind())
        return;
      FilledGraph blocked = filled;
      for (graph::ValueId id : op.inputs)
        if (blocked.graph.value(id).shape == images) blocked.graph.value(id).layout = layout;
      const std::vector<graph::Layout> arriving(op.inputs.size(), layout);
      ASSERT_EQ(candidate.layouts({filled.graph, op, 1}, arriving).inputs[0], layout);
      const std::vector<Tensor> expected = run_op_in_double(filled, op);
      const std::vector<Tensor> actual = run_op(blocked, op, candidate);
      expect_within_bounds(filled, op, expected, actual);
      EXPECT_EQ(actual, run_op(blocked, op, candidate, {.threads = 3}));
      ++blocked_ops;
    });
    EXPECT_GT(blocked_ops, 2) << to_string(layout);
  }
}

TEST_P(SimdTargets, WinogradTakesImagesInBlockedLayouts) {
  for (graph::Layout layout : {graph::Layout::kBlocked8, graph::Layout::kBlocked16}) {
    const int64_t block = layout == graph::Layout::kBlocked8 ? 8 : 16;
    int blocked_ops = 0;
    for_each_kernel({"conv2d"}, [&](const FilledGraph& filled, const graph::Op& op,
                                    const kernels::Implementation& candidate) {
      if (candidate.arithmetic() != kernels::Arithmetic::kWinograd) return;
      FilledGraph plain = filled;
      for (graph::Value& value : plain.graph.values) value.layout = graph::Layout::kPlain;
      FilledGraph blocked = plain;
      std::vector<graph::Layout> arriving;
      for (graph::ValueId id : op.inputs) {
        graph::Value& value = blocked.graph.value(id);
        const bool images = value.shape.rank() == 4 && id != op.inputs[1];
        value.layout = images && value.shape.back() % block == 0 ? layout : graph::Layout::kPlain;
        arriving.push_back(value.layout);
      }
      if (arriving[0] != layout) return;
      const auto wanted = candidate.layouts({blocked.graph, op, 1}, arriving);
      if (wanted.inputs[0] != layout) return;  // vectors that are wider than a block
      EXPECT_EQ(run_op(blocked, op, candidate, {.threads = 3}), run_op(plain, op, candidate));
      ++blocked_ops;
    });
    if (block == 16) {
      EXPECT_GT(blocked_ops, 20);
    }
  }
}

// Images of two colours, the left one darker; `first` is the first pixel's colour.
Tensor two_colours(const Shape& shape, double first) {
  Tensor images(static_cast<size_t>(shape.elements()));
  const auto width = static_cast<size_t>(shape[2]), channels = static_cast<size_t>(shape[3]);
  const size_t pixels = static_cast<size_t>(shape[1]) * width;
  for (size_t i = 0; i < images.size(); ++i) {
    const size_t pixel = i / channels, x = pixel % width;
    images[i] = pixel % pixels == 0 ? first : 0.25 * static_cast<double>(1 + i % channels % 3);
    if (x >= width / 2) images[i] += 0.5;
  }
  return images;
}

TEST_P(SimdTargets, WinogradsOutputsOfBackgroundAreThoseOfAnyTile) {
  int images_of_tiles = 0;
  for_each_kernel({"conv2d"}, [&](const FilledGraph& filled, const graph::Op& op,
                                  const kernels::Implementation& candidate) {
    if (candidate.name().find("winograd") == std::string_view::npos ||
        op.kind == &graph::conv2d_backward_weights_kind())
      return;
    const auto src = static_cast<size_t>(op.inputs[0]);
    const Shape& shape = filled.graph.input(op, 0).shape;
    FilledGraph flat = filled, other = filled;
    flat.values[src] = two_colours(shape, 0.25);
    other.values[src] = two_colours(shape, 3);  // which leaves the first tile no background
    const std::vector<Tensor> actual = run_op(flat, op, candidate);
    expect_within_bounds(flat, op, run_op_in_double(flat, op), {actual[0]}, true);
    const std::vector<Tensor> expected = run_op(other, op, candidate);
    const Shape& outputs = filled.graph.output(op, 0).shape;
    for (size_t i = 0; i < actual[0].size(); ++i) {
      const auto pixel = static_cast<int64_t>(i) / outputs[3];
      if (pixel / outputs[2] % outputs[1] < 4 && pixel % outputs[2] < 4) continue;
      ASSERT_EQ(actual[0][i], expected[0][i]) << "element " << i;
    }
    ++images_of_tiles;
  });
  EXPECT_GT(images_of_tiles, 10);
}

INSTANTIATE_TEST_SUITE_P(Targets, SimdTargets, testing::ValuesIn(simd_targets()), target_name);

}  // namespace
}  // namespace pronghorn::test
