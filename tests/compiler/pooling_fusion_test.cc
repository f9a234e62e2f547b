#include "compiler/pooling_fusion.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "compiler/net.h"
#include "graph/op_kind.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/conv2d_max_pool2d_backward.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/sum_rows.h"
#include "graph/printer.h"
#include "kernels/selection.h"

namespace pronghorn::compiler::testing {
namespace {

using graph::ValueId;
using graph::ValueRole;

// Convolution, bias, an activation, max-pooling; the pooled images are read by the caller.
struct PooledNet {
  WeightStore weights{1};
  Net net{weights, 16};
  ValueId activated, pooled;

  explicit PooledNet(const std::string& activation) {
    activated = net.activation(net.conv2d(net.input({6, 6, 16}), 16, "conv2d"), activation);
    pooled = net.max_pool(activated, 2);
    net.graph.value(pooled).role = ValueRole::kOutput;
  }
  std::string moved() {
    move_activations_behind_max_pooling(net.graph);
    net.graph.verify();
    return graph::to_text(net.graph);
  }
};

TEST(MoveActivationsBehindMaxPooling, TakesWhatKeepsTheOrderOfNumbers) {
  EXPECT_EQ(PooledNet("relu").moved(), R"(forward:
  %2 (16, 4, 4, 16) = conv2d(x, conv2d/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0]
  %4 (16, 2, 2, 16), %7 (16, 2, 2, 16) = max_pool2d(%2) pool=[2, 2], strides=[2, 2], padding=[0, 0, 0, 0]
  %5 (16, 2, 2, 16) = elementwise(%4) | bias_add(conv2d/bias)
  %6 (16, 2, 2, 16) = elementwise(%5) | relu
)");
  for (const char* activation : {"leaky_relu", "tanh", "sigmoid", "elu", "softplus"}) {
    PooledNet pooled(activation);
    pooled.moved();
    EXPECT_EQ(pooled.net.graph.ops[1].kind, &graph::max_pool2d_kind()) << activation;
  }
}

TEST(MoveActivationsBehindMaxPooling, LeavesWhatDoesNot) {
  for (const char* activation : {"gelu", "silu"}) {
    PooledNet pooled(activation);
    const std::string before = graph::to_text(pooled.net.graph);
    EXPECT_EQ(pooled.moved(), before) << activation;
  }
  WeightStore weights(1);
  Net net(weights, 4);
  net.graph.value(net.max_pool(net.dropout(net.input({6, 6, 16}), 0.5, 1), 2)).role =
      ValueRole::kOutput;
  const std::string before = graph::to_text(net.graph);
  move_activations_behind_max_pooling(net.graph);
  EXPECT_EQ(graph::to_text(net.graph), before);
}

TEST(MoveActivationsBehindMaxPooling, LeavesWhatOthersRead) {
  PooledNet by_an_op("relu");
  by_an_op.net.graph.value(by_an_op.net.activation(by_an_op.activated, "tanh")).role =
      ValueRole::kOutput;
  PooledNet by_the_caller("relu");
  by_the_caller.net.graph.value(by_the_caller.activated).role = ValueRole::kOutput;
  for (PooledNet* pooled : {&by_an_op, &by_the_caller}) {
    const std::string before = graph::to_text(pooled->net.graph);
    EXPECT_EQ(pooled->moved(), before);
  }
}

int fused_ops(const graph::Graph& graph) {
  return static_cast<int>(std::count_if(
      graph.ops.begin(), graph.ops.end(),
      [](const graph::Op& op) { return op.kind == &graph::conv2d_max_pool2d_kind(); }));
}

TEST(FuseMaxPooling, MakesOneOpWhereAKernelRunsIt) {
  PooledNet pooled("relu");
  pooled.moved();
  graph::Graph by_textbook = pooled.net.graph, by_onednn = pooled.net.graph;
  fuse_max_pooling(pooled.net.graph, 1, {});
  pooled.net.graph.verify();
  EXPECT_EQ(graph::to_text(pooled.net.graph), R"(forward:
  %4 (16, 2, 2, 16), %7 (16, 2, 2, 16) = conv2d_max_pool2d(x, conv2d/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], pool=[2, 2]
  %5 (16, 2, 2, 16) = elementwise(%4) | bias_add(conv2d/bias)
  %6 (16, 2, 2, 16) = elementwise(%5) | relu
)");
  fuse_max_pooling(by_textbook, 1, {.family = kernels::Family::kReference});
  fuse_max_pooling(by_onednn, 1, {.family = kernels::Family::kOnednn});
  EXPECT_EQ(fused_ops(by_textbook) + fused_ops(by_onednn), 0);
}

TEST(FuseMaxPooling, LeavesOtherWindowsOtherReadersAndActivations) {
  const auto fused = [](auto build) {
    WeightStore weights(1);
    Net net(weights, 16);
    const ValueId images = net.conv2d(net.input({6, 6, 16}), 16, "conv2d", {.use_bias = false});
    build(net, images);
    fuse_max_pooling(net.graph, 1, {});
    net.graph.verify();
    return fused_ops(net.graph);
  };
  const auto pool = [](Net& net, ValueId images, const graph::Pool2dWindow& window) {
    net.graph.value(graph::max_pool2d(net.builder(), images, window)).role = ValueRole::kOutput;
  };
  EXPECT_EQ(fused([&](Net& net, ValueId images) { pool(net, images, {}); }), 1);
  EXPECT_EQ(fused([&](Net& net, ValueId images) { pool(net, images, {2, 2, 1, 1, {}}); }), 0);
  EXPECT_EQ(fused([&](Net& net, ValueId images) { pool(net, images, {3, 3, 3, 3, {}}); }), 0);
  EXPECT_EQ(fused([&](Net& net, ValueId images) {
              pool(net, images, {2, 2, 2, 2, {1, 1, 1, 1}});
            }),
            0);
  EXPECT_EQ(fused([&](Net& net, ValueId images) {
              pool(net, images, {});
              net.graph.value(net.activation(images, "relu")).role = ValueRole::kOutput;
            }),
            0);
  EXPECT_EQ(fused([&](Net& net, ValueId images) { pool(net, net.activation(images, "gelu"), {}); }),
            0);
}

// The first step's loss, and weights after three steps, of a net whose second convolution is
// pooled.
struct Trained {
  float loss = 0;
  std::vector<float> weights;
};
Trained trained(bool move, std::vector<std::string> disabled_passes) {
  WeightStore weights(1);
  Net net(weights, 20);
  ValueId value = net.activation(net.conv2d(net.input({9, 11, 1}), 16, "conv2d"), "relu");
  value = net.activation(net.conv2d(value, 32, "conv2d_1"), "relu");
  value = net.dense(net.flatten(net.max_pool(value, 2)), 2, "dense");
  net.add_loss(value, graph::LossFunction::kCategoricalCrossentropy, /*from_logits=*/true);
  if (move) move_activations_behind_max_pooling(net.graph);
  net.differentiate(/*keep_gradients=*/false);
  net.update(optimizer("sgd"));
  CompileOptions options;
  options.disabled_passes = std::move(disabled_passes);
  const auto executable = net.compile(options);
  EXPECT_EQ(fused_ops(executable->graph()), move && options.disabled_passes.empty() ? 1 : 0);
  const Parallel parallel(1);
  Trained result;
  for (uint64_t step = 0; step < 3; ++step) {
    fill_batch(net, *executable, step);
    executable->run({parallel, /*seed=*/1, step, 0.1f});
    if (step == 0) result.loss = *executable->data(net.loss);
  }
  result.weights = weights.all_values();
  return result;
}

TEST(FuseMaxPooling, TrainsAsTheTwoOpsDo) {
  const Trained fused = trained(true, {});
  const Trained apart = trained(true, {"fuse_max_pooling"}), unmoved = trained(false, {});
  // The same kernel's arithmetic, pooled in registers or by another op.
  EXPECT_EQ(fused.loss, apart.loss);
  EXPECT_NEAR(fused.loss, unmoved.loss, 1e-6);
  // The gradients are summed in other orders.
  for (const Trained* other : {&apart, &unmoved}) {
    ASSERT_EQ(fused.weights.size(), other->weights.size());
    for (size_t i = 0; i < fused.weights.size(); ++i)
      ASSERT_NEAR(fused.weights[i], other->weights[i], 2e-5) << i;
  }
}

// Training steps of a net whose second convolution is max-pooled.
class PooledConvolution : public ::testing::Test {
 protected:
  // Another net with the same weights each time.
  struct Step {
    WeightStore weights{1};
    Net net{weights, 4};
  };
  static std::unique_ptr<Step> step(const std::string& activation, int64_t window) {
    auto step = std::make_unique<Step>();
    Net& net = step->net;
    ValueId value = net.conv2d(net.input({10, 10, 1}), 16, "conv2d");
    value = net.conv2d(net.activation(value, "relu"), 16, "conv2d_1");
    value = net.max_pool(net.activation(value, activation), window);
    value = net.dense(net.dropout(net.flatten(value), 0.25, 1), 3, "dense");
    net.train(net.activation(value, "softmax"), optimizer("sgd"));
    return step;
  }
  // All weights after a few steps.
  static std::vector<float> trained(const std::string& activation, int64_t window,
                                    const CompileOptions& options) {
    const auto made = step(activation, window);
    const auto executable = made->net.compile(options);
    const Parallel parallel(1);
    for (uint64_t i = 0; i < 3; ++i) {
      fill_batch(made->net, *executable, i);
      executable->run({parallel, 7, i, 0.1f});
    }
    return made->weights.all_values();
  }
  static int64_t count(const runtime::Executable& executable, const graph::OpKind& kind) {
    const auto& ops = executable.graph().ops;
    return std::count_if(ops.begin(), ops.end(),
                         [&](const graph::Op& op) { return op.kind == &kind; });
  }
};

TEST_F(PooledConvolution, WithAKernelForItsGradientsHasThemFused) {
  const auto executable = step("relu", 2)->net.compile();
  EXPECT_EQ(count(*executable, graph::max_pool2d_backward_kind()), 0);
  EXPECT_EQ(count(*executable, graph::conv2d_max_pool2d_backward_data_kind()), 1);
  EXPECT_EQ(count(*executable, graph::conv2d_max_pool2d_backward_weights_kind()), 1);
  // The bias stands behind the pooling, its gradient is a sum of what the kernel reads: the only
  // other sum is that of the Dense layer.
  EXPECT_EQ(count(*executable, graph::sum_rows_kind()), 1);
  // No kernel for windows of 3x3, and none of the families that are asked for here.
  EXPECT_EQ(count(*step("relu", 3)->net.compile(), graph::max_pool2d_backward_kind()), 1);
  for (const kernels::Family family : {kernels::Family::kReference, kernels::Family::kOnednn}) {
    CompileOptions options;
    options.policy.family = family;
    EXPECT_EQ(count(*step("relu", 2)->net.compile(options), graph::max_pool2d_backward_kind()), 1);
  }
  // An activation without a gradient at its output stays between.
  EXPECT_EQ(count(*step("gelu", 2)->net.compile(), graph::max_pool2d_backward_kind()), 1);
}

TEST_F(PooledConvolution, TrainsAlikeWithItsGradientsFusedOrNot) {
  CompileOptions options;
  const std::vector<float> fused = trained("relu", 2, options);
  options.disabled_passes = {"fuse_max_pool_gradients"};
  const std::vector<float> apart = trained("relu", 2, options);
  ASSERT_EQ(fused.size(), apart.size());
  for (size_t i = 0; i < fused.size(); ++i) ASSERT_NEAR(fused[i], apart[i], 2e-5) << i;
}

}  // namespace
}  // namespace pronghorn::compiler::testing
