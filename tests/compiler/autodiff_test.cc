#include "compiler/autodiff.h"

#include <gtest/gtest.h>

#include "compiler/net.h"
#include "graph/ops/concatenate.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/matmul.h"
#include "graph/printer.h"

// What gradients are built, as text. Whether they are the right numbers: gradient_test.cc.

namespace pronghorn::compiler::testing {
namespace {

using graph::ValueId;
using graph::ValueRole;

std::string backward_text(const graph::Graph& graph) {
  const std::string text = graph::to_text(graph);
  const size_t begin = text.find("backward:\n");
  return begin == std::string::npos ? "" : text.substr(begin);
}

TEST(Autodiff, DenseLayersGetGradientsToTheirWeightsAndTheSecondToItsInput) {
  WeightStore weights(1);
  Net net(weights, 8);
  ValueId value = net.activation(net.dense(net.input({4}), 3, "dense"), "relu");
  value = net.activation(net.dense(value, 2, "dense_1"), "softmax");
  net.add_loss(value, graph::LossFunction::kMeanSquaredError);
  net.differentiate(false);
  // The first layer's input gets no gradient: there is no product with transpose_b for it.
  EXPECT_EQ(backward_text(net.graph), R"(backward:
  %14 (8, 2) = loss_backward(%10, y_true) function=mean_squared_error, from_logits=0, weight=1, scale=0.125
  %15 (8, 2) = softmax_backward(%10, %14)
  %16 (2,) = sum_rows(%15)
  %17 (3, 2) = matmul(%5, %15) transpose_a=1, transpose_b=0
  %18 (8, 3) = matmul(%15, dense_1/kernel) transpose_a=0, transpose_b=1
  %19 (8, 3) = elementwise(%18) | relu_backward(%5)
  %20 (3,) = sum_rows(%19)
  %21 (4, 3) = matmul(x, %19) transpose_a=1, transpose_b=0
)");
}

TEST(Autodiff, AValueReadByTwoOpsGetsTheSumOfTheirGradients) {
  WeightStore weights(1);
  Net net(weights, 8);
  const ValueId hidden = net.dense(net.input({4}), 3, "dense");
  net.builder().set_layer("add");
  const ValueId sum =
      graph::add(net.builder(), net.activation(hidden, "tanh"), net.activation(hidden, "relu"));
  net.add_loss(sum, graph::LossFunction::kMeanSquaredError);
  net.differentiate(false);
  EXPECT_EQ(backward_text(net.graph), R"(backward:
  %11 (8, 3) = loss_backward(%7, y_true) function=mean_squared_error, from_logits=0, weight=1, scale=0.125
  %12 (8, 3) = elementwise(%11) | tanh_backward(%6)
  %13 (8, 3) = elementwise(%11) | relu_backward(%5)
  %14 (8, 3) = elementwise(%12) | add(%13)
  %15 (3,) = sum_rows(%14)
  %16 (4, 3) = matmul(x, %14) transpose_a=1, transpose_b=0
)");
}

TEST(Autodiff, AValueReadTwiceByOneOpGetsBothGradients) {
  WeightStore weights(1);
  Net net(weights, 8);
  const ValueId hidden = net.dense(net.input({4}), 3, "dense");
  net.builder().set_layer("multiply");
  const ValueId square =
      graph::elementwise(net.builder(), hidden, {graph::StageFunction::kMultiply}, hidden);
  net.add_loss(square, graph::LossFunction::kMeanSquaredError);
  net.differentiate(false);
  EXPECT_EQ(backward_text(net.graph), R"(backward:
  %9 (8, 3) = loss_backward(%5, y_true) function=mean_squared_error, from_logits=0, weight=1, scale=0.125
  %10 (8, 3) = elementwise(%9) | multiply(%4)
  %11 (8, 3) = elementwise(%9) | multiply(%4)
  %12 (8, 3) = elementwise(%10) | add(%11)
  %13 (3,) = sum_rows(%12)
  %14 (4, 3) = matmul(x, %12) transpose_a=1, transpose_b=0
)");
}

TEST(Autodiff, FrozenLayerGetsNoOpsForItsWeightsButPassesTheGradientOn) {
  WeightStore weights(1);
  Net net(weights, 8);
  ValueId value = net.dense(net.input({4}), 3, "dense");
  value = net.dense(value, 3, "frozen", /*frozen=*/true);
  value = net.dense(value, 2, "dense_1");
  net.add_loss(value, graph::LossFunction::kMeanSquaredError);
  net.differentiate(false);
  EXPECT_EQ(backward_text(net.graph), R"(backward:
  %16 (8, 2) = loss_backward(%12, y_true) function=mean_squared_error, from_logits=0, weight=1, scale=0.125
  %17 (2,) = sum_rows(%16)
  %18 (3, 2) = matmul(%8, %16) transpose_a=1, transpose_b=0
  %19 (8, 3) = matmul(%16, dense_1/kernel) transpose_a=0, transpose_b=1
  %20 (8, 3) = matmul(%19, frozen/kernel) transpose_a=0, transpose_b=1
  %21 (3,) = sum_rows(%20)
  %22 (4, 3) = matmul(x, %20) transpose_a=1, transpose_b=0
)");
}

TEST(Autodiff, NothingIsComputedBelowTheFirstTrainedLayer) {
  WeightStore weights(1);
  Net net(weights, 8);
  ValueId value = net.activation(net.dense(net.input({4}), 3, "frozen", /*frozen=*/true), "relu");
  value = net.dense(value, 2, "dense");
  net.add_loss(value, graph::LossFunction::kMeanSquaredError);
  net.differentiate(false);
  EXPECT_EQ(backward_text(net.graph), R"(backward:
  %13 (8, 2) = loss_backward(%9, y_true) function=mean_squared_error, from_logits=0, weight=1, scale=0.125
  %14 (2,) = sum_rows(%13)
  %15 (3, 2) = matmul(%5, %13) transpose_a=1, transpose_b=0
)");
}

TEST(Autodiff, OfAConcatenationOnlyTheTrainedBranchIsCutOut) {
  WeightStore weights(1);
  Net net(weights, 8);
  const ValueId src = net.input({4});
  const ValueId trained = net.dense(src, 3, "dense");
  const ValueId frozen = net.dense(src, 2, "frozen", /*frozen=*/true);
  net.builder().set_layer("concatenate");
  net.add_loss(graph::concatenate(net.builder(), {frozen, trained}, 1),
               graph::LossFunction::kMeanSquaredError);
  net.differentiate(false);
  EXPECT_EQ(backward_text(net.graph), R"(backward:
  %13 (8, 5) = loss_backward(%9, y_true) function=mean_squared_error, from_logits=0, weight=1, scale=0.125
  %14 (8, 3) = slice(%13) axis=1, begin=2, size=3
  %15 (3,) = sum_rows(%14)
  %16 (4, 3) = matmul(x, %14) transpose_a=1, transpose_b=0
)");
}

TEST(Autodiff, AWeightOnWhichNoLossDependsHasNoGradient) {
  WeightStore weights(1);
  Net net(weights, 8);
  const ValueId src = net.input({4});
  net.dense(src, 3, "unused");
  net.add_loss(net.dense(src, 2, "dense"), graph::LossFunction::kMeanSquaredError);
  net.differentiate(false);
  EXPECT_EQ(net.gradients[0], graph::kNoValue);
  EXPECT_EQ(net.gradients[1], graph::kNoValue);
  EXPECT_NE(net.gradients[2], graph::kNoValue);
  EXPECT_NE(net.gradients[3], graph::kNoValue);
}

TEST(Autodiff, ConvolutionPoolingAndNormUseTheirOwnBackwardOps) {
  WeightStore weights(1);
  Net net(weights, 8);
  ValueId value = net.conv2d(net.input({6, 6, 1}), 2, "conv2d");
  value = net.activation(net.batch_norm(value, "batch_normalization"), "relu");
  value = net.max_pool(net.conv2d(value, 3, "conv2d_1"), 2);
  value = net.activation(net.dense(net.flatten(value), 2, "dense"), "softmax");
  net.add_loss(value, graph::LossFunction::kCategoricalCrossentropy);
  net.differentiate(false);
  EXPECT_EQ(backward_text(net.graph), R"(backward:
  %30 (8, 2) = loss_backward(%26, y_true) function=categorical_crossentropy, from_logits=0, weight=1, scale=0.125
  %31 (8, 2) = softmax_backward(%26, %30)
  %32 (2,) = sum_rows(%31)
  %33 (3, 2) = matmul(%21, %31) transpose_a=1, transpose_b=0
  %34 (8, 3) = matmul(%31, dense/kernel) transpose_a=0, transpose_b=1
  %35 (8, 1, 1, 3) = reshape(%34) shape=[8, 1, 1, 3]
  %36 (8, 2, 2, 3) = max_pool2d_backward(%35, %20) pool=[2, 2], strides=[2, 2], padding=[0, 0, 0, 0], src_shape=[8, 2, 2, 3]
  %37 (3,) = sum_rows(%36)
  %38 (3, 3, 2, 3) = conv2d_backward_weights(%14, %36) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], weights_shape=[3, 3, 2, 3]
  %39 (8, 4, 4, 2) = conv2d_backward_data(%36, conv2d_1/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], src_shape=[8, 4, 4, 2]
  %40 (8, 4, 4, 2) = elementwise(%39) | relu_backward(%14)
  %41 (8, 4, 4, 2), %42 (2,), %43 (2,) = batch_norm_backward(%4, %40, %10, %11, batch_normalization/gamma) scale=1, center=1, epsilon=0.001, momentum=0.99
  %44 (2,) = sum_rows(%41)
  %45 (3, 3, 1, 2) = conv2d_backward_weights(x, %41) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], weights_shape=[3, 3, 1, 2]
)");
}

}  // namespace
}  // namespace pronghorn::compiler::testing
