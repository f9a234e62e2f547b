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

TEST(BatchSlices, AreOfSixteenImagesUpToABatchOf128) {
  EXPECT_EQ(BatchSlices(1).count(), 1);
  EXPECT_EQ(BatchSlices(16).count(), 1);
  EXPECT_EQ(BatchSlices(17).count(), 2);
  EXPECT_EQ(BatchSlices(17).rows(1), 1);
  EXPECT_EQ(BatchSlices(128).count(), 8);
  EXPECT_EQ(BatchSlices(128).size(), 16);
}

TEST(BatchSlices, GrowBeyondABatchOf128) {
  EXPECT_EQ(BatchSlices(130).size(), 17);
  EXPECT_EQ(BatchSlices(130).rows(7), 11);
  EXPECT_EQ(BatchSlices(1024).size(), 128);
}

}  // namespace
}  // namespace pronghorn
