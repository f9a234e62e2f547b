#include "cost/exchange.h"

#include <gtest/gtest.h>

#include <numeric>

#include "cost/model_step.h"
#include "cost/sample_machine.h"
#include "graph/op_kind.h"
#include "graph/ops/optimizer_update.h"
#include "pronghorn/saving.h"

namespace pronghorn::cost {
namespace {

using graph::ValueId;

Machine::Team team_of_two(double exchanged) {
  Machine::Team team = test::sample_machine().team(2);
  team.exchange = {{{exchanged, exchanged}, {exchanged, exchanged}}};
  return team;
}

TEST(Exchange, TakesTheTimeBeyondThatOfOnesOwnCache) {
  OpExchange exchange;
  exchange.bytes[0] = {.read = 1e6, .written = 2e6};
  // Each of two threads moves 3 MB; L2 gives both 200 GB/s together.
  EXPECT_DOUBLE_EQ(exchange_seconds(exchange, team_of_two(10e9)), 6e6 / 10e9 - 6e6 / 200e9);
  // Nothing is faster for coming from another core, and where nothing is known nothing is added.
  EXPECT_EQ(exchange_seconds(exchange, team_of_two(900e9)), 0);
  EXPECT_EQ(exchange_seconds(exchange, team_of_two(0)), 0);
}

// A step of a model whose weights all threads read and update.
class StepExchange : public ::testing::Test {
 protected:
  std::vector<OpExchange> exchanges_with(int threads, int64_t tasks) {
    const graph::Graph& graph = optimized_.graph;
    const StepToPredict step = to_predict(optimized_);
    const std::vector<OpResidence> where = residence(
        graph, step.storage, std::vector<bool>(graph.ops.size()), test::sample_machine(), threads);
    return exchanges(graph, step.storage, where, std::vector<int64_t>(graph.ops.size(), tasks),
                     threads);
  }
  double bytes(const OpExchange& exchange) {
    return std::accumulate(exchange.bytes.begin(), exchange.bytes.end(), 0.0,
                           [](double sum, const OpExchange::Bytes& bytes) {
                             return sum + bytes.read + bytes.written;
                           });
  }

  const Model model_ = load_model("mnist-mlp");
  const ModelStep step_{model_, CompileConfig(), 32};
  const compiler::OptimizedGraph optimized_ = step_.optimize(2, {});
};

TEST_F(StepExchange, IsNoneOnOneThread) {
  for (const OpExchange& exchange : exchanges_with(1, 8)) EXPECT_EQ(bytes(exchange), 0);
}

TEST_F(StepExchange, IsNoneWhereOneThreadDoesAll) {
  for (const OpExchange& exchange : exchanges_with(2, 1)) EXPECT_EQ(bytes(exchange), 0);
}

TEST_F(StepExchange, OfAnUpdateIsTheWeightThatAllReadAndTheGradientOfAnotherCut) {
  const std::vector<OpExchange> found = exchanges_with(2, 8);
  const graph::Graph& graph = optimized_.graph;
  for (size_t i = 0; i < found.size(); ++i) {
    if (graph.ops[i].kind != &graph::optimizer_update_kind()) continue;
    const double weight = static_cast<double>(graph.input(graph.ops[i], 0).bytes());
    // Half of a thread's half of the gradient is read, half of its half of the weight written; the
    // optimizer's slots stay with their thread.
    double read = 0, written = 0;
    for (const OpExchange::Bytes& level : found[i].bytes) {
      read += level.read;
      written += level.written;
    }
    EXPECT_DOUBLE_EQ(read, weight / 4) << graph.ops[i].layer;
    EXPECT_DOUBLE_EQ(written, weight / 4) << graph.ops[i].layer;
  }
}

}  // namespace
}  // namespace pronghorn::cost
