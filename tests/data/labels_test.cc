#include "data/labels.h"

#include <gmock/gmock.h>

#include <cmath>

#include "test_files.h"

namespace pronghorn::data {
namespace {

using pronghorn::testing::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ToCategorical, GivesOneHotRows) {
  for (const Shape& shape : {Shape{3}, Shape{3, 1}}) {
    const Array rows = to_categorical({shape, {2, 0, 1}}, 3);
    EXPECT_EQ(rows.shape, (Shape{3, 3}));
    EXPECT_THAT(rows.values, ElementsAre(0, 0, 1, 1, 0, 0, 0, 1, 0));
  }
}

TEST(ToCategorical, NamesTheFirstSampleThatIsNoClass) {
  for (float label : {3.0f, -1.0f, 0.5f, std::nanf(""), 1e30f})
    EXPECT_THAT(message_of<ArgumentError>([&] {
                  to_categorical({{3}, {0, label, 9}}, 3);
                }),
                HasSubstr("sample 1 has label"))
        << label;
  EXPECT_THAT(message_of<ArgumentError>([] {
                to_categorical({{1}, {3}}, 3);
              }),
              HasSubstr("whole numbers from 0 to 2"));
  EXPECT_THAT(message_of<ArgumentError>([] {
                to_categorical({{1}, {0}}, 0);
              }),
              HasSubstr("at least 1"));
  EXPECT_THAT(message_of<ShapeError>([] {
                to_categorical({{1, 2}, {0, 1}}, 3);
              }),
              HasSubstr("shape (1, 2); (1,) or (1, 1)"));
}

TEST(CountClasses, CountsWholeNumbersOnly) {
  EXPECT_EQ(count_classes({{3}, {0, 4, 1}}), 5);
  EXPECT_EQ(count_classes({{2}, {0, 1.5f}}), 0);
  EXPECT_EQ(count_classes({{2}, {-1, 1}}), 0);
  EXPECT_EQ(count_classes({{1}, {1e20f}}), 0);
}

}  // namespace
}  // namespace pronghorn::data
