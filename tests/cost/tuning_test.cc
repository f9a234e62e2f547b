#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cost/sample_machine.h"
#include "pronghorn/error.h"
#include "pronghorn/explain.h"
#include "pronghorn/model.h"
#include "pronghorn/saving.h"
#include "pronghorn/tune.h"
#include "test_files.h"

namespace pronghorn::test {
namespace {

TuneOptions quick() {
  TuneOptions options;
  options.batch_size = 64;
  options.rounds = 1;
  options.config.threads = 1;
  return options;
}

TEST(Tuning, MeasuresEveryCandidateThatAccepts) {
  const Tuning tuning = tune(load_model("mnist-mlp"), "mnist-mlp", quick());
  EXPECT_EQ(tuning.batch_size, 64);
  EXPECT_EQ(tuning.threads, 1);
  EXPECT_GT(tuning.selected_seconds, 0);
  EXPECT_GT(tuning.chosen_seconds, 0);
  ASSERT_FALSE(tuning.ops.empty());
  std::set<std::string> keys;
  for (const TunedOp& op : tuning.ops) {
    EXPECT_TRUE(keys.insert(op.key).second) << op.key;
    ASSERT_GE(op.candidates.size(), 2u) << op.key;
    std::set<std::string> kernels;
    for (const CandidateTime& candidate : op.candidates) {
      EXPECT_GT(candidate.seconds, 0) << candidate.kernel;
      EXPECT_GE(candidate.total(), op.candidates[0].total());
      EXPECT_TRUE(kernels.insert(candidate.kernel).second);
    }
    EXPECT_TRUE(kernels.contains(op.selected));
    EXPECT_TRUE(kernels.contains(op.chosen));
    EXPECT_THAT(op.refused, ::testing::Contains(::testing::Field(&RefusedKernel::reason,
                                                                 "textbook loops, not measured")));
  }
  EXPECT_TRUE(std::any_of(tuning.ops.begin(), tuning.ops.end(),
                          [](const TunedOp& op) { return op.kind == "matmul"; }));
}

TEST(Tuning, WhatItChoosesRunsWhereTheFileIsGiven) {
  const Model model = load_model("mnist-mlp");
  Tuning tuning = tune(model, "mnist-mlp", quick());
  // Whatever was the fastest: another than the one that selection chooses.
  std::multiset<std::string> wanted;
  for (TunedOp& op : tuning.ops) {
    op.chosen =
        op.candidates[0].kernel == op.selected ? op.candidates[1].kernel : op.candidates[0].kernel;
    if (op.phase == "backward to data") wanted.insert(op.chosen);
  }
  ASSERT_FALSE(wanted.empty());
  const pronghorn::testing::TemporaryDirectory directory;
  const std::string file = directory / "choices.json";
  save_choices(tuning, file);
  EXPECT_EQ(choices_note(file), "");

  ExplainOptions options;
  options.batch_size = 64;
  options.config.threads = 1;
  options.config.choices = file;
  const Explanation chosen = explain(model, "mnist-mlp", sample_machine(), options);
  EXPECT_EQ(chosen.kernels, "auto, choices");
  std::multiset<std::string> ran;
  for (const OpCost& op : chosen.ops)
    if (op.kind == "matmul" && op.phase == 1) ran.insert(op.kernel);
  for (const std::string& kernel : wanted) EXPECT_TRUE(ran.contains(kernel)) << kernel;
}

TEST(Tuning, SaysWhereChoicesCameFrom) {
  Tuning tuning;
  tuning.cpu = "some other CPU";
  const pronghorn::testing::TemporaryDirectory directory;
  const std::string file = directory / "choices.json";
  save_choices(tuning, file);
  EXPECT_THAT(choices_note(file), ::testing::AllOf(::testing::HasSubstr("some other CPU"),
                                                   ::testing::HasSubstr("choices.json")));
  EXPECT_EQ(choices_note(""), "");
  EXPECT_THROW(choices_note("/nowhere/choices.json"), FileError);
}

TEST(Tuning, RefusesWhatCannotBe) {
  const Model model = load_model("mnist-mlp");
  TuneOptions options = quick();
  options.rounds = 0;
  EXPECT_THROW(tune(model, "m", options), ArgumentError);
  options = quick();
  options.batch_size = 0;
  EXPECT_THROW(tune(model, "m", options), ArgumentError);
  Dataset data;
  data.x.shape = {2, 3};
  data.x.values.assign(6, 0.0f);
  options = quick();
  options.data = &data;
  EXPECT_THROW(tune(model, "m", options), ShapeError);
}

}  // namespace
}  // namespace pronghorn::test
