#include "report/text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>

namespace pronghorn::report {
namespace {

TEST(Compact, HasThreeDigitsInFiveColumns) {
  EXPECT_EQ(compact(0), "0");
  EXPECT_EQ(compact(870), "870");
  EXPECT_EQ(compact(0.25), "0.25");
  EXPECT_EQ(compact(10903680), "10.9M");
  EXPECT_EQ(compact(1395655680), "1.40G");
  EXPECT_EQ(compact(-18496), "-18.5k");
  EXPECT_EQ(compact(std::nan("")), "-");
  EXPECT_EQ(compact(std::numeric_limits<double>::infinity()), "-");
}

TEST(Compact, CarriesIntoTheNextUnitWhenItRounds) {
  EXPECT_EQ(compact(999.4), "999");
  EXPECT_EQ(compact(999499), "999k");
  EXPECT_EQ(compact(999500), "1.00M");
  EXPECT_EQ(compact(9999), "10.0k");
  for (double number = 1e-3; number < 1e14; number *= 1.0137)
    EXPECT_LE(compact(number).size(), 5u) << number;
}

TEST(Numbers, HaveTheirUnits) {
  EXPECT_EQ(milliseconds(0.0123), "12.3");
  EXPECT_EQ(milliseconds(1.2344), "1,234");
  EXPECT_EQ(milliseconds(0.0000041), "0.004");
  EXPECT_EQ(duration(2439), "2,439 s");
  EXPECT_EQ(duration(14.6), "14.6 s");
  EXPECT_EQ(duration(0.000078), "78.0 us");
  EXPECT_EQ(duration(20e-9), "20.0 ns");
  EXPECT_EQ(percent(0.45), "45%");
  EXPECT_EQ(percent(0.0451), "4.5%");
  EXPECT_EQ(percent(-0.0001), "0.0%");
  EXPECT_EQ(times(16.306), "16.3");
  EXPECT_EQ(with_commas(-1199882), "-1,199,882");
}

TEST(Printable, LeavesNothingThatSteersATerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\n"), "a?[2Jb?");
  EXPECT_EQ(printable("\xff\xc3"), "??");
  EXPECT_EQ(printable("\xc0\xaf"), "??");       // overlong "/"
  EXPECT_EQ(printable("\xed\xa0\x80"), "???");  // a surrogate
  EXPECT_EQ(printable("\xc2\x9b"), "?");        // a control character of two bytes
  EXPECT_EQ(printable("Schicht_\xc3\xa4"), "Schicht_\xc3\xa4");
}

TEST(Width, CountsColumnsAndNotBytes) {
  EXPECT_EQ(display_width("\xc3\xa4"), 1);
  EXPECT_EQ(display_width("\xe5\xb1\x82"), 2);  // a Chinese character
}

TEST(Shortened, KeepsBothEnds) {
  EXPECT_EQ(shortened("conv2d", 6), "conv2d");
  EXPECT_EQ(shortened("block3_conv1_of_many", 10), "bloc..many");
  const std::string layers = "\xe5\xb1\x82\xe5\xb1\x82\xe5\xb1\x82\xe5\xb1\x82";
  for (int width = 1; width < 9; ++width) {
    EXPECT_LE(display_width(shortened(layers, width)), width);
    EXPECT_EQ(printable(shortened(layers, width)), shortened(layers, width));
  }
}

TEST(Wrapped, KeepsAllWordsWithinTheColumns) {
  EXPECT_EQ(wrapped("one two three", 7), "one two\nthree\n");
  EXPECT_EQ(wrapped("- one two three", 7, 2), "- one\n  two\n  three\n");
  EXPECT_EQ(wrapped("", 7), "");
  const std::string long_word(50, 'x');
  std::istringstream lines(wrapped("a " + long_word + " b", 12, 2));
  std::string all;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 12u);
    for (const char character : line)
      if (character != ' ') all += character;
  }
  EXPECT_EQ(all, "a" + long_word + "b");
}

}  // namespace
}  // namespace pronghorn::report
