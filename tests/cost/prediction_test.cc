#include "cost/prediction.h"

#include <gtest/gtest.h>

#include <numeric>

#include "cost/model_step.h"
#include "cost/sample_machine.h"
#include "graph/op_kind.h"
#include "graph/ops/matmul.h"
#include "kernels/onednn/onednn.h"
#include "kernels/reference/reference.h"

namespace pronghorn::cost {
namespace {

// One product of a batch: (m, k) times (k, n).
struct Product {
  graph::Graph graph;
  StepToPredict step;

  Product(int64_t m, int64_t n, int64_t k, const kernels::Implementation& kernel)
      : step{graph, {&kernel}, {}} {
    graph.batch = m;
    graph::Builder builder(graph);
    const auto a = builder.add_value("a", {m, k}, graph::ValueRole::kInput);
    const auto b = builder.add_value("b", {k, n}, graph::ValueRole::kParameter);
    graph::matmul(builder, a, b);
    step.storage.resize(graph.values.size());
    std::iota(step.storage.begin(), step.storage.end(), 0);
  }
};

Machine machine_with(const std::string& kernel, MemoryLevel from, double rate) {
  Machine machine = test::sample_machine();
  machine.samples.push_back({kernel, {5, 5, 5}, from, rate, 1});
  return machine;
}

TEST(Prediction, IsWorkOverReachAndNoLessThanBytesOverBandwidth) {
  const Product product(256, 512, 512, kernels::onednn::matmul());
  const Machine machine = machine_with("onednn.matmul nn", MemoryLevel::kL1, 80e9);
  const Prediction p = predict(product.step, machine, Reach(machine), 1)[0];
  EXPECT_NEAR(p.arithmetic, 2.0 * 256 * 512 * 512 / 80e9, 1e-9);
  EXPECT_DOUBLE_EQ(p.seconds, std::max(p.arithmetic, p.memory) + p.overhead);
  EXPECT_EQ(p.bound, Bound::kArithmetic);
  EXPECT_EQ(p.overhead, 0);
}

TEST(Prediction, OfOneRowIsBoundByMemory) {
  // 64 MiB of weights, each used once.
  const Product product(1, 4096, 4096, kernels::onednn::matmul());
  const Machine machine = machine_with("onednn.matmul nn", MemoryLevel::kL1, 80e9);
  const Prediction p = predict(product.step, machine, Reach(machine), 1)[0];
  EXPECT_NEAR(p.seconds, 4096.0 * 4096 * 4 / 10e9, 1e-4);
  EXPECT_EQ(p.bound, Bound::kDram);
}

TEST(Prediction, UsesWhatAKernelReachesFromALevel) {
  const Product product(1, 4096, 4096, kernels::onednn::matmul());
  Machine machine = machine_with("onednn.matmul nn", MemoryLevel::kL1, 80e9);
  machine.samples.push_back({"onednn.matmul nn", {5, 5, 5}, MemoryLevel::kDram, 1e9, 1});
  const Prediction p = predict(product.step, machine, Reach(machine), 1)[0];
  EXPECT_NEAR(p.seconds, 2.0 * 4096 * 4096 / 1e9, 2e-4);
}

TEST(Prediction, OfTwoThreadsHalvesWhatCanBeShared) {
  const Product product(256, 512, 512, kernels::onednn::matmul());
  const Machine machine = machine_with("onednn.matmul nn", MemoryLevel::kL1, 80e9);
  const Prediction one = predict(product.step, machine, Reach(machine), 1)[0];
  const Prediction two = predict(product.step, machine, Reach(machine), 2)[0];
  EXPECT_DOUBLE_EQ(two.arithmetic, one.arithmetic / 2);
  EXPECT_DOUBLE_EQ(two.overhead, 1e-6);  // step follows step, so its threads are awake
  // Four threads on two CPUs are two.
  EXPECT_DOUBLE_EQ(predict(product.step, machine, Reach(machine), 4)[0].seconds, two.seconds);
}

TEST(Prediction, OfAKernelOfOneTaskDoesNotChangeWithThreads) {
  const Product product(256, 512, 512, kernels::reference::matmul());
  const Machine machine = machine_with("reference.matmul nn", MemoryLevel::kL1, 1e9);
  EXPECT_DOUBLE_EQ(predict(product.step, machine, Reach(machine), 2)[0].seconds,
                   predict(product.step, machine, Reach(machine), 1)[0].seconds);
}

TEST(Prediction, OfTasksThatDontDivideWaitsForTheLast) {
  // 384 columns are three blocks of 128: two rounds of two threads.
  const Product product(128, 384, 512, kernels::onednn::matmul());
  const Machine machine = machine_with("onednn.matmul nn", MemoryLevel::kL1, 80e9);
  const Prediction p = predict(product.step, machine, Reach(machine), 2)[0];
  EXPECT_NEAR(p.overhead, 1e-6 + std::max(p.arithmetic, p.memory) / 3, 1e-9);
}

TEST(Prediction, OfAStepIsTheSumOfItsOps) {
  const Model model = load_model("mnist-mlp");
  const ModelStep step(model, CompileConfig(), 32);
  const compiler::OptimizedGraph optimized = step.optimize(1, {});
  const Machine machine = test::sample_machine();
  const std::vector<Prediction> each = predict(to_predict(optimized), machine, Reach(machine), 1);
  double seconds = 0;
  for (size_t i = 0; i < each.size(); ++i) {
    EXPECT_EQ(each[i].seconds > 0, !optimized.graph.ops[i].kind->is_view());
    seconds += each[i].seconds;
  }
  EXPECT_DOUBLE_EQ(sum(each).seconds, seconds);
}

}  // namespace
}  // namespace pronghorn::cost
