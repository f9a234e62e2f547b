#include "graph/stage.h"

#include <gtest/gtest.h>

#include <vector>

namespace pronghorn::graph {
namespace {

TEST(Stage, PrintsItsOperandOrItsAlpha) {
  const std::vector<Stage> stages = {
      {StageFunction::kBiasAdd, 2}, {StageFunction::kRelu}, {StageFunction::kDropout, -1, 0.25, 7}};
  EXPECT_EQ(to_string(stages), "bias_add(#2) relu dropout(0.25)");
  EXPECT_EQ(to_string({}), "");
}

TEST(Stage, ActivationsHaveKerassNamesAndDefaults) {
  EXPECT_EQ(activation_stage("relu"), Stage{StageFunction::kRelu});
  EXPECT_EQ(activation_stage("leaky_relu"), (Stage{StageFunction::kLeakyRelu, -1, 0.2}));
  EXPECT_EQ(activation_stage("elu"), (Stage{StageFunction::kElu, -1, 1.0}));
  EXPECT_EQ(activation_stage("swish"), activation_stage("silu"));
  EXPECT_EQ(activation_stage("gelu"), Stage{StageFunction::kGelu});
  EXPECT_EQ(activation_stage("softmax"), std::nullopt);
  EXPECT_EQ(activation_stage("Relu"), std::nullopt);
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
