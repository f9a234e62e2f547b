#include "report/table.h"

#include <gtest/gtest.h>

namespace pronghorn::report {
namespace {

Table two_names() {
  Table table({{{"name"}, true, 0, 6, ""},
               {{"kernel"}, true, 0, 6, ""},
               {{"bytes"}, false, 1, 0, ""},
               {{"flops/", "byte"}, false, 2, 0, ""},
               {{"ms"}, false, 0, 0, ""}});
  table.add_row({"convolution_1", "onednn.conv2d", "23.0M", "4.46", "0.286"});
  return table;
}

TEST(Table, IsAsWideAsItsContents) {
  EXPECT_EQ(two_names().to_string(100),
            "                                  flops/\n"
            "name          kernel        bytes   byte    ms\n"
            "convolution_1 onednn.conv2d 23.0M   4.46 0.286\n");
}

TEST(Table, ShortensTheLongestNamesBeforeItLeavesColumnsOut) {
  EXPECT_EQ(two_names().to_string(40),
            "                            flops/\n"
            "name       kernel     bytes   byte    ms\n"
            "conv..on_1 oned..nv2d 23.0M   4.46 0.286\n");
}

TEST(Table, LeavesOutTheMostExpendableFirst) {
  EXPECT_EQ(two_names().to_string(31),
            "name      kernel    bytes    ms\n"
            "con..on_1 one..nv2d 23.0M 0.286\n");
  EXPECT_EQ(two_names().to_string(19),
            "name   kernel    ms\n"
            "co.._1 on..2d 0.286\n");
}

TEST(Table, GroupsHaveAHeadingOfTheirOwn) {
  Table table({{{"layer"}, true, 0, 0, ""},
               {{"a"}, false, 0, 0, "multiply-accumulates"},
               {{"b"}, false, 0, 0, "multiply-accumulates"}});
  table.add_row({"dense", "1", "2"});
  table.add_rule();
  table.add_row({"sum", "1", "2"});
  EXPECT_EQ(table.to_string(100),
            "      multiply-accumulates\n"
            "layer                  a b\n"
            "dense                  1 2\n"
            "--------------------------\n"
            "sum                    1 2\n");
}

TEST(Table, RefusesARowOfAnotherLength) {
  EXPECT_THROW(two_names().add_row({"one"}), std::logic_error);
}

}  // namespace
}  // namespace pronghorn::report
