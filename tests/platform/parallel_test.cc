#include "platform/parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "pronghorn/error.h"

namespace pronghorn {
namespace {

TEST(Parallel, RunsEachTaskOnce) {
  for (int threads : {1, 2, 3, 7})
    for (int64_t tasks : {0, 1, 2, 3, 5, 64}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(tasks));
      std::atomic<bool> thread_in_range = true;
      Parallel(threads).for_each(tasks, [&](int64_t index, int thread) {
        ++runs[static_cast<size_t>(index)];
        if (thread < 0 || thread >= threads) thread_in_range = false;
      });
      for (const auto& count : runs) EXPECT_EQ(count, 1) << threads << " threads, " << tasks;
      EXPECT_TRUE(thread_in_range);
    }
}

// Kernels keep scratch memory by thread number.
TEST(Parallel, NoTwoTasksHaveAThreadNumberAtOnce) {
  const Parallel parallel(3);
  std::vector<std::atomic<bool>> busy(3);
  std::atomic<int> collisions = 0;
  for (int loop = 0; loop < 200; ++loop)
    parallel.for_each(50, [&](int64_t, int thread) {
      if (busy[static_cast<size_t>(thread)].exchange(true)) ++collisions;
      busy[static_cast<size_t>(thread)] = false;
    });
  EXPECT_EQ(collisions, 0);
}

TEST(Parallel, ReturnsWhenAllTasksAreDone) {
  const Parallel parallel(4);
  for (int64_t loop = 0; loop < 2000; ++loop) {
    // Plain memory: a task that ran on would be seen here, and by the thread sanitizer.
    std::vector<int64_t> written(5);
    parallel.for_each(5, [&](int64_t index, int) { written[static_cast<size_t>(index)] = loop; });
    for (const int64_t value : written) ASSERT_EQ(value, loop);
  }
}

TEST(Parallel, CutsRangesByGrainAloneAndNotByThreads) {
  for (int threads : {1, 2, 7}) {
    std::vector<std::atomic<int64_t>> end_of(3);
    Parallel(threads).for_ranges(
        25, 10, [&](int64_t begin, int64_t end) { end_of[static_cast<size_t>(begin / 10)] = end; });
    EXPECT_EQ(end_of[0], 10);
    EXPECT_EQ(end_of[1], 20);
    EXPECT_EQ(end_of[2], 25);
  }
}

TEST(Parallel, OfZeroThreadsHasOnePerCpu) {
  EXPECT_EQ(Parallel(0).threads(), available_cpus());
  EXPECT_GE(available_cpus(), 1);
}

TEST(Parallel, RefusesANegativeNumberOfThreads) {
  try {
    const Parallel parallel(-2);
    FAIL();
  } catch (const ArgumentError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("threads is -2"));
  }
}

}  // namespace
}  // namespace pronghorn
