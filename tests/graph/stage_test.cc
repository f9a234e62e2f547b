#include "graph/stage.h"

#include <gtest/gtest.h>

#include <vector>

namespace pronghorn::graph {
namespace {

TEST(Stage, PrintsItsOperandOrItsAlpha) {
  const std::vector<Stage> stages = {
      {StageFunction::kBiasAdd, 2}, {StageFunction::kRelu}, {StageFunction::kDropout, -1, 0.25, 7}};
  EXPECT_EQ(to_string(stages), "bias_add(#2) relu dropout(0.25)");
  EXPECT_EQ(to_string(std::vector{Stage{StageFunction::kClip, -1, 0, 0, 6}}), "clip(0, 6)");
  EXPECT_EQ(to_string({}), "");
}

TEST(Stage, TraitsStandInTheOrderOfTheFunctions) {
  EXPECT_EQ(stage_traits(StageFunction::kBiasAdd).name, "bias_add");
  EXPECT_EQ(stage_traits(StageFunction::kSoftplus).name, "softplus");
  EXPECT_EQ(stage_traits(StageFunction::kReluBackward).name, "relu_backward");
  EXPECT_EQ(stage_traits(StageFunction::kSoftplusBackward).name, "softplus_backward");
  EXPECT_EQ(stage_traits(StageFunction::kDropout).name, "dropout");
}

// Each function's backward stage carries its name, and needs an operand if f' isn't constant.
TEST(Stage, BackwardStagesBelongToTheirFunctions) {
  using Operand = StageTraits::BackwardOperand;
  for (int i = 0; i <= static_cast<int>(StageFunction::kDropout); ++i) {
    const auto function = static_cast<StageFunction>(i);
    const StageTraits& traits = stage_traits(function);
    if (!traits.backward || *traits.backward == function) continue;
    const StageTraits& backward = stage_traits(*traits.backward);
    EXPECT_EQ(backward.name, std::string(traits.name) + "_backward");
    EXPECT_TRUE(backward.has_operand) << traits.name;
    EXPECT_FALSE(backward.backward) << traits.name;
    EXPECT_TRUE(traits.backward_operand == Operand::kInput ||
                traits.backward_operand == Operand::kOutput)
        << traits.name;
  }
}

}  // namespace
}  // namespace pronghorn::graph
