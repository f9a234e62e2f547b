// What the cases of bench/shapes don't reach in simd.matmul: matrices with zeros in them, sums in
// several rounds, and more rows and columns than one task takes.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "graph/ops/matmul.h"
#include "graph/ops/matmul_update.h"
#include "kernels/case_graphs.h"
#include "kernels/selection.h"
#include "kernels/simd/simd.h"
#include "kernels/simd_targets.h"
#include "kernels/single_op.h"

namespace pronghorn::test {
namespace {

struct Product {
  bool transpose_a, transpose_b;
  int64_t m, n, k;
};

constexpr Product kProducts[] = {
    {false, false, 1, 40, 31},   {false, false, 13, 129, 70}, {false, false, 131, 65, 33},
    {false, false, 5, 20, 2051}, {false, true, 1, 40, 31},    {false, true, 13, 129, 70},
    {false, true, 130, 67, 18},  {false, true, 3, 21, 1100},  {true, false, 40, 31, 1},
    {true, false, 129, 130, 13}, {true, false, 301, 17, 130}, {true, false, 19, 35, 1029},
};

// Whole numbers, so that every sum is exact in any order; a's elements are zero but for a share.
FilledGraph whole_numbers(const Product& p, double density) {
  GraphMaker maker;
  const graph::ValueId a = maker.uniform(p.transpose_a ? Shape{p.k, p.m} : Shape{p.m, p.k}, 0, 1);
  const graph::ValueId b = maker.uniform(p.transpose_b ? Shape{p.n, p.k} : Shape{p.k, p.n}, -8, 8);
  graph::matmul(maker.builder(), a, b, p.transpose_a, p.transpose_b);
  FilledGraph filled = maker.filled();
  for (double& x : filled.values[static_cast<size_t>(a)])
    x = x < density ? std::round(1 + 16 * x / density) - 9 : 0;
  for (double& x : filled.values[static_cast<size_t>(b)]) x = std::round(x);
  return filled;
}

class SimdMatmul : public OnEachTarget {};

TEST_P(SimdMatmul, IsExactOnWholeNumbersHoweverManyAreZeroOnAnyNumberOfThreads) {
  for (const Product& p : kProducts)
    for (const double density : {0.0, 0.02, 0.3, 0.6, 1.0}) {
      SCOPED_TRACE(fmt::format("{} x {} x {}{}{}, density {}", p.m, p.n, p.k,
                               p.transpose_a ? " tn" : "", p.transpose_b ? " nt" : "", density));
      const FilledGraph filled = whole_numbers(p, density);
      const graph::Op& op = filled.graph.ops[0];
      const std::vector<Tensor> expected = run_op_in_double(filled, op);
      for (int threads = 1; threads <= 4; ++threads)
        ASSERT_EQ(expected, run_op(filled, op, kernels::simd::matmul(), {.threads = threads}))
            << threads << " threads";
    }
}

TEST_P(SimdMatmul, AllExtentsFromOneToSeven) {
  for (const auto& [transpose_a, transpose_b] :
       {std::pair(false, false), std::pair(false, true), std::pair(true, false)})
    for (int64_t m = 1; m <= 7; ++m)
      for (int64_t n = 1; n <= 7; ++n)
        for (int64_t k = 1; k <= 7; ++k)
          for (const double density : {0.4, 1.0}) {
            const FilledGraph filled = whole_numbers({transpose_a, transpose_b, m, n, k}, density);
            const graph::Op& op = filled.graph.ops[0];
            ASSERT_EQ(run_op_in_double(filled, op), run_op(filled, op, kernels::simd::matmul()))
                << m << " x " << n << " x " << k;
          }
}

TEST_P(SimdMatmul, SkippingZerosChangesNoBit) {
  // Sums of many terms, whose bits are their order's; one candidate's op is told by its graph that
  // a may hold zeros, the other's isn't.
  for (const Product& p : kProducts) {
    SCOPED_TRACE(fmt::format("{} x {} x {}", p.m, p.n, p.k));
    FilledGraph sparse = whole_numbers(p, 0.3);
    for (Tensor& tensor : sparse.values)
      for (double& x : tensor) x = static_cast<float>(x * 0.1);
    FilledGraph dense = sparse;
    dense.graph.value(dense.graph.ops[0].inputs[0]).role = graph::ValueRole::kState;
    EXPECT_EQ(run_op(sparse, sparse.graph.ops[0], kernels::simd::matmul()),
              run_op(dense, dense.graph.ops[0], kernels::simd::matmul()));
  }
}

TEST_P(SimdMatmul, NotANumberInAIsNotZero) {
  FilledGraph filled = whole_numbers({false, false, 6, 20, 40}, 0.1);
  filled.values[static_cast<size_t>(filled.graph.ops[0].inputs[0])][3 * 40 + 7] =
      std::numeric_limits<double>::quiet_NaN();
  const Tensor dst = run_op(filled, filled.graph.ops[0], kernels::simd::matmul())[0];
  for (size_t i = 0; i < dst.size(); ++i) EXPECT_EQ(std::isnan(dst[i]), i / 20 == 3) << i;
}

TEST_P(SimdMatmul, EpiloguesApplyToEveryTaskOfAProduct) {
  for (const std::vector<std::string>& stages : {std::vector<std::string>{"bias_add", "relu"},
                                                 {"bias_add", "tanh", "dropout:0.3"},
                                                 {"dropout:0.3", "relu_backward"},
                                                 {"add", "scale:0.5"}}) {
    GraphMaker maker;
    const graph::ValueId a = maker.uniform({67, 40}, -1, 1), b = maker.uniform({40, 301}, -1, 1);
    graph::matmul(maker.builder(), a, b);
    maker.set_epilogue(0, stages);
    const FilledGraph filled = maker.filled();
    const graph::Op& op = filled.graph.ops[0];
    const Tensor expected = run_op_in_double(filled, op)[0];
    const std::vector<Tensor> actual = run_op(filled, op, kernels::simd::matmul());
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(expected[i], actual[0][i], 2e-5) << stages[0] << ", element " << i;
    EXPECT_EQ(actual, run_op(filled, op, kernels::simd::matmul(), {.threads = 3}));
  }
}

TEST_P(SimdMatmul, AFusedUpdateHasTheBitsOfProductAndUpdate) {
  for (const double density : {0.3, 1.0}) {
    GraphMaker maker;
    const Shape shape{133, 200};
    const graph::ValueId weight = maker.uniform(shape, -1, 1);
    const graph::ValueId a = maker.uniform({40, 133}, -1, 1);
    const graph::ValueId diff_dst = maker.uniform({40, 200}, -1, 1);
    const graph::ValueId velocity = maker.uniform(shape, 0, 1);
    maker.builder().add_op(graph::matmul_update_kind(), {weight, a, diff_dst, velocity},
                           {{"optimizer", std::string("rmsprop")},
                            {"rho", 0.9},
                            {"momentum", 0.0},
                            {"epsilon", 1e-7},
                            {"weight_decay", 0.01},
                            {"centered", int64_t{0}},
                            {"epsilon_outside", int64_t{0}}});
    FilledGraph filled = maker.filled();
    for (double& x : filled.values[static_cast<size_t>(a)])
      if (std::abs(x) > density) x = 0;
    const graph::Op& op = filled.graph.ops[0];

    FilledGraph parts{graph::parts_of_update(filled.graph, op), filled.values};
    parts.values.resize(parts.graph.values.size());
    parts.values.back() = run_op(parts, parts.graph.ops[0], kernels::simd::matmul())[0];
    const std::vector<Tensor> expected =
        run_op(parts, parts.graph.ops[1], kernels::simd::optimizer_update());
    for (int threads = 1; threads <= 4; ++threads)
      EXPECT_EQ(expected, run_op(filled, op, kernels::simd::matmul_update(), {.threads = threads}));
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, SimdMatmul, testing::ValuesIn(simd_targets()), target_name);

}  // namespace
}  // namespace pronghorn::test
