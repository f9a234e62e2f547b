#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cost/sample_machine.h"
#include "pronghorn/error.h"
#include "pronghorn/explain.h"

namespace pronghorn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string message_of(const std::string& text) {
  try {
    parse_what_if(text);
  } catch (const ArgumentError& error) {
    return error.what();
  }
  return "";
}

TEST(WhatIf, TakesListsAndRanges) {
  EXPECT_THAT(parse_what_if("batch-size=1,32,128").values, ElementsAre(1, 32, 128));
  EXPECT_THAT(parse_what_if("threads=1..4").values, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(parse_what_if("threads=1,3..4").values, ElementsAre(1, 3, 4));
  EXPECT_THAT(parse_what_if("filters=0.5").values, ElementsAre(0.5));
  EXPECT_EQ(parse_what_if("stride=2").what, "stride");
}

TEST(WhatIf, SaysWhatIsWrong) {
  EXPECT_THAT(message_of("batch-size"), HasSubstr("no value"));
  EXPECT_THAT(message_of("batch-size="), HasSubstr("no value"));
  EXPECT_THAT(message_of("colour=3"), HasSubstr("there is no 'colour'"));
  EXPECT_THAT(message_of("threads=two"), HasSubstr("'two' is no number"));
  EXPECT_THAT(message_of("threads=0"), HasSubstr("out of range"));
  EXPECT_THAT(message_of("batch-size=1.5"), HasSubstr("whole number"));
  EXPECT_THAT(message_of("filters=-1"), HasSubstr("out of range"));
  EXPECT_THAT(message_of("filters=nan"), HasSubstr("out of range"));
  EXPECT_THAT(message_of("threads=4..1"), HasSubstr("rises"));
  EXPECT_THAT(message_of("filters=1..2"), HasSubstr("whole numbers"));
  EXPECT_THAT(message_of("stride=1,,2"), HasSubstr("no number"));
}

std::vector<Variant> variants_of(const std::string& model, const std::vector<std::string>& texts) {
  std::vector<WhatIf> changes;
  for (const std::string& text : texts) changes.push_back(parse_what_if(text));
  return what_if(load_model(model), model, test::sample_machine(), {}, changes);
}

TEST(WhatIf, BeginsWithTheModelAsItIs) {
  const auto variants = variants_of("mnist-mlp", {"batch-size=32,128"});
  ASSERT_EQ(variants.size(), 3u);
  EXPECT_EQ(variants[0].name, "mnist-mlp");
  EXPECT_EQ(variants[1].batch_size, 32);
  EXPECT_DOUBLE_EQ(variants[2].step_seconds, variants[0].step_seconds);
  EXPECT_LT(variants[1].step_seconds, variants[0].step_seconds);
  EXPECT_EQ(variants[1].training_multiply_accumulates, 1604608);
}

TEST(WhatIf, ScalesFiltersButNotTheClasses) {
  const auto variants = variants_of("mnist-cnn", {"filters=0.125"});
  // mnist-cnn-4 but for its second convolution: 4 and 8 filters.
  EXPECT_EQ(variants[1].parameters, 3 * 3 * 4 + 4 + 3 * 3 * 4 * 8 + 8 + 144 * 8 * 10 + 10);
  EXPECT_EQ(variants_of("mnist-mlp", {"filters=0.5"})[1].parameters,
            784 * 256 + 256 + 256 * 256 + 256 + 2560 + 10);
}

TEST(WhatIf, SetsTheFirstConvolutionsStride) {
  const auto variants = variants_of("mnist-cnn", {"stride=2"});
  // 13x13 and 11x11 outputs; 5x5 pooled.
  const int64_t first = 13 * 13 * 9 * 32, second = 11 * 11 * 9 * 32 * 64, dense = 25 * 64 * 10;
  EXPECT_EQ(variants[1].training_multiply_accumulates, 2 * first + 3 * second + 3 * dense);
}

TEST(WhatIf, SaysWhereThereIsNoSuchModel) {
  EXPECT_THAT(variants_of("mnist-mlp", {"stride=2"})[1].impossible, HasSubstr("no Conv2D"));
  EXPECT_THAT(variants_of("mnist-cnn", {"stride=16"})[1].impossible, HasSubstr("layer"));
}

}  // namespace
}  // namespace pronghorn
