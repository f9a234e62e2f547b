#include "train/progress_bar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace pronghorn::train {
namespace {

using Kind = ProgressStyle::Kind;

const std::string kCells20 = [] {
  std::string cells;
  for (int i = 0; i < 20; ++i) cells += "━";
  return cells;
}();
const Logs kLogs = {{"accuracy", 0.92134}, {"loss", 0.26891}};
const Logs kLogsWithValidation = {
    {"accuracy", 0.92134}, {"loss", 0.26891}, {"val_accuracy", 0.5}, {"val_loss", 0.000123456}};

ProgressStyle plain_bar(int width) { return {Kind::kBar, /*colors=*/false, width}; }

// Columns of the widest row that the text takes on a terminal: cells are one column, escape
// sequences and line ends none.
int widest_row(std::string_view text) {
  int widest = 0;
  int columns = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\x1b') {
      i = text.find('m', i);
    } else if (c == '\r' || c == '\n') {
      columns = 0;
    } else if ((c & 0xC0) != 0x80) {  // not the continuation of a UTF-8 character
      widest = std::max(widest, ++columns);
    }
  }
  return widest;
}

TEST(ProgressBar, LooksLikeKerasWhenItEnds) {
  ProgressBar bar(469, "Epoch 3/20", plain_bar(160), /*now=*/100);
  EXPECT_EQ(bar.begin(), "Epoch 3/20\n");
  bar.update(1, kLogs, 100.2);
  bar.update(469, kLogs, 100.2 + 468 * 0.01);
  EXPECT_EQ(bar.finish(kLogsWithValidation, 105.2),
            "\r469/469 " + kCells20 +
                " 5s 10ms/step - accuracy: 0.9213 - loss: 0.2689 - val_accuracy: 0.5000"
                " - val_loss: 1.2346e-04\n");
  EXPECT_EQ(bar.finish(kLogs, 106), "");
}

TEST(ProgressBar, ShowsTheRemainingTimeWhileItRuns) {
  ProgressBar bar(400, "", plain_bar(120), 0);
  EXPECT_EQ(bar.begin(), "");
  bar.update(1, kLogs, 1);
  // 199 steps in 19.9 s after the first: 200 more take 20 s. Half of the cells are done.
  EXPECT_EQ(bar.update(200, kLogs, 20.9),
            "\r200/400 ━━━━━━━━━━           20s 100ms/step"
            " - accuracy: 0.9213 - loss: 0.2689");
}

TEST(ProgressBar, WritesTheRemainingTimeAsKerasDoes) {
  const auto remaining = [](double seconds_per_step, int64_t steps) {
    ProgressBar bar(steps + 1, "", plain_bar(120), 0);
    const std::string text(bar.update(1, {}, seconds_per_step));
    const size_t end = text.rfind(' ');
    const size_t begin = text.rfind(' ', end - 1) + 1;
    return text.substr(begin, end - begin);
  };
  EXPECT_EQ(remaining(1, 12), "12s");
  EXPECT_EQ(remaining(1, 60), "60s");
  EXPECT_EQ(remaining(1, 65), "1:05");
  EXPECT_EQ(remaining(1, 3723), "1:02:03");
}

TEST(ProgressBar, PicksTheUnitOfAStepsTime) {
  const auto step_time = [](double seconds) {
    ProgressBar bar(1, "", {Kind::kLines}, 0);
    bar.update(1, {}, seconds);
    const std::string text(bar.finish({}, seconds));
    return text.substr(text.rfind(' ') + 1);
  };
  EXPECT_EQ(step_time(2), "2s/step\n");
  EXPECT_EQ(step_time(0.0124), "12ms/step\n");
  EXPECT_EQ(step_time(0.000250), "250us/step\n");
}

TEST(ProgressBar, ColoursAreThoseOfKeras) {
  ProgressBar bar(2, "", {Kind::kBar, /*colors=*/true, 120}, 0);
  EXPECT_EQ(bar.update(1, {}, 1),
            "\r\x1b[1m1/2\x1b[0m \x1b[32m━━━━━━━━━━\x1b[0m\x1b[37m━━━━━━━━━━\x1b[0m"
            " \x1b[1m1s\x1b[0m 1s/step");
}

TEST(ProgressBar, IsDrawnAtMostTenTimesASecond) {
  ProgressBar bar(10000, "", plain_bar(120), 0);
  int drawn = 0;
  for (int step = 1; step <= 5000; ++step) drawn += !bar.update(step, kLogs, step * 0.001).empty();
  EXPECT_GE(drawn, 45);
  EXPECT_LE(drawn, 51);
}

