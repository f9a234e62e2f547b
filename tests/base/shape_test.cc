#include "pronghorn/shape.h"

#include <gtest/gtest.h>

namespace pronghorn {
namespace {

TEST(Shape, CountsElements) {
  EXPECT_EQ((Shape{128, 28, 28, 1}.elements()), 100352);
  EXPECT_EQ((Shape{5, 0}.elements()), 0);
  EXPECT_EQ(Shape{}.elements(), 1);  // a scalar
  EXPECT_EQ((Shape{int64_t{1} << 20, int64_t{1} << 20}.elements()), int64_t{1} << 40);
}

TEST(Shape, GainsAndLosesTheBatch) {
  const Shape image{28, 28, 1};
  EXPECT_EQ(image.with_batch(128), (Shape{128, 28, 28, 1}));
  EXPECT_EQ(image.with_batch(128).without_batch(), image);
  EXPECT_EQ(Shape{}.with_batch(3), Shape{3});
}

TEST(Shape, PrintsAsPythonDoes) {
  EXPECT_EQ((Shape{128, 28, 28, 1}.to_string()), "(128, 28, 28, 1)");
  EXPECT_EQ(Shape{10}.to_string(), "(10,)");
  EXPECT_EQ(Shape{}.to_string(), "()");
}

TEST(Shape, PrintsAsKerasDoesForAnyBatch) {
  EXPECT_EQ((Shape{28, 28, 1}.to_string_any_batch()), "(None, 28, 28, 1)");
  EXPECT_EQ(Shape{10}.to_string_any_batch(), "(None, 10)");
  EXPECT_EQ(Shape{}.to_string_any_batch(), "(None,)");
}

TEST(Shape, EqualsOnlyTheSameExtentsAndRank) {
  EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
  EXPECT_FALSE((Shape{2, 3}) == (Shape{3, 2}));
  EXPECT_FALSE((Shape{2, 3}) == (Shape{2, 3, 1}));
}

}  // namespace
}  // namespace pronghorn
