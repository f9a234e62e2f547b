#include "cost/interpolation.h"

#include <gtest/gtest.h>

namespace pronghorn::cost {
namespace {

TEST(Interpolation, GoesThroughItsSamples) {
  const Interpolation f({{{0, 0}, 1}, {{3, 0}, 4}, {{0, 2}, 2}, {{3, 2}, 8}});
  EXPECT_NEAR(f({0, 0}), 1, 0.01);
  EXPECT_NEAR(f({3, 2}), 8, 0.01);
  EXPECT_NEAR(f({0, 2}), 2, 0.01);
}

TEST(Interpolation, IsNearlyStraightBetweenTwo) {
  const Interpolation f({{{0}, 10}, {{4}, 18}});
  EXPECT_NEAR(f({2}), 14, 0.1);
  EXPECT_NEAR(f({1}), 12, 0.2);
}

TEST(Interpolation, MakesNothingUpBeyondItsSamples) {
  const Interpolation f({{{0}, 10}, {{4}, 18}});
  EXPECT_DOUBLE_EQ(f({-100}), f({0}));
  EXPECT_DOUBLE_EQ(f({100}), f({4}));
}

TEST(Interpolation, StaysBetweenLeastAndGreatest) {
  const Interpolation f({{{0}, 0}, {{1}, 10}, {{2}, 10}, {{3}, 0}});
  for (double x = 0; x <= 3; x += 0.1) {
    EXPECT_GE(f({x}), 0);
    EXPECT_LE(f({x}), 10);
  }
}

TEST(Interpolation, TakesTwoSamplesOfOnePoint) {
  const Interpolation f({{{1}, 4}, {{1}, 6}, {{2}, 8}});
  EXPECT_NEAR(f({1}), 5, 0.2);
}

TEST(Interpolation, OfOneSampleIsConstant) {
  const Interpolation f({{{1, 2}, 7}});
  EXPECT_DOUBLE_EQ(f({5, 5}), 7);
  EXPECT_DOUBLE_EQ(f.without(0), 7);
}

TEST(Interpolation, ForetellsASampleFromTheOthers) {
  const Interpolation f({{{0}, 0}, {{1}, 1}, {{2}, 2}, {{3}, 3}});
  EXPECT_NEAR(f.without(1), 1, 0.1);
}

}  // namespace
}  // namespace pronghorn::cost
