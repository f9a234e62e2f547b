#include "platform/timer.h"

#include <limits>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace pronghorn {
namespace {

bool has_even_counter() {
#if defined(__x86_64__)
  // AMD64 Architecture Programmer's Manual 3, appendix E.4: rdtscp, and a counter that runs at one
  // rate in all power states. Linux then keeps the cores' counters in step.
  uint32_t a, b, c, d;
  const bool rdtscp = __get_cpuid(0x80000001, &a, &b, &c, &d) != 0 && (d >> 27 & 1) != 0;
  return rdtscp && __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d >> 8 & 1) != 0;
#elif defined(__aarch64__)
  return true;  // the generic timer is part of the architecture
#else
  return false;
#endif
}

}  // namespace

TickClock::TickClock() : counter_(has_even_counter()), begin_(both_now()) {}

TickClock::Moment TickClock::both_now() const {
  // The narrowest of some tries: one that was interrupted in the middle would be off by
  // microseconds.
  constexpr int kTries = 8;
  Moment best{};
  int64_t narrowest = std::numeric_limits<int64_t>::max();
  for (int i = 0; i < kTries; ++i) {
    const int64_t before = now();
    const int64_t nanoseconds = steady_nanoseconds();
    const int64_t width = now() - before;
    if (width < narrowest) {
      narrowest = width;
      best = {before + width / 2, nanoseconds};
    }
  }
  return best;
}

double TickClock::seconds_per_tick() const {
  if (!counter_) return 1e-9;
#if defined(__aarch64__)
  int64_t ticks_per_second;
  asm("mrs %0, cntfrq_el0" : "=r"(ticks_per_second));
  return 1.0 / static_cast<double>(ticks_per_second);
#else
  constexpr int64_t kLeastNanoseconds = 10'000'000;
  while (steady_nanoseconds() - begin_.nanoseconds < kLeastNanoseconds) {
  }
  const Moment end = both_now();
  return static_cast<double>(end.nanoseconds - begin_.nanoseconds) * 1e-9 /
         static_cast<double>(end.ticks - begin_.ticks);
#endif
}

}  // namespace pronghorn
