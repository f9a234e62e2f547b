#include "kernels/expect_within.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

namespace pronghorn::test {

void expect_within(const Tensor& expected, const Tensor& actual, const Tensor& bound,
                   const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size());
  size_t worst = 0, outside = 0;
  double worst_ratio = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(actual[i] - expected[i]);
    if (error <= bound[i]) continue;  // false for NaN
    ++outside;
    const double ratio = std::isnan(error) ? INFINITY : error / bound[i];
    if (ratio > worst_ratio || outside == 1) {
      worst = i;
      worst_ratio = ratio;
    }
  }
  if (outside > 0)
    ADD_FAILURE() << fmt::format(
        "{}: {} of {} elements outside of their bounds; worst is {}: expected {:.9g}, actual "
        "{:.9g}, error {:.3g}, bound {:.3g}",
        what, outside, expected.size(), worst, expected[worst], actual[worst],
        std::abs(actual[worst] - expected[worst]), bound[worst]);
}

}  // namespace pronghorn::test
