#include "compiler/training_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/ops/optimizer_update.h"
#include "graph/printer.h"
#include "pronghorn/error.h"
#include "pronghorn/layers.h"
#include "pronghorn/model.h"

// Steps of models that are made of Keras's layers.

namespace pronghorn::compiler {
namespace {

using graph::LossFunction;
using graph::ValueRole;

Sequential small_mlp() {
  return Sequential({4}, {layers::Dense(3, {.activation = "relu"}), layers::Dropout(0.5),
                          layers::Dense(2, {.activation = "softmax"})});
}

std::vector<std::string> names_with_role(const StepGraph& step, ValueRole role) {
  std::vector<std::string> names;
  for (const graph::Value& value : step.graph.values)
    if (value.role == role) names.push_back(value.name);
  return names;
}

std::vector<std::string> updated(const StepGraph& step) {
  std::vector<std::string> names;
  for (const graph::Op& op : step.graph.ops)
    if (op.kind == &graph::optimizer_update_kind()) names.push_back(step.graph.input(op, 0).name);
  return names;
}

TEST(TrainingStep, OfAnMlp) {
  const Sequential model = small_mlp();
  OptimizerState state(model.implementation(), optimizer("sgd"));
  const StepGraph step = training_step(model.implementation(), {}, state, 8);
  EXPECT_EQ(graph::to_text(step.graph), R"(forward:
  %3 (8, 3) = matmul(input_layer, dense/kernel) transpose_a=0, transpose_b=0
  %4 (8, 3) = elementwise(%3) | bias_add(dense/bias)
  %5 (8, 3) = elementwise(%4) | relu
  %6 (8, 3) = elementwise(%5) | dropout(0.5)
  %9 (8, 2) = matmul(%6, dense_1/kernel) transpose_a=0, transpose_b=0
  %10 (8, 2) = elementwise(%9) | bias_add(dense_1/bias)
  %13 (8,), %11 (8, 2) = softmax_cross_entropy(%10, y_true) function=categorical_crossentropy, from_logits=1, weight=1
  loss () = mean(%13)
backward:
  %15 (8, 2) = softmax_cross_entropy_backward(%11, y_true) function=categorical_crossentropy, from_logits=1, weight=1, scale=0.125
  %16 (2,) = sum_rows(%15)
  %17 (3, 2) = matmul(%6, %15) transpose_a=1, transpose_b=0
  %18 (8, 3) = matmul(%15, dense_1/kernel) transpose_a=0, transpose_b=1
  %19 (8, 3) = elementwise(%18) | dropout(0.5)
  %20 (8, 3) = elementwise(%19) | relu_backward(%5)
  %21 (3,) = sum_rows(%20)
  %22 (4, 3) = matmul(input_layer, %20) transpose_a=1, transpose_b=0
update:
  %23 (4, 3) = optimizer_update(dense/kernel, %22) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %24 (3,) = optimizer_update(dense/bias, %21) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %25 (3, 2) = optimizer_update(dense_1/kernel, %17) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %26 (2,) = optimizer_update(dense_1/bias, %16) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
)");
}

TEST(TrainingStep, BindsWeightsAndSlotsToTheMemoryOfModelAndState) {
  const Sequential model = small_mlp();
  OptimizerState state(model.implementation(), optimizer("adam"));
  const StepGraph step = training_step(model.implementation(), {}, state, 8);
  const auto weights = model.implementation().weights();
  ASSERT_EQ(weights.size(), 4u);
  ASSERT_EQ(step.external.size(), weights.size() * 3);
  for (size_t i = 0; i < weights.size(); ++i) {
    EXPECT_EQ(step.external[i].data, weights[i].weight->values());
    EXPECT_EQ(step.graph.value(step.external[i].value).name, weights[i].name);
    for (size_t slot = 0; slot < 2; ++slot) {
      const ExternalValue& bound = step.external[weights.size() + 2 * i + slot];
      EXPECT_EQ(bound.data, state.slots(i)[slot].buffer.floats());
      EXPECT_EQ(step.graph.value(bound.value).name,
                weights[i].name + "/" + state.slots(i)[slot].name);
    }
  }
}

TEST(TrainingStep, FrozenLayerIsNeitherUpdatedNorGivenSlots) {
  const Sequential model = small_mlp();
  for (model::Layer* layer : model.implementation().layers())
    if (layer->name() == "dense") layer->set_trainable(false);
  OptimizerState state(model.implementation(), optimizer("rmsprop"));
  const StepGraph step = training_step(model.implementation(), {}, state, 8);
  EXPECT_THAT(updated(step), ::testing::ElementsAre("dense_1/kernel", "dense_1/bias"));
  EXPECT_EQ(state.slots(0).size(), 1u);
  EXPECT_EQ(state.slots(0)[0].buffer.bytes(), 3 * 2 * sizeof(float));  // dense_1/kernel's
  const std::string text = graph::to_text(step.graph);
  EXPECT_EQ(text.find("relu_backward"), std::string::npos) << text;
}

TEST(TrainingStep, OfLogitsShowsTheLogits) {
  const Sequential model({4}, {layers::Dense(2)});
  OptimizerState state(model.implementation(), optimizer("sgd"));
  const LossConfig loss{LossFunction::kSparseCategoricalCrossentropy, /*from_logits=*/true};
  const StepGraph step = training_step(model.implementation(), loss, state, 8);
  EXPECT_EQ(step.graph.value(step.labels[0]).shape, (Shape{8}));
  EXPECT_EQ(step.graph.value(step.outputs[0]).shape, (Shape{8, 2}));
  EXPECT_EQ(step.graph.value(step.loss).shape, Shape{});
  const std::string text = graph::to_text(step.graph);
  EXPECT_NE(text.find("probabilities (8, 2) = softmax_cross_entropy("), std::string::npos) << text;
}

TEST(EvaluationStep, NeitherDropsNorLearns) {
  const Sequential model = small_mlp();
  const StepGraph step = evaluation_step(model.implementation(), {}, 8);
  EXPECT_EQ(graph::to_text(step.graph), R"(forward:
  %3 (8, 3) = matmul(input_layer, dense/kernel) transpose_a=0, transpose_b=0
  %4 (8, 3) = elementwise(%3) | bias_add(dense/bias)
  %5 (8, 3) = elementwise(%4) | relu
  %8 (8, 2) = matmul(%5, dense_1/kernel) transpose_a=0, transpose_b=0
  %9 (8, 2) = elementwise(%8) | bias_add(dense_1/bias)
  %12 (8,), %10 (8, 2) = softmax_cross_entropy(%9, y_true) function=categorical_crossentropy, from_logits=1, weight=1
  loss () = mean(%12)
)");
  EXPECT_THAT(names_with_role(step, ValueRole::kState), ::testing::IsEmpty());
}

TEST(InferenceStep, NeedsNoLabels) {
  const Sequential model = small_mlp();
  const StepGraph step = inference_step(model.implementation(), 8);
  EXPECT_EQ(graph::to_text(step.graph), R"(forward:
  %3 (8, 3) = matmul(input_layer, dense/kernel) transpose_a=0, transpose_b=0
  %4 (8, 3) = elementwise(%3) | bias_add(dense/bias)
  %5 (8, 3) = elementwise(%4) | relu
  %8 (8, 2) = matmul(%5, dense_1/kernel) transpose_a=0, transpose_b=0
  %9 (8, 2) = elementwise(%8) | bias_add(dense_1/bias)
  %10 (8, 2) = softmax(%9)
)");
  EXPECT_THAT(step.labels, ::testing::IsEmpty());
  EXPECT_THAT(names_with_role(step, ValueRole::kInput), ::testing::SizeIs(1));
}

TEST(EvaluationStep, NeedsALossOfEachOutput) {
  const KerasTensor input = Input({4});
  const KerasTensor a = layers::Dense(2)(input), b = layers::Dense(3)(input);
  const Model model({input}, {a, b});
  EXPECT_THROW(evaluation_step(model.implementation(), {}, 8), ArgumentError);
  EXPECT_EQ(inference_step(model.implementation(), 8).outputs.size(), 2u);
}

TEST(OptimizerState, SlotsStartAsKerasStartsThem) {
  const Sequential model = small_mlp();
  OptimizerState adam(model.implementation(), optimizer("adam"));
  for (const OptimizerState::Slot& slot : adam.slots(0))
    for (size_t i = 0; i < 12; ++i) EXPECT_EQ(slot.buffer.floats()[i], 0.0f) << slot.name;
  OptimizerState adagrad(model.implementation(), optimizer("adagrad"));
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(adagrad.slots(0)[0].buffer.floats()[i], 0.1f);
}

}  // namespace
}  // namespace pronghorn::compiler
