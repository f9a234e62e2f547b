#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace pronghorn::bench {

using Clock = std::chrono::steady_clock;

// The time that the calling thread has run, in milliseconds: others who take its CPU in turns are
// not in it, what they do to its caches is.
inline double thread_milliseconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

inline double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// The median, since on a shared machine a mean tells of the neighbours and a minimum of luck.
inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<long>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace pronghorn::bench
