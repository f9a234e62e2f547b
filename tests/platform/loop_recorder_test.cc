#include "platform/loop_recorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "platform/parallel.h"

namespace pronghorn {
namespace {

// All threads' parts of one loop.
std::vector<LoopRecorder::Part> parts_of(const LoopRecorder& recorder, int threads, int64_t loop) {
  std::vector<LoopRecorder::Part> parts;
  for (int thread = 0; thread < threads; ++thread)
    for (const LoopRecorder::Part& part : recorder.parts(thread))
      if (part.loop == loop) parts.push_back(part);
  return parts;
}

TEST(LoopRecorder, RecordsWhoTookPartInEachLoop) {
  for (int threads : {1, 2, 3}) {
    LoopRecorder recorder(threads, 100);
    const Parallel team(threads);
    const Parallel parallel(team, recorder);
    EXPECT_EQ(parallel.threads(), threads);
    const TickClock clock;
    for (int64_t loop = 0; loop < 50; ++loop) {
      // A byte per thread: only its own thread writes it.
      std::vector<char> took_part(static_cast<size_t>(threads));
      const int64_t begin = clock.now();
      parallel.for_each(7,
                        [&](int64_t, int thread) { took_part[static_cast<size_t>(thread)] = 1; });
      const int64_t end = clock.now();
      EXPECT_EQ(recorder.loops(), loop + 1);
      const auto parts = parts_of(recorder, threads, loop);
      EXPECT_EQ(static_cast<int64_t>(parts.size()),
                std::count(took_part.begin(), took_part.end(), 1));
      EXPECT_FALSE(parts.empty());
      for (const LoopRecorder::Part& part : parts) {
        EXPECT_LE(begin, part.begin);
        EXPECT_LE(part.begin, part.end);
        EXPECT_LE(part.end, end);
      }
    }
    EXPECT_EQ(recorder.dropped(), 0);
  }
}

TEST(LoopRecorder, SeesBothThreadsOfALoopThatNeedsBoth) {
  LoopRecorder recorder(2, 10);
  const Parallel team(2);
  const Parallel parallel(team, recorder);
  std::atomic<int> inside = 0;
  // Neither task ends before the other has begun.
  parallel.for_each(2, [&](int64_t, int) {
    ++inside;
    while (inside < 2) {
    }
  });
  const auto parts = parts_of(recorder, 2, 0);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_LE(parts[0].begin, parts[1].end);
  EXPECT_LE(parts[1].begin, parts[0].end);
}

TEST(LoopRecorder, LeavesLoopsOfTheTeamItselfAlone) {
  LoopRecorder recorder(2, 10);
  const Parallel team(2);
  const Parallel parallel(team, recorder);
  team.for_each(4, [](int64_t, int) {});
  EXPECT_EQ(recorder.loops(), 0);
  parallel.for_each(4, [](int64_t, int) {});
  EXPECT_EQ(recorder.loops(), 1);
}

TEST(LoopRecorder, KeepsTheFirstPartsWhereRoomEnds) {
  LoopRecorder recorder(1, 3);
  const Parallel team(1);
  const Parallel parallel(team, recorder);
  for (int loop = 0; loop < 5; ++loop) parallel.for_each(2, [](int64_t, int) {});
  ASSERT_EQ(recorder.parts(0).size(), 3u);
  EXPECT_EQ(recorder.parts(0)[2].loop, 2);
  EXPECT_EQ(recorder.dropped(), 2);
  EXPECT_EQ(recorder.loops(), 5);
}

TEST(LoopRecorder, JoinsTheTasksOfOneThread) {
  LoopRecorder recorder(1, 10);
  recorder.begin_loop();
  recorder.record(0, 1, 2);
  recorder.record(0, 3, 5);
  recorder.begin_loop();
  recorder.record(0, 6, 7);
  ASSERT_EQ(recorder.parts(0).size(), 2u);
  EXPECT_EQ(recorder.parts(0)[0].begin, 1);
  EXPECT_EQ(recorder.parts(0)[0].end, 5);
  EXPECT_EQ(recorder.parts(0)[1].begin, 6);
}

}  // namespace
}  // namespace pronghorn
