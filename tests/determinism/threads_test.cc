#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <ostream>

#include "compiler/net.h"
#include "graph/ops/concatenate.h"
#include "graph/ops/elementwise.h"
#include "kernels/selection.h"

// The number of threads changes no bit of any weight, statistic or optimizer slot.

namespace pronghorn {
namespace {

using compiler::testing::Net;
using compiler::testing::WeightStore;
using graph::ValueId;

struct NetCase {
  std::string net;
  std::function<ValueId(Net&)> build;
  std::string family;
};
std::ostream& operator<<(std::ostream& out, const NetCase& test) { return out << test.net; }

ValueId dense_net(Net& net) {
  ValueId value = net.dense(net.input({50}), 70, "dense");
  value = net.dropout(net.activation(value, "relu"), 0.3, 1);
  value = net.activation(net.dense(value, 33, "dense_1"), "gelu");
  return net.activation(net.dense(net.dropout(value, 0.5, 2), 10, "dense_2"), "softmax");
}

// Convolutions with and without bias, norm, both poolings, dropout, a sum and a concatenation.
ValueId image_net(Net& net) {
  const ValueId src = net.input({12, 12, 3});
  ValueId left = net.conv2d(src, 8, "conv2d", {.same = true, .use_bias = false});
  left = net.activation(net.batch_norm(left, "batch_normalization"), "relu");
  const ValueId right = net.conv2d(src, 8, "conv2d_1", {.same = true});
  net.builder().set_layer("add");
  const ValueId sum = net.activation(graph::add(net.builder(), left, right), "silu");
  net.builder().set_layer("concatenate");
  ValueId value = graph::concatenate(net.builder(), {sum, left}, 3);
  value = net.dropout(net.max_pool(net.conv2d(value, 16, "conv2d_2"), 2), 0.25, 1);
  value = net.conv2d(value, 16, "conv2d_3", {.stride = 2, .same = true});
  return net.activation(net.dense(net.global_average_pool(value), 10, "dense"), "softmax");
}

// Four filters and one channel, where kernels fall back to others than with sixteen.
ValueId narrow_net(Net& net) {
  ValueId value = net.activation(net.conv2d(net.input({14, 14, 1}), 4, "conv2d"), "relu");
  value = net.max_pool(net.activation(net.conv2d(value, 4, "conv2d_1"), "relu"), 2);
  return net.activation(net.dense(net.flatten(value), 10, "dense"), "softmax");
}

std::vector<NetCase> net_cases() {
  std::vector<NetCase> cases;
  for (const char* family : {"auto", "reference", "simd", "onednn"}) {
    cases.push_back({"dense_net", dense_net, family});
    cases.push_back({"image_net", image_net, family});
    cases.push_back({"narrow_net", narrow_net, family});
  }
  return cases;
}

// All that two epochs of three steps leave behind, the last step of an epoch a short one.
std::vector<float> trained(const NetCase& test, int threads, uint64_t seed) {
  WeightStore weights(seed);
  compiler::CompileOptions options;
  options.threads = threads;
  options.policy.family = kernels::parse_family(test.family);
  // Eight slices of 17 rows, and slices of 16, 16 and 5.
  Net full(weights, 136), last(weights, 37);
  for (Net* net : {&full, &last}) net->train(test.build(*net), optimizer("adam"));
  const auto run_full = full.compile(options), run_last = last.compile(options);

  const Parallel parallel(threads);
  for (uint64_t step = 0; step < 6; ++step) {
    const bool short_step = step % 3 == 2;
    const Net& net = short_step ? last : full;
    const runtime::Executable& executable = short_step ? *run_last : *run_full;
    compiler::testing::fill_batch(net, executable, step);
    executable.run({parallel, seed, step, 0.01f});
  }
  return weights.all_values();
}

class Threads : public ::testing::TestWithParam<NetCase> {};
INSTANTIATE_TEST_SUITE_P(Nets, Threads, ::testing::ValuesIn(net_cases()),
                         [](const auto& test) { return test.param.net + "_" + test.param.family; });

TEST_P(Threads, ChangeNoBit) {
  const std::vector<float> expected = trained(GetParam(), 1, /*seed=*/1);
  double sum_of_squares = 0;
  for (float value : expected) sum_of_squares += double{value} * double{value};
  ASSERT_TRUE(std::isfinite(sum_of_squares) && sum_of_squares > 0);
  for (int threads : {1, 2, 3, 5}) {
    const std::vector<float> actual = trained(GetParam(), threads, /*seed=*/1);
    size_t different = 0;
    for (size_t i = 0; i < expected.size(); ++i)
      different += std::memcmp(&expected[i], &actual[i], sizeof(float)) != 0 ? 1 : 0;
    EXPECT_EQ(different, 0u) << "of " << expected.size() << " with " << threads << " threads";
  }
}

TEST(Seeds, GiveOtherWeights) {
  const NetCase test{"dense_net", dense_net, "auto"};
  EXPECT_NE(trained(test, 1, /*seed=*/1), trained(test, 1, /*seed=*/2));
}

// The seed reaches the dropout, not only the first weights.
TEST(Seeds, GiveOtherDropout) {
  std::vector<std::vector<float>> results;
  for (uint64_t seed : {1, 1, 2}) {
    WeightStore weights(1);
    Net net(weights, 32);
    net.train(dense_net(net), optimizer("sgd"));
    const auto executable = net.compile();
    compiler::testing::fill_batch(net, *executable, 0);
    const Parallel parallel(1);
    executable->run({parallel, seed, 0, 0.1f});
    results.push_back(weights.all_values());
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_NE(results[0], results[2]);
}

}  // namespace
}  // namespace pronghorn
