#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "pronghorn/report.h"
#include "report/sample.h"
#include "report/text.h"

namespace pronghorn::report {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> all_reports(int columns) {
  Explanation long_names = sample_deep(6);
  for (LayerCost& layer : long_names.layers) layer.name += std::string(120, 'x');
  for (OpCost& op : long_names.ops) op.layer += std::string(120, 'x');
  long_names.model = std::string(150, 'm');
  Comparison comparison = sample_comparison();
  comparison.a.model = std::string(150, 'm');
  return {terminal(sample_cnn(), columns),
          terminal(sample_cnn(false), columns),
          terminal(sample_mlp(), columns),
          terminal(long_names, columns),
          terminal(sample_one_layer(), columns),
          terminal(sample_untrainable(), columns),
          terminal(comparison, columns),
          terminal(sample_comparison(false), columns),
          terminal(sample_machine(), columns),
          terminal(sample_variants(), columns),
          terminal(*sample_cnn().profile, columns),
          terminal(Explanation{}, columns),
          terminal(Comparison{}, columns),
          terminal(Machine{}, columns),
          terminal(StepProfile{}, columns)};
}

TEST(Terminal, FitsTheColumns) {
  for (const int columns : {80, 90, 100, 132}) {
    for (const std::string& text : all_reports(columns))
      for (const std::string& line : lines_of(text))
        EXPECT_LE(display_width(line), columns) << line;
  }
}

TEST(Terminal, AHundredColumnsHoldAllThatATableHas) {
  const std::string text = terminal(sample_cnn());
  for (const char* heading : {"param-", "uses/", "multiply-accumulates", "bytes", "flops/",
                              "bound by", "ms pre-", "ms mea-", "share", "% of"})
    EXPECT_THAT(text, HasSubstr(heading));
  EXPECT_THAT(text, HasSubstr("\nmax_pooling2d "));
}

TEST(Terminal, TheAnswerIsFirst) {
  EXPECT_THAT(terminal(sample_cnn()), StartsWith("A step of mnist-cnn takes 31.2 ms, since"));
  EXPECT_THAT(terminal(sample_comparison()),
              StartsWith("A step of mnist-cnn takes 9.2 times as long as one of mnist-mlp"));
  EXPECT_THAT(terminal(sample_untrainable()), StartsWith("It can't be trained here"));
}

TEST(Terminal, TableThenFindingsThenAssumptions) {
  const std::string text = terminal(sample_cnn());
  const size_t table = text.find("\nconv2d_1 ");
  const size_t findings = text.find("\nFindings\n- conv2d_1 takes 87%");
  const size_t ladder = text.find("\ntextbook loops ");
  const size_t assumptions = text.find("\nAssumptions\n- Nothing else runs");
  EXPECT_LT(table, findings);
  EXPECT_LT(findings, ladder);
  EXPECT_LT(ladder, assumptions);
  EXPECT_NE(assumptions, text.npos);
}

TEST(Terminal, NamesMultiplyAccumulatesAndFlops) {
  for (const std::string& text :
       {terminal(sample_cnn()), terminal(sample_untrainable()), terminal(sample_comparison()),
        terminal(sample_machine()), terminal(sample_variants())})
    EXPECT_THAT(text, AllOf(HasSubstr("ultiply-accumulate"), HasSubstr("flops")));
}

TEST(Terminal, ShowsNumbersOfTheLayers) {
  const std::string text = terminal(sample_cnn());
  // Parameters, uses per weight, multiply-accumulates of three phases.
  EXPECT_THAT(text, testing::ContainsRegex("conv2d_1 +18.5k +576 +1.36G +1.36G +1.36G"));
  EXPECT_THAT(text, testing::ContainsRegex("dense_1 +1.29k +1 +164k +164k +164k"));
  EXPECT_THAT(text, testing::ContainsRegex("step +1.20M +1.54G"));
}

TEST(Terminal, PredictionsAloneHaveNoColumnOfMeasurements) {
  EXPECT_THAT(terminal(sample_cnn(false)), AllOf(Not(HasSubstr("ms mea-")), HasSubstr("ms pre-")));
}

TEST(Terminal, OnlyTheLongestOpsOfManyAreShown) {
  const std::string text = terminal(sample_deep());
  EXPECT_THAT(text, HasSubstr("The 12 of 159 ops that take longest"));
}

TEST(Terminal, AnUntrainableModelHasCountsAndItsReason) {
  EXPECT_THAT(terminal(sample_untrainable()),
              AllOf(HasSubstr("layer 'argmax': has no gradient"), HasSubstr("401,920"),
                    HasSubstr("51.4M"), Not(HasSubstr("ms pre-")), Not(HasSubstr("predicted:"))));
}

TEST(Terminal, FactorsAndTheirProduct) {
  const std::string text = terminal(sample_comparison());
  EXPECT_THAT(text, HasSubstr("16.306"));
  EXPECT_THAT(text, testing::ContainsRegex("seconds per executed flop +1.20e-11 +1.60e-11 +1.335"));
  EXPECT_THAT(text, testing::ContainsRegex("their product +10.778"));
  EXPECT_THAT(text, testing::ContainsRegex("step time, measured .* 10.778"));
  EXPECT_THAT(text, testing::ContainsRegex("both +7 of less than 0.5% each"));
}

TEST(Terminal, AnImpossibleVariantSaysWhy) {
  EXPECT_THAT(
      terminal(sample_variants()),
      HasSubstr("- stride=8: conv2d_1's input is (3, 3), which is smaller than its kernel"));
  EXPECT_EQ(terminal(std::vector<Variant>{}), "");
}

TEST(Terminal, TheBestNumberOfThreadsAmongManyIsShown) {
  Explanation cnn = sample_cnn(false);
  cnn.by_threads.clear();
  for (int threads = 1; threads <= 64; ++threads)
    cnn.by_threads.push_back({threads, threads == 23 ? 0.5 : 1.0});
  const std::string text = terminal(cnn);
  EXPECT_THAT(text, testing::ContainsRegex("\n +23 +500 +2.00 the best\n"));
  EXPECT_THAT(text,
              AllOf(testing::ContainsRegex("\n +64 "), Not(testing::ContainsRegex("\n +22 "))));
}

TEST(Terminal, NamesCannotSteerTheTerminal) {
  Explanation cnn = sample_cnn();
  cnn.layers[0].name = "\x1b[31m";
  cnn.ops[0].layer = "\x1b[31m\xff";
  cnn.model = "\x1b]0;title\x07";
  cnn.machine.cpu = "\x1b[1m";
  const std::string text = terminal(cnn);
  EXPECT_EQ(text.find('\x1b'), text.npos);
  EXPECT_EQ(text.find('\x07'), text.npos);
  EXPECT_THAT(text, HasSubstr("?[31m"));
}

TEST(Terminal, AMachineShowsItsRoofs) {
  EXPECT_THAT(terminal(sample_machine()),
              AllOf(HasSubstr("L2 1 MiB"), HasSubstr("AVX-512                 55.0G    110G"),
                    HasSubstr("DRAM"), HasSubstr("2.00 us")));
}

}  // namespace
}  // namespace pronghorn::report
