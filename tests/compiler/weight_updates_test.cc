#include "compiler/weight_updates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/training_step.h"
#include "graph/printer.h"
#include "pronghorn/layers.h"
#include "pronghorn/model.h"

namespace pronghorn::compiler {
namespace {

using testing::ElementsAre;

// The names of the ops after the gradients, of a model of one weight.
std::vector<std::string> updates_of(const Optimizer& optimizer, bool only_accumulate = false,
                                    const layers::Constraint& constraint = {}) {
  const Sequential model({4},
                         {layers::Dense(2, {.use_bias = false, .kernel_constraint = constraint})});
  OptimizerState state(model.implementation(), optimizer);
  const LossConfig mse{graph::LossFunction::kMeanSquaredError, false};
  const StepGraph step = training_step(model.implementation(), mse, state, 8, only_accumulate);
  std::vector<std::string> names;
  for (const graph::Op& op : step.graph.ops)
    if (op.phase == graph::Phase::kUpdate) names.emplace_back(op.kind->name());
  return names;
}

TEST(WeightUpdates, AreOneOpWhereNothingElseIsAskedFor) {
  EXPECT_THAT(updates_of(optimizer("adam")), ElementsAre("optimizer_update"));
}

TEST(WeightUpdates, StandInKerassOrder) {
  Optimizer all = optimizer("sgd");
  all.gradient_accumulation_steps = 3;
  all.global_clipnorm = 1;
  all.use_ema = true;
  EXPECT_THAT(updates_of(all, false, {.name = "non_neg"}),
              ElementsAre("accumulate_gradient", "sum_of_powers", "clip_factor", "optimizer_update",
                          "moving_average", "constrain"));
  // Keras moves averages and applies constraints in every step.
  EXPECT_THAT(updates_of(all, true, {.name = "non_neg"}),
              ElementsAre("accumulate_gradient", "moving_average", "constrain"));
}

TEST(WeightUpdates, OfAdafactorAreItsOwn) {
  EXPECT_THAT(updates_of(optimizer("adafactor")), ElementsAre("adafactor_update"));
}

TEST(WeightUpdates, ClipElementsBeforeTheUpdate) {
  Optimizer clipped = optimizer("sgd");
  clipped.clipvalue = 0.5;
  EXPECT_THAT(updates_of(clipped), ElementsAre("elementwise", "optimizer_update"));
}

}  // namespace
}  // namespace pronghorn::compiler
