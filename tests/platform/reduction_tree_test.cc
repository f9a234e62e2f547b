#include "platform/reduction_tree.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "base/philox.h"

namespace pronghorn {
namespace {

// The tree by its definition: neighbours are added pairwise, an odd one moves up as it is.
float tree_of(std::vector<float> level) {
  while (level.size() > 1) {
    std::vector<float> next;
    for (size_t i = 0; i + 1 < level.size(); i += 2) next.push_back(level[i] + level[i + 1]);
    if (level.size() % 2 == 1) next.push_back(level.back());
    level = next;
  }
  return level[0];
}

// Magnitudes differ so much that another order of additions gives other bits.
float element(int64_t leaf, int64_t i) {
  const float uniform =
      RandomStream(9, static_cast<uint64_t>(leaf), 0).uniform(static_cast<uint64_t>(i));
  return (uniform - 0.5f) * static_cast<float>(1 << (3 * leaf % 17));
}

TEST(ReductionTree, AddsNeighboursPairwiseOnAnyNumberOfThreads) {
  constexpr int64_t kElements = 2500, kStride = 2600;  // more than one block
  for (int64_t leaves = 1; leaves <= 9; ++leaves)
    for (int threads : {1, 2, 3, 7}) {
      std::vector<float> partials(static_cast<size_t>(leaves * kStride));
      for (int64_t leaf = 0; leaf < leaves; ++leaf)
        for (int64_t i = 0; i < kElements; ++i)
          partials[static_cast<size_t>(leaf * kStride + i)] = element(leaf, i);
      std::vector<float> sum(kElements);
      tree_sum(Parallel(threads), partials.data(), leaves, kStride, kElements, sum.data());
      for (int64_t i = 0; i < kElements; ++i) {
        std::vector<float> column;
        for (int64_t leaf = 0; leaf < leaves; ++leaf) column.push_back(element(leaf, i));
        ASSERT_EQ(sum[static_cast<size_t>(i)], tree_of(column))
            << leaves << " leaves, " << threads << " threads, element " << i;
      }
    }
}

TEST(ReductionTree, MaySumIntoTheFirstLeaf) {
  std::vector<float> partials = {1, 2, 10, 20, 100, 200};
  tree_sum(Parallel(1), partials.data(), 3, 2, 2, partials.data());
  EXPECT_EQ(partials[0], 111);
  EXPECT_EQ(partials[1], 222);
}

// (2^53 + 1) + (-2^53 + 1): the first pair rounds its 1 away, the second is exact.
TEST(ReductionTree, OfScalarsIsTheSameTree) {
  std::vector<double> partials = {0x1p53, 1, -0x1p53, 1, 3};
  EXPECT_EQ(tree_sum(partials.data(), 5), 4.0);
  std::vector<double> none;
  EXPECT_EQ(tree_sum(none.data(), 0), 0.0);
}

TEST(ReductionTree, OfArraysOfDoublesIsTheSameTree) {
  std::vector<double> partials = {0x1p53, 1, -0x1p53, 1, 3};
  double sum = 0;
  tree_sum(Parallel(1), partials.data(), 5, 1, 1, &sum);
  EXPECT_EQ(sum, 4.0);
}

}  // namespace
}  // namespace pronghorn
