#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace pronghorn::bench {

using Clock = std::chrono::steady_clock;

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
