#include "compiler/optimizer_state.h"

#include <gtest/gtest.h>

#include "graph/ops/optimizer_update.h"

namespace pronghorn::compiler {
namespace {

Optimizer named(const std::string& name) {
  Optimizer optimizer;
  optimizer.name = name;
  return optimizer;
}

std::string slots_text(const Optimizer& optimizer) {
  std::string text;
  for (const graph::OptimizerSlot& slot : graph::optimizer_slots(update_attributes(optimizer)))
    text += std::string(text.empty() ? "" : " ") + std::string(slot.name);
  return text;
}

TEST(OptimizerState, SlotsAreKerasVariablesInKerasOrder) {
  EXPECT_EQ(slots_text(named("sgd")), "");
  Optimizer sgd = named("sgd");
  sgd.momentum = 0.9;
  EXPECT_EQ(slots_text(sgd), "momentum");

  EXPECT_EQ(slots_text(named("rmsprop")), "velocity");
  Optimizer rmsprop = named("rmsprop");
  rmsprop.momentum = 0.5;
  rmsprop.centered = true;
  EXPECT_EQ(slots_text(rmsprop), "velocity momentum average_gradient");

  EXPECT_EQ(slots_text(named("adam")), "momentum velocity");
  Optimizer amsgrad = named("adam");
  amsgrad.amsgrad = true;
  EXPECT_EQ(slots_text(amsgrad), "momentum velocity velocity_hat");
  EXPECT_EQ(slots_text(named("adamw")), "momentum velocity");

  EXPECT_EQ(slots_text(named("adadelta")), "accumulated_grad accumulated_delta_var");
  EXPECT_EQ(slots_text(named("adagrad")), "accumulator");
  EXPECT_EQ(slots_text(named("adamax")), "momentum norm");
  EXPECT_EQ(slots_text(named("nadam")), "momentum velocity");
  EXPECT_EQ(slots_text(named("ftrl")), "accumulator linear");
  EXPECT_EQ(slots_text(named("lion")), "momentum");
  EXPECT_EQ(slots_text(named("adafactor")), "r c velocity");
}

TEST(OptimizerState, AdagradsAccumulatorStartsAtItsInitialValue) {
  Optimizer adagrad = named("adagrad");
  adagrad.initial_accumulator_value = 0.25;
  const auto slots = graph::optimizer_slots(update_attributes(adagrad));
  ASSERT_EQ(slots.size(), 1u);
  EXPECT_EQ(slots[0].initial_value, 0.25);
}

TEST(OptimizerState, AdafactorKeepsARowAndAColumnOfAMatrix) {
  const auto slots =
      graph::optimizer_slots(update_attributes(named("adafactor")), Shape{3, 3, 5, 7});
  ASSERT_EQ(slots.size(), 3u);
  EXPECT_EQ(slots[0].shape, (Shape{3, 3, 5}));
  EXPECT_EQ(slots[1].shape, (Shape{3, 3, 7}));
  EXPECT_EQ(slots[2].shape, (Shape{3, 3, 5, 7}));
}

// The update's formula knows these and no others; the learning rate is given anew at each step.
TEST(OptimizerState, UpdateAttributesAreThoseOfTheFormula) {
  EXPECT_EQ(update_attributes(named("sgd")).to_string(),
            "optimizer=sgd, momentum=0, nesterov=0, weight_decay=0");
  EXPECT_EQ(update_attributes(named("rmsprop")).to_string(),
            "optimizer=rmsprop, rho=0.9, momentum=0, epsilon=1e-07, centered=0, "
            "epsilon_outside=0, weight_decay=0");
  EXPECT_EQ(update_attributes(named("adam")).to_string(),
            "optimizer=adam, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=0, weight_decay=0");
  EXPECT_EQ(update_attributes(named("adadelta")).to_string(),
            "optimizer=adadelta, rho=0.9, epsilon=1e-07, weight_decay=0");
  EXPECT_EQ(update_attributes(named("adagrad")).to_string(),
            "optimizer=adagrad, epsilon=1e-07, initial_accumulator_value=0.1, weight_decay=0");
}

TEST(OptimizerState, AdamwIsAdamWithWeightDecay) {
  Optimizer adamw = named("adamw");
  adamw.weight_decay = 0.004;
  Optimizer adam = named("adam");
  adam.weight_decay = 0.004;
  EXPECT_EQ(update_attributes(adamw), update_attributes(adam));
  EXPECT_EQ(update_attributes(adamw).real("weight_decay"), 0.004);
}

TEST(OptimizerState, Keras2017sRmspropHasItsEpsilonOutsideOfTheRoot) {
  const Optimizer rmsprop = optimizer("rmsprop", Preset::kKeras2017);
  EXPECT_EQ(update_attributes(rmsprop).integer("epsilon_outside"), 1);
  EXPECT_EQ(update_attributes(rmsprop).real("epsilon"), 1e-8);
}

}  // namespace
}  // namespace pronghorn::compiler
