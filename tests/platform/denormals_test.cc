#include "platform/denormals.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>

#include "platform/parallel.h"

namespace pronghorn {
namespace {

// Volatile, so that the processor computes it and not the compiler.
bool denormals_are_flushed() {
  volatile float smallest = std::numeric_limits<float>::min();
  volatile float half = smallest * 0.5f;
  return half == 0.0f;
}

TEST(FlushDenormals, FlushesWhileItLivesAndRestoresAfter) {
  EXPECT_FALSE(denormals_are_flushed());
  {
    const FlushDenormals flush;
    EXPECT_TRUE(denormals_are_flushed());
    {
      const FlushDenormals again;
      EXPECT_TRUE(denormals_are_flushed());
    }
    EXPECT_TRUE(denormals_are_flushed());
  }
  EXPECT_FALSE(denormals_are_flushed());
}

TEST(FlushDenormals, HoldsInEveryThreadOfALoop) {
  for (int threads : {1, 4}) {
    std::atomic<int> flushed = 0;
    Parallel(threads).for_each(16, [&](int64_t, int) { flushed += denormals_are_flushed(); });
    EXPECT_EQ(flushed, 16);
    EXPECT_FALSE(denormals_are_flushed());
  }
}

}  // namespace
}  // namespace pronghorn
