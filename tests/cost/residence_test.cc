#include "cost/residence.h"

#include <gtest/gtest.h>

#include <numeric>

#include "cost/sample_machine.h"
#include "graph/builder.h"
#include "graph/ops/elementwise.h"

namespace pronghorn::cost {
namespace {

using graph::ValueId;

// x -> relu -> relu -> ..., each value of so many floats.
graph::Graph chain(int length, int64_t floats) {
  graph::Graph graph;
  graph.batch = 1;
  graph::Builder builder(graph);
  ValueId value = builder.add_value("x", {1, floats}, graph::ValueRole::kInput);
  for (int i = 0; i < length; ++i)
    value =
        builder.add_op(graph::elementwise_kind(), {value}, {}, {{graph::StageFunction::kRelu}})[0];
  return graph;
}

std::vector<ValueId> own_storage(const graph::Graph& graph) {
  std::vector<ValueId> storage(graph.values.size());
  std::iota(storage.begin(), storage.end(), 0);
  return storage;
}

std::vector<OpResidence> residence_of(const graph::Graph& graph, int threads = 1,
                                      std::vector<bool> streams = {}) {
  streams.resize(graph.ops.size());
  return residence(graph, own_storage(graph), streams, test::sample_machine(), threads);
}

TEST(Residence, OfWhatWasJustWrittenIsTheSmallestCacheThatHoldsIt) {
  EXPECT_EQ(residence_of(chain(3, 1024))[1].inputs[0], MemoryLevel::kL1);        // 4 KiB
  EXPECT_EQ(residence_of(chain(3, 100 << 10))[1].inputs[0], MemoryLevel::kL2);   // 400 KiB
  EXPECT_EQ(residence_of(chain(3, 1 << 20))[1].inputs[0], MemoryLevel::kL3);     // 4 MiB
  EXPECT_EQ(residence_of(chain(3, 16 << 20))[1].inputs[0], MemoryLevel::kDram);  // 64 MiB
}

TEST(Residence, OfTheFirstInputCountsTheStepBefore) {
  // Three values of 400 KiB and the input: 1.6 MiB since the input was last read.
  EXPECT_EQ(residence_of(chain(3, 100 << 10))[0].inputs[0], MemoryLevel::kL3);
}

TEST(Residence, OfTwoThreadsIsInTwoL2) {
  EXPECT_EQ(residence_of(chain(3, 200 << 10), 1)[1].inputs[0], MemoryLevel::kL2);
  const graph::Graph graph = chain(3, 400 << 10);  // 1.6 MiB
  EXPECT_EQ(residence_of(graph, 1)[1].inputs[0], MemoryLevel::kL3);
  EXPECT_EQ(residence_of(graph, 2)[1].inputs[0], MemoryLevel::kL2);
}

TEST(Residence, OfWhatWasStreamedIsDram) {
  const std::vector<OpResidence> where = residence_of(chain(3, 1024), 1, {true, false, false});
  EXPECT_EQ(where[1].inputs[0], MemoryLevel::kDram);
  EXPECT_EQ(where[2].inputs[0], MemoryLevel::kL1);
}

}  // namespace
}  // namespace pronghorn::cost
