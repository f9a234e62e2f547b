#pragma once

#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace pronghorn {

// A clock cheap enough to be read between the ops of a step: the CPU's own counter where it counts
// evenly, whatever the core's frequency, else std::chrono::steady_clock. Ticks of several clocks of
// one process, and of its threads, are of one time.
class TickClock {
 public:
  TickClock();

  // Some 10 ns with the CPU's counter. On x86 it waits for the instructions before it, so that what
  // they did belongs to the time before; those behind it may begin earlier, by some ns.
  int64_t now() const {
#if defined(__x86_64__)
    if (counter_) {
      uint32_t processor;
      return static_cast<int64_t>(__rdtscp(&processor));
    }
#elif defined(__aarch64__)
    if (counter_) {
      int64_t ticks;
      asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
      return ticks;
    }
#endif
    return steady_nanoseconds();
  }

  // The CPU says what a tick is on ARM; on x86 it may not (a virtual machine hides the CPUID leaf
  // that would tell), so it is measured against steady_clock over the time since this clock was
  // made, of which it waits for at least 10 ms: an error below 1e-5.
  double seconds_per_tick() const;

  // Whether the CPU's own counter is read.
  bool reads_counter() const { return counter_; }

  static int64_t steady_nanoseconds() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

 private:
  // The same moment by both clocks.
  struct Moment {
    int64_t ticks;
    int64_t nanoseconds;
  };
  Moment both_now() const;

  bool counter_;
  Moment begin_;
};

}  // namespace pronghorn
