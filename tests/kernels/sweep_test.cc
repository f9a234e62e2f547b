// All small sizes: the exhaustive sweep finds faults at the ends of vectors and tiles that large
// cases never do.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "graph/ops/elementwise.h"
#include "graph/ops/matmul.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/softmax.h"
#include "graph/ops/sum_rows.h"
#include "kernels/candidates.h"
#include "kernels/case_graphs.h"
#include "kernels/error_bounds.h"
#include "kernels/expect_within.h"
#include "kernels/selection.h"
#include "kernels/single_op.h"

namespace pronghorn::test {
namespace {

// Op 0 of the graph by every candidate that accepts it.
void expect_all_candidates_within_bounds(const FilledGraph& filled) {
  const graph::Op& op = filled.graph.ops[0];
  const std::vector<Tensor> expected = run_op_in_double(filled, op);
  const std::vector<Tensor> bounds = error_bounds(filled, op, expected, /*winograd=*/false);
  for (const kernels::Implementation* implementation : kernels::candidates(*op.kind)) {
    if (kernels::why_not(*implementation, {filled.graph, op, 1})) continue;
    SCOPED_TRACE(implementation->name());
    const std::vector<Tensor> actual = run_op(filled, op, *implementation);
    for (size_t i = 0; i < actual.size(); ++i)
      expect_within(expected[i], actual[i], bounds[i], fmt::format("output {}", i));
  }
}

class MatmulSweep : public testing::TestWithParam<std::tuple<bool, bool>> {};

TEST_P(MatmulSweep, AllExtentsFromOneToNine) {
  const auto [transpose_a, transpose_b] = GetParam();
  for (int64_t m = 1; m <= 9; ++m)
    for (int64_t n = 1; n <= 9; ++n)
      for (int64_t k = 1; k <= 9; ++k) {
        SCOPED_TRACE(fmt::format("m {}, n {}, k {}", m, n, k));
        GraphMaker maker;
        const graph::ValueId a = maker.uniform(transpose_a ? Shape{k, m} : Shape{m, k}, -1, 1);
        const graph::ValueId b = maker.uniform(transpose_b ? Shape{n, k} : Shape{k, n}, -1, 1);
        graph::matmul(maker.builder(), a, b, transpose_a, transpose_b);
        expect_all_candidates_within_bounds(maker.filled());
        if (HasFailure()) return;
      }
}

INSTANTIATE_TEST_SUITE_P(Transposes, MatmulSweep,
                         testing::Combine(testing::Bool(), testing::Bool()));

// 16 floats are the widest vector (AVX-512).
constexpr int64_t kTwoVectors = 2 * 16;

TEST(ElementwiseSweep, EveryStageAtAllLengthsUpToTwoVectorsAndOne) {
  for (int i = 0; i <= static_cast<int>(graph::StageFunction::kDropout); ++i) {
    const graph::StageTraits& traits = graph::stage_traits(static_cast<graph::StageFunction>(i));
    for (int64_t length = 0; length <= kTwoVectors + 1; ++length) {
      SCOPED_TRACE(fmt::format("{}, length {}", traits.name, length));
      GraphMaker maker;
      const graph::ValueId src = maker.uniform({length}, -4, 4);
      maker.builder().add_op(graph::elementwise_kind(), {src});
      maker.set_epilogue(0, {fmt::format("{}:0.4", traits.name)});
      expect_all_candidates_within_bounds(maker.filled());
      if (HasFailure()) return;
    }
  }
}

TEST(ElementwiseSweep, DropoutStartsInTheMiddleOfABlockOfRandomWords) {
  // Rows of 1 to 9 elements: where threads or rows part, an element's number is no multiple of 4.
  for (int64_t columns = 1; columns <= 9; ++columns) {
    GraphMaker maker;
    maker.builder().add_op(graph::elementwise_kind(), {maker.uniform({19, columns}, -4, 4)});
    maker.set_epilogue(0, {"bias_add", "dropout:0.4"});
    expect_all_candidates_within_bounds(maker.filled());
  }
}

TEST(ElementwiseSweep, RowsOfAnImageShareDropoutsNumbers) {
  for (int64_t channels : {1, 3, 4, 17}) {
    GraphMaker maker;
    maker.builder().add_op(graph::elementwise_kind(), {maker.uniform({3, 5, channels}, -4, 4)});
    maker.set_epilogue(0, {"dropout:0.4"});
    maker.builder().graph().ops[0].epilogue[0].shared = 5;
    expect_all_candidates_within_bounds(maker.filled());
  }
}

TEST(SumRowsSweep, AllChannelCountsUpToTwoVectorsAndOne) {
  for (int64_t channels = 1; channels <= kTwoVectors + 1; ++channels) {
    GraphMaker maker;
    graph::sum_rows(maker.builder(), maker.uniform({35, channels}, -1, 1));
    expect_all_candidates_within_bounds(maker.filled());
  }
}

TEST(SoftmaxSweep, AllClassCountsUpToTwoVectorsAndOne) {
  for (int64_t classes = 1; classes <= kTwoVectors + 1; ++classes) {
    SCOPED_TRACE(fmt::format("{} classes", classes));
    GraphMaker maker;
    graph::softmax(maker.builder(), maker.uniform({3, classes}, -4, 4));
    expect_all_candidates_within_bounds(maker.filled());
  }
}

TEST(OptimizerSweep, AllLengthsUpToTwoVectorsAndOne) {
  for (int64_t length = 1; length <= kTwoVectors + 1; ++length) {
    SCOPED_TRACE(fmt::format("length {}", length));
    Case described{"optimizer_update",
                   "sweep",
                   {{"elements", std::to_string(length)},
                    {"optimizer", "rmsprop"},
                    {"rho", "0.9"},
                    {"epsilon", "1e-7"}}};
    expect_all_candidates_within_bounds(make_graph(described));
  }
}

}  // namespace
}  // namespace pronghorn::test
