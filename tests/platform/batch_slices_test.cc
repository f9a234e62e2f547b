#include "platform/batch_slices.h"

#include <gtest/gtest.h>

namespace pronghorn {
namespace {

TEST(BatchSlices, CoverEachImageOnce) {
  for (int64_t batch = 0; batch <= 300; ++batch) {
    const BatchSlices slices(batch);
    int64_t next = 0;
    for (int64_t slice = 0; slice < slices.count(); ++slice) {
      EXPECT_EQ(slices.begin(slice), next);
      EXPECT_GT(slices.rows(slice), 0);
      EXPECT_LE(slices.rows(slice), slices.size());
      next = slices.end(slice);
    }
    EXPECT_EQ(next, batch);
    EXPECT_LE(slices.count(), BatchSlices::kMostSlices);
  }
}

TEST(BatchSlices, AreOfEightImagesUpToABatchOf128) {
  EXPECT_EQ(BatchSlices(1).count(), 1);
  EXPECT_EQ(BatchSlices(8).count(), 1);
  EXPECT_EQ(BatchSlices(9).count(), 2);
  EXPECT_EQ(BatchSlices(9).rows(1), 1);
  EXPECT_EQ(BatchSlices(128).count(), 16);
  EXPECT_EQ(BatchSlices(128).size(), 8);
}

TEST(BatchSlices, GrowBeyondABatchOf128) {
  EXPECT_EQ(BatchSlices(130).size(), 9);
  EXPECT_EQ(BatchSlices(130).rows(14), 4);
  EXPECT_EQ(BatchSlices(1024).size(), 64);
}

TEST(BatchSlices, AreHalfAsManyWhereEachIsDear) {
  EXPECT_EQ(BatchSlices::coarse(128).count(), 8);
  EXPECT_EQ(BatchSlices::coarse(128).size(), 16);
  EXPECT_EQ(BatchSlices::coarse(17).count(), 2);
  EXPECT_EQ(BatchSlices::coarse(130).size(), 18);
  EXPECT_EQ(BatchSlices::for_sums(128, 18432), BatchSlices(128));
  EXPECT_EQ(BatchSlices::for_sums(128, 147456), BatchSlices::coarse(128));
}

}  // namespace
}  // namespace pronghorn
