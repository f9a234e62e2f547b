#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "compiler/net.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/matmul.h"
#include "kernels/selection.h"

// Denormal numbers are flushed to zero in every thread that computes, whatever the caller's thread
// does with them: else a result would depend on who computed it, and fading gradients on the clock.

namespace pronghorn {
namespace {

using compiler::testing::Net;
using compiler::testing::WeightStore;
using graph::ValueId;

constexpr int kThreads = 3;

// 1e-40 is denormal: the smallest normal float is 1.2e-38.
float denormal_product() {
  volatile float a = 1e-20f, b = 1e-20f;
  return a * b;
}

TEST(Denormals, AreFlushedByEveryThreadOfATeam) {
  ASSERT_GT(denormal_product(), 0.0f) << "the calling thread flushes already";
  // Many tasks, so that each thread of the team gets some.
  std::vector<float> products(1000, 1.0f);
  Parallel(kThreads).for_each(static_cast<int64_t>(products.size()), [&](int64_t index, int) {
    products[static_cast<size_t>(index)] = denormal_product();
  });
  EXPECT_EQ(std::count(products.begin(), products.end(), 0.0f), 1000);
  EXPECT_GT(denormal_product(), 0.0f) << "the calling thread's setting was not restored";
}

// A step whose results are denormal throughout, by this family's kernels.
void expect_zeros(const std::string& family, const std::function<ValueId(Net&)>& build,
                  const Shape& input) {
  WeightStore weights(1);
  Net net(weights, 64);
  net.input(input);
  const ValueId result = build(net);
  net.graph.value(result).role = graph::ValueRole::kOutput;
  compiler::CompileOptions options;
  options.threads = kThreads;
  options.policy.family = kernels::parse_family(family);
  const auto executable = net.compile(options);
  std::fill_n(executable->data(net.x), net.graph.value(net.x).shape.elements(), 1e-20f);
  const Parallel parallel(kThreads);
  executable->run({parallel, 1, 0, 0.0f});
  const int64_t elements = net.graph.value(result).shape.elements();
  EXPECT_EQ(std::count(executable->data(result), executable->data(result) + elements, 0.0f),
            elements)
      << family << " " << executable->instructions()[0].selection.chosen->name();
}

TEST(Denormals, AreFlushedByEveryFamilysKernels) {
  std::vector<float> tiny(9 * 16 * 16, 1e-20f);
  const auto weight = [&](Net& net, const Shape& shape) {
    const ValueId id = net.builder().add_value("w", shape, graph::ValueRole::kParameter);
    net.external.push_back({id, tiny.data()});
    return id;
  };
  for (const char* family : {"auto", "reference", "simd", "onednn"}) {
    expect_zeros(family,
                 [](Net& net) {
                   return graph::elementwise(net.builder(), net.x,
                                             {graph::StageFunction::kScale, -1, 1e-20});
                 },
                 {1000});
    expect_zeros(family,
                 [&](Net& net) {
                   return graph::matmul(net.builder(), net.x, weight(net, {16, 16}));
                 },
                 {16});
    expect_zeros(family,
                 [&](Net& net) {
                   return graph::conv2d(net.builder(), net.x, weight(net, {3, 3, 16, 16}), {});
                 },
                 {8, 8, 16});
  }
}

}  // namespace
}  // namespace pronghorn
