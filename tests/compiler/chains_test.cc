#include "compiler/chains.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>

#include "compiler/net.h"
#include "graph/op_kind.h"

namespace pronghorn::compiler::testing {
namespace {

using graph::ValueId;

constexpr int64_t kAlways = 1, kNever = std::numeric_limits<int64_t>::max();

// "conv2d relu + max_pool2d" for each chain of several ops.
std::vector<std::string> chains_of(const runtime::Executable& executable) {
  std::vector<std::string> chains;
  for (const runtime::Chain& chain : executable.chains()) {
    std::string text;
    size_t kernels = 0;
    for (size_t op = chain.first; op < chain.last; ++op) {
      if (!executable.instructions()[op].kernel) continue;
      text +=
          fmt::format("{}{}", kernels == 0 ? "" : " + ", executable.graph().ops[op].kind->name());
      ++kernels;
    }
    if (kernels > 1) chains.push_back(text);
  }
  return chains;
}

TEST(Chains, CoverAllOpsInOrder) {
  WeightStore weights(1);
  Net net(weights, 32);
  net.train(resnet_block(net, {8, 8, 8}, 8, 3), optimizer("sgd"));
  for (const int64_t least : {kAlways, kNever}) {
    const auto executable = net.compile({.least_chained_bytes = least});
    size_t next = 0;
    for (const runtime::Chain& chain : executable->chains()) {
      EXPECT_EQ(chain.first, next);
      EXPECT_LT(chain.first, chain.last);
      next = chain.last;
    }
    EXPECT_EQ(next, executable->instructions().size());
    EXPECT_EQ(chains_of(*executable).empty(), least == kNever);
  }
}

// Forward both convolutions; backward what reads the gradient that the op before it wrote.
TEST(Chains, JoinConvolutionsWithWhatReadsThem) {
  WeightStore weights(1);
  Net net(weights, 128);
  net.train(mnist_cnn(net), optimizer("rmsprop"));
  const auto executable = net.compile();
  EXPECT_EQ(
      chains_of(*executable),
      (std::vector<std::string>{"conv2d + conv2d_max_pool2d",
                                "conv2d_max_pool2d_backward_data + conv2d_backward_weights"}));
}

// A net whose values between convolutions are so small that a cache keeps them.
TEST(Chains, LeaveSmallValuesAlone) {
  WeightStore weights(1);
  Net net(weights, 16);
  net.train(mnist_cnn(net), optimizer("rmsprop"));
  EXPECT_EQ(chains_of(*net.compile()), std::vector<std::string>());
}

// Statistics are of the whole batch: what normalizes can begin a chain and not go on with one.
TEST(Chains, BeginWithBatchNormalization) {
  WeightStore weights(1);
  Net net(weights, 32);
  net.train(resnet_block(net, {8, 8, 8}, 8, 3), optimizer("sgd"));
  int begin = 0;
  for (const std::string& chain : chains_of(*net.compile({.least_chained_bytes = kAlways}))) {
    const size_t place = chain.rfind("batch_norm");
    if (place != std::string::npos) {
      EXPECT_EQ(place, 0u) << chain;
      ++begin;
    }
  }
  EXPECT_GE(begin, 2);
}

// Two slices are not work for three threads.
TEST(Chains, LeaveNoThreadIdle) {
  WeightStore weights(1);
  Net net(weights, 32);
  net.train(resnet_block(net, {8, 8, 8}, 8, 3), optimizer("sgd"));
  EXPECT_FALSE(chains_of(*net.compile({.threads = 2, .least_chained_bytes = kAlways})).empty());
  EXPECT_TRUE(chains_of(*net.compile({.threads = 3, .least_chained_bytes = kAlways})).empty());
}

// Nets with every kind of op that goes over slices.
ValueId deep(Net& net) {
  ValueId x = net.activation(net.conv2d(net.input({14, 14, 1}), 16, "conv2d"), "relu");
  x = net.max_pool(net.activation(net.conv2d(x, 16, "conv2d_1"), "relu"), 2);
  x = net.activation(net.batch_norm(x, "batch_normalization"), "tanh");
  x = net.dropout(net.conv2d(x, 16, "conv2d_2", {.same = true}), 0.25, 7);
  x = net.activation(net.conv2d(x, 16, "conv2d_3", {.stride = 2, .same = true}), "relu");
  return net.activation(net.dense(net.flatten(x), 5, "dense"), "softmax");
}
ValueId narrow(Net& net) {
  ValueId x = net.activation(net.conv2d(net.input({13, 13, 1}), 4, "conv2d"), "relu");
  x = net.max_pool(net.activation(net.conv2d(x, 4, "conv2d_1"), "relu"), 2);
  return net.activation(net.dense(net.flatten(x), 5, "dense"), "softmax");
}
ValueId residual(Net& net) { return resnet_block(net, {12, 12, 8}, 16, 5); }

class ChainBits : public ::testing::TestWithParam<std::optional<kernels::Family>> {};

TEST_P(ChainBits, AreThoseOfOpsAlone) {
  size_t chains = 0;
  for (ValueId (*build)(Net&) : {deep, narrow, residual})
    // The last slice is shorter.
    for (const int64_t batch : {75, 128}) {
      const auto train = [&](int threads, int64_t least) {
        WeightStore weights(1);
        Net net(weights, batch);
        net.train(build(net), optimizer("rmsprop"));
        const auto executable = net.compile(
            {.threads = threads, .policy = {.family = GetParam()}, .least_chained_bytes = least});
        const Parallel parallel(threads);
        for (uint64_t step = 0; step < 3; ++step) {
          fill_batch(net, *executable, step);
          executable->run({parallel, 1, step, 0.01f});
        }
        return std::pair(chains_of(*executable).size(), weights.all_values());
      };
      const auto [none, alone] = train(1, kNever);
      EXPECT_EQ(none, 0u);
      for (int threads = 1; threads <= 4; ++threads) {
        const auto [count, chained] = train(threads, kAlways);
        chains += threads == 1 ? count : 0;
        EXPECT_EQ(alone, chained) << threads << " threads, batch " << batch;
      }
    }
  EXPECT_GE(chains, 8u);
}

INSTANTIATE_TEST_SUITE_P(Kernels, ChainBits,
                         ::testing::Values(std::nullopt, kernels::Family::kSimd,
                                           kernels::Family::kOnednn),
                         [](const auto& tested) {
                           return tested.param ? std::string(to_string(*tested.param))
                                               : std::string("automatic");
                         });

}  // namespace
}  // namespace pronghorn::compiler::testing