TEST(ProgressBar, IsAlwaysDrawnAtTheEnd) {
  ProgressBar bar(2, "", plain_bar(120), 0);
  EXPECT_NE(bar.update(1, kLogs, 0.001), "");
  EXPECT_EQ(bar.update(2, kLogs, 0.002), "");
  EXPECT_NE(bar.finish(kLogs, 0.003), "");
}

TEST(ProgressBar, ErasesWhatALongerLineLeft) {
  ProgressBar bar(10, "", plain_bar(120), 0);
  bar.update(1, kLogs, 100);
  const std::string longer(bar.update(2, kLogs, 300));
  const std::string shorter(bar.update(3, {}, 301));
  EXPECT_EQ(widest_row(shorter), widest_row(longer));
  EXPECT_TRUE(shorter.ends_with("  "));
}

TEST(ProgressBar, NeverWrapsOnANarrowTerminal) {
  for (int width = 32; width < 130; ++width) {
    ProgressBar bar(469, "", plain_bar(width), 0);
    EXPECT_LT(widest_row(bar.update(1, kLogsWithValidation, 0.5)), width);
    EXPECT_LT(widest_row(bar.update(200, kLogsWithValidation, 100)), width);
    const std::string last(bar.finish(kLogsWithValidation, 200));
    EXPECT_LT(widest_row(last), width);
    // The last state leaves nothing out.
    EXPECT_THAT(last, testing::HasSubstr("val_loss: 1.2346e-04"));
  }
}

TEST(ProgressBar, OnAnEightyColumnTerminalEndsInASecondRow) {
  ProgressBar bar(469, "", plain_bar(80), 0);
  bar.update(1, kLogs, 0.2);
  bar.update(469, kLogs, 0.2 + 468 * 0.01);
  EXPECT_EQ(bar.finish(kLogsWithValidation, 5),
            "\r469/469 " + kCells20 +
                " 5s 10ms/step - accuracy: 0.9213 - loss: 0.2689\n"
                "        - val_accuracy: 0.5000 - val_loss: 1.2346e-04\n");
}

TEST(ProgressBar, LinesAreOnePerEpoch) {
  ProgressBar bar(469, "Epoch 3/20", {Kind::kLines}, 0);
  EXPECT_EQ(bar.begin(), "");
  for (int step = 1; step <= 469; ++step) EXPECT_EQ(bar.update(step, kLogs, step * 0.01), "");
  EXPECT_EQ(bar.finish(kLogs, 4.69),
            "Epoch 3/20 - 469/469 - 5s - 10ms/step - accuracy: 0.9213 - loss: 0.2689\n");
}

TEST(ProgressBar, TheTimeOfAStepLeavesOutTheFirstAndTheValidation) {
  ProgressBar bar(3, "", {Kind::kLines}, 0);
  bar.update(1, kLogs, 50);
  bar.update(2, kLogs, 50.020);
  bar.update(3, kLogs, 50.040);
  EXPECT_EQ(bar.finish({}, 80), "3/3 - 80s - 20ms/step\n");
}

TEST(ProgressBar, SilentIsSilent) {
  ProgressBar bar(1, "Epoch 1/2", {}, 0);
  EXPECT_EQ(bar.begin(), "");
  EXPECT_EQ(bar.update(1, kLogs, 1), "");
  EXPECT_EQ(bar.finish(kLogs, 2), "");
  EXPECT_EQ(bar.interrupt(), "");
}

TEST(ProgressBar, AnInterruptionEndsTheLineThatWasBegun) {
  ProgressBar bar(10, "", plain_bar(120), 0);
  EXPECT_EQ(bar.interrupt(), "");
  bar.update(1, kLogs, 1);
  EXPECT_EQ(bar.interrupt(), "\n");
  EXPECT_EQ(bar.interrupt(), "");
}

TEST(ProgressBar, ShowsWhatIsNoNumber) {
  ProgressBar bar(1, "", {Kind::kLines}, 0);
  bar.update(1, {}, 1);
  EXPECT_EQ(bar.finish({{"loss", std::numeric_limits<double>::quiet_NaN()}}, 1),
            "1/1 - 1s - 1s/step - loss: nan\n");
}

}  // namespace
}  // namespace pronghorn::train
