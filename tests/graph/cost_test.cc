// What ops need, from their shapes: the numbers that explain why one model takes longer than
// another.

#include "graph/cost.h"

#include "graph/graph_fixture.h"
#include "graph/ops/batch_norm.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/matmul.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/reshape.h"

namespace pronghorn::graph {
namespace {

class CostTest : public GraphTest {
 protected:
  Cost last() const { return cost(graph, graph.ops.back()); }
};

// 26 * 26 places, 32 filters, 3 * 3 * 1 weights each; then 24 * 24, 64, 3 * 3 * 32.
TEST_F(CostTest, OfMnistCnnsConvolutionsPerImage) {
  const ValueId first = conv2d(builder, input({1, 28, 28, 1}), input({3, 3, 1, 32}), {});
  EXPECT_EQ(last().multiply_accumulates, 194'688);
  conv2d(builder, first, input({3, 3, 32, 64}), {});
  EXPECT_EQ(last().multiply_accumulates, 10'616'832);
}

TEST_F(CostTest, GrowsWithTheBatch) {
  conv2d(builder, input({128, 28, 28, 1}), input({3, 3, 1, 32}), {});
  EXPECT_EQ(last().multiply_accumulates, 128 * 194'688);
}

TEST_F(CostTest, OfEachGradientOfAConvolutionIsThatOfItsForward) {
  conv2d(builder, input({2, 9, 9, 3}), input({3, 3, 3, 5}), {2, 2, 1, 1, {1, 1, 1, 1}});
  const Op forward = graph.ops[0];
  const int64_t macs = last().multiply_accumulates;
  EXPECT_EQ(macs, 2 * 5 * 5 * 5 * 3 * 3 * 3);
  forward.kind->gradient(builder, forward, std::vector{input({2, 5, 5, 5})}, {true, true});
  ASSERT_EQ(graph.ops.size(), 3u);
  EXPECT_EQ(cost(graph, graph.ops[1]).multiply_accumulates, macs);
  EXPECT_EQ(cost(graph, graph.ops[2]).multiply_accumulates, macs);
}

TEST_F(CostTest, OfMnistMlpsFirstLayerPerImage) {
  matmul(builder, input({1, 784}), input({784, 512}));
  EXPECT_EQ(last().multiply_accumulates, 401'408);
}

TEST_F(CostTest, OfATransposedProductIsThatOfTheProduct) {
  matmul(builder, input({128, 784}), input({128, 512}), /*transpose_a=*/true, false);
  EXPECT_EQ(last().multiply_accumulates, 128 * 401'408);
  matmul(builder, input({128, 512}), input({784, 512}), false, /*transpose_b=*/true);
  EXPECT_EQ(last().multiply_accumulates, 128 * 401'408);
}

TEST_F(CostTest, BytesAreEachInputOnceAndEachOutputOnce) {
  matmul(builder, input({5, 7}), input({7, 3}));
  EXPECT_EQ(last().bytes_read, 4 * (5 * 7 + 7 * 3));
  EXPECT_EQ(last().bytes_written, 4 * 5 * 3);
}

TEST_F(CostTest, OfMaxPoolingCountsItsIndexAsBytes) {
  max_pool2d(builder, input({1, 24, 24, 64}), {});
  EXPECT_EQ(last().multiply_accumulates, 0);
  EXPECT_EQ(last().other_flops, 24 * 24 * 64);
  EXPECT_EQ(last().bytes_written, 12 * 12 * 64 * (4 + 1));
}

TEST_F(CostTest, OfAnEpilogueIsItsStagesPerElement) {
  const ValueId dst = conv2d(builder, input({1, 28, 28, 1}), input({3, 3, 1, 32}), {});
  Op& op = graph.ops.back();
  op.inputs.push_back(input({32}));
  op.epilogue = {{StageFunction::kBiasAdd, 2}, {StageFunction::kRelu}};
  EXPECT_EQ(last().other_flops, 2 * shape(dst).elements());
  EXPECT_EQ(last().bytes_read, 4 * (784 + 288 + 32));
}

TEST_F(CostTest, OfAViewIsNothing) {
  reshape(builder, input({2, 3, 4}), {2, 12});
  EXPECT_EQ(last().bytes_read, 0);
  EXPECT_EQ(last().bytes_written, 0);
  EXPECT_EQ(last().other_flops, 0);
}

TEST_F(CostTest, OfAnUpdateIsPerWeight) {
  const Attributes rmsprop{{"optimizer", std::string("rmsprop")}};
  optimizer_update(builder, input({10}), input({10}), {input({10})}, rmsprop);
  EXPECT_EQ(last().other_flops, 80);
  EXPECT_EQ(last().bytes_read, 4 * 30);
  EXPECT_EQ(last().bytes_written, 4 * 20);
}

TEST_F(CostTest, Adds) {
  Cost sum{1, 2, 3, 4};
  sum += {10, 20, 30, 40};
  EXPECT_EQ(sum.multiply_accumulates, 11);
  EXPECT_EQ(sum.other_flops, 22);
  EXPECT_EQ(sum.bytes_read, 33);
  EXPECT_EQ(sum.bytes_written, 44);
}

}  // namespace
}  // namespace pronghorn::graph
