#include "platform/timer.h"

#include <gtest/gtest.h>

#include <thread>

namespace pronghorn {
namespace {

TEST(TickClock, NeverGoesBack) {
  const TickClock clock;
  int64_t last = clock.now();
  for (int i = 0; i < 100'000; ++i) {
    const int64_t now = clock.now();
    ASSERT_GE(now, last);
    last = now;
  }
}

// Both clocks read one after the other; whatever is done between the two moments, and however long
// it takes, they must agree on it.
TEST(TickClock, AgreesWithTheSteadyClock) {
  const TickClock clock;
  const double seconds_per_tick = clock.seconds_per_tick();
  const int64_t outer_begin = clock.now();
  const int64_t begin_nanoseconds = TickClock::steady_nanoseconds();
  const int64_t inner_begin = clock.now();
  while (TickClock::steady_nanoseconds() - begin_nanoseconds < 20'000'000) {
  }
  const int64_t inner = clock.now() - inner_begin;
  const int64_t outer_nanoseconds = TickClock::steady_nanoseconds() - begin_nanoseconds;
  EXPECT_LE(static_cast<double>(inner) * seconds_per_tick,
            1.001 * static_cast<double>(outer_nanoseconds) * 1e-9);
  EXPECT_GE(static_cast<double>(clock.now() - outer_begin) * seconds_per_tick, 0.999 * 0.02);
}

TEST(TickClock, IsOneTimeForAllThreadsAndClocks) {
  const TickClock first;
  const int64_t before = first.now();
  int64_t inside = 0;
  std::thread([&] { inside = TickClock().now(); }).join();
  EXPECT_GE(inside, before);
  EXPECT_LE(inside, first.now());
}

}  // namespace
}  // namespace pronghorn
