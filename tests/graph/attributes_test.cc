#include "graph/attributes.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace pronghorn::graph {
namespace {

TEST(Attributes, PrintInTheOrderInWhichTheyWereSet) {
  Attributes attributes{{"strides", std::vector<int64_t>{1, 2}}, {"rate", 0.25}};
  attributes.set("function", std::string("mean_squared_error"));
  attributes.set("bias", int64_t{1});
  EXPECT_EQ(attributes.to_string(),
            "strides=[1, 2], rate=0.25, function=mean_squared_error, bias=1");
  EXPECT_EQ(Attributes().to_string(), "");
}

TEST(Attributes, AreSetAnewInTheirPlace) {
  Attributes attributes{{"a", int64_t{1}}, {"b", int64_t{2}}};
  attributes.set("a", int64_t{3});
  EXPECT_EQ(attributes.to_string(), "a=3, b=2");
}

TEST(Attributes, AreReadByNameAndType) {
  const Attributes attributes{
      {"i", int64_t{7}}, {"r", 0.5}, {"t", std::string("adam")}, {"l", std::vector<int64_t>{3, 4}}};
  EXPECT_EQ(attributes.integer("i"), 7);
  EXPECT_EQ(attributes.real("r"), 0.5);
  EXPECT_EQ(attributes.text("t"), "adam");
  EXPECT_EQ(attributes.integers("l"), (std::vector<int64_t>{3, 4}));
  EXPECT_TRUE(attributes.has("i"));
  EXPECT_FALSE(attributes.has("j"));
}

TEST(Attributes, MissingOrOfAnotherTypeAreTheBuildersMistake) {
  const Attributes attributes{{"i", int64_t{7}}};
  EXPECT_THROW(attributes.integer("j"), std::logic_error);
  EXPECT_THROW(attributes.real("i"), std::logic_error);
}

TEST(Attributes, AreEqualIfNamesAndValuesAre) {
  EXPECT_EQ((Attributes{{"i", int64_t{7}}}), (Attributes{{"i", int64_t{7}}}));
  EXPECT_FALSE((Attributes{{"i", int64_t{7}}} == Attributes{{"i", int64_t{8}}}));
}

}  // namespace
}  // namespace pronghorn::graph
