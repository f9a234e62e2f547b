#include "data/batches.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "test_files.h"

namespace pronghorn::data {
namespace {

using pronghorn::testing::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<int64_t> shuffled(int64_t samples, uint64_t seed, uint64_t epoch) {
  EpochOrder order(samples);
  order.shuffle(seed, epoch);
  return {order.indices().begin(), order.indices().end()};
}

TEST(SplitSamples, TakesTheLastFractionAsKerasDoes) {
  EXPECT_EQ(split_samples(100, 0).training, 100);
  EXPECT_EQ(split_samples(100, 0).validation, 0);
  // Python: int(math.floor(n * (1.0 - f)))
  EXPECT_EQ(split_samples(9000, 0.1).training, 8100);
  EXPECT_EQ(split_samples(10, 0.3).training, 7);
  EXPECT_EQ(split_samples(7, 0.5).training, 3);
  EXPECT_EQ(split_samples(7, 0.5).validation, 4);
  EXPECT_EQ(split_samples(1000, 0.9).training, 99);  // 1 - 0.9 is less than 0.1
}

TEST(SplitSamples, RefusesEmptyPartsAndNoFractions) {
  EXPECT_THAT(message_of<ArgumentError>([] { split_samples(1, 0.5); }),
              HasSubstr("leaves none for training"));
  EXPECT_THAT(message_of<ArgumentError>([] { split_samples(5, 1e-17); }),
              HasSubstr("leaves none for validation"));
  for (double fraction : {-0.1, 1.0, 2.0, std::nan("")})
    EXPECT_THAT(message_of<ArgumentError>([&] { split_samples(10, fraction); }),
                HasSubstr("at least 0 and less than 1"));
}

TEST(BatchPlan, EndsWithAShortBatch) {
  const BatchPlan plan(10, 4);
  ASSERT_EQ(plan.batches(), 3);
  EXPECT_EQ(plan.size(0), 4);
  EXPECT_EQ(plan.begin(2), 8);
  EXPECT_EQ(plan.last_size(), 2);
  EXPECT_EQ(BatchPlan(8, 4).batches(), 2);
  EXPECT_EQ(BatchPlan(8, 4).last_size(), 4);
}

TEST(BatchPlan, IsNoLargerThanTheData) {
  const BatchPlan plan(3, int64_t{1} << 62);
  EXPECT_EQ(plan.batches(), 1);
  EXPECT_EQ(plan.batch_size(), 3);
  EXPECT_EQ(plan.size(0), 3);
}

TEST(BatchPlan, RefusesNothing) {
  EXPECT_THAT(message_of<ArgumentError>([] { BatchPlan(10, 0); }), HasSubstr("batch_size is 0"));
  EXPECT_THAT(message_of<ArgumentError>([] { BatchPlan(10, -5); }), HasSubstr("at least 1"));
  EXPECT_THAT(message_of<ArgumentError>([] { BatchPlan(0, 32); }), HasSubstr("no samples"));
}

TEST(EpochOrder, IsFileOrderUntilShuffled) {
  EXPECT_THAT(EpochOrder(4).indices(), ElementsAre(0, 1, 2, 3));
}

TEST(EpochOrder, IsAPermutation) {
  for (int64_t samples : {0, 1, 2, 3, 1000}) {
    std::vector<int64_t> order = shuffled(samples, 1, 0);
    std::sort(order.begin(), order.end());
    std::vector<int64_t> all(static_cast<size_t>(samples));
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(order, all);
  }
}

TEST(EpochOrder, DependsOnSeedAndEpochAlone) {
  EpochOrder resumed(100);
  resumed.shuffle(7, 0);
  resumed.shuffle(7, 5);
  EXPECT_TRUE(std::ranges::equal(resumed.indices(), shuffled(100, 7, 5)));
  EXPECT_NE(shuffled(100, 7, 5), shuffled(100, 7, 6));
  EXPECT_NE(shuffled(100, 7, 5), shuffled(100, 8, 5));
}

// A change of these numbers changes every training run that a user wants to repeat.
// They come from a separate implementation, in Python, of Philox and the bounded draws.
TEST(EpochOrder, StaysTheSameForever) {
  EXPECT_THAT(shuffled(10, 0, 0), ElementsAre(2, 4, 0, 7, 3, 1, 8, 6, 9, 5));
  EXPECT_THAT(shuffled(10, 1234567890123, 3), ElementsAre(6, 1, 4, 9, 8, 2, 3, 5, 7, 0));
  // Long enough that 2 draws are refused for fairness.
  uint64_t hash = 0;
  for (int64_t index : shuffled(200000, 1, 0)) hash = hash * 1000003 + static_cast<uint64_t>(index);
  EXPECT_EQ(hash, 4717452571326784424u);
}

// All 24 orders of 4 samples as often: chi-square with 23 degrees of freedom is below 49.7 with
// probability 0.999; the seeds are fixed.
TEST(EpochOrder, EveryPermutationIsAsLikely) {
  constexpr int kTries = 24000;
  std::map<std::vector<int64_t>, int> counts;
  for (uint64_t epoch = 0; epoch < kTries; ++epoch) ++counts[shuffled(4, 42, epoch)];
  ASSERT_EQ(counts.size(), 24u);
  double chi_square = 0;
  for (const auto& [order, count] : counts)
    chi_square += (count - kTries / 24.0) * (count - kTries / 24.0) / (kTries / 24.0);
  EXPECT_LT(chi_square, 49.7);
}

TEST(EpochOrder, RefusesMoreThanItCanDraw) {
  EXPECT_THAT(message_of<ArgumentError>([] { EpochOrder order(int64_t{1} << 32); }),
              HasSubstr("at most 2^32 - 1"));
}

TEST(EpochOrder, GivesEachBatchItsIndices) {
  EpochOrder order(10);
  order.shuffle(1, 2);
  const BatchPlan plan(10, 4);
  std::vector<int64_t> joined;
  for (int64_t batch = 0; batch < plan.batches(); ++batch) {
    const auto indices = order.indices(plan, batch);
    joined.insert(joined.end(), indices.begin(), indices.end());
  }
  EXPECT_EQ(joined, shuffled(10, 1, 2));
}

TEST(Gather, CopiesRowsInTheOrderOfTheIndices) {
  const Array array{{3, 1, 2}, {0, 1, 10, 11, 20, 21}};
  std::array<float, 7> dst;
  dst.fill(-1);
  gather(array, std::array<int64_t, 3>{2, 0, 2}, dst.data());
  EXPECT_THAT(dst, ElementsAre(20, 21, 0, 1, 20, 21, -1));
  gather({{2}, {5, 6}}, std::array<int64_t, 1>{1}, dst.data());
  EXPECT_EQ(dst[0], 6);
}

TEST(Slice, CopiesARangeOfSamples) {
  const Array part = slice({{3, 2}, {0, 1, 10, 11, 20, 21}}, 1, 3);
  EXPECT_EQ(part.shape, (Shape{2, 2}));
  EXPECT_THAT(part.values, ElementsAre(10, 11, 20, 21));
}

}  // namespace
}  // namespace pronghorn::data
