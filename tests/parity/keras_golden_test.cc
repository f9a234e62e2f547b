// Optimizers and losses against the numbers that Keras computes (README.md).

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "graph/builder.h"
#include "graph/ops/clip_factor.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/loss.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/sum_of_powers.h"
#include "graph/ops/sum_rows.h"
#include "kernels/candidates.h"
#include "kernels/selection.h"
#include "kernels/single_op.h"

namespace pronghorn::test {
namespace {

using graph::ValueId;
using nlohmann::json;

const json& golden() {
  static const json document =
      json::parse(std::ifstream(PRONGHORN_SOURCE_DIR "/tests/parity/golden_keras3.json"));
  return document;
}

// Relative to each weight, and to how far it has come where that is more.
constexpr double kTolerance = 1e-6;
// Of Adam's steps: Keras takes 1 - beta_2^t in float32, where 0.999 is off by 1.3e-5 of 1 - 0.999;
// we take it in double precision.
constexpr double kAdamStepTolerance = 2e-5;

Tensor rounded(const json& numbers) {
  Tensor tensor = numbers.get<Tensor>();
  for (double& element : tensor) element = static_cast<float>(element);
  return tensor;
}

// Our names of Keras's cases.
const std::map<std::string, std::string>& optimizers() {
  static const std::map<std::string, std::string> table = {
      {"sgd", "sgd"},
      {"sgd_mom", "sgd"},
      {"sgd_nesterov", "sgd"},
      {"sgd_wd", "sgd"},
      {"rmsprop", "rmsprop"},
      {"rmsprop_mom", "rmsprop"},
      {"rmsprop_centered", "rmsprop"},
      {"adam", "adam"},
      {"adam_amsgrad", "adam"},
      {"adamw", "adam"},
      {"adadelta", "adadelta"},
      {"adadelta_lr1", "adadelta"},
      {"adagrad", "adagrad"},
      {"adamax", "adamax"},
      {"nadam", "nadam"},
      {"adam_clipnorm", "adam"},
      {"adam_global_clipnorm", "adam"},
      {"sgd_clipvalue", "sgd"},
  };
  return table;
}

// What clips a gradient before the update: the ops of compiler/weight_updates.cc.
Tensor clipped(const Tensor& gradient, const json& config) {
  FilledGraph filled;
  graph::Builder builder(filled.graph);
  const ValueId src = builder.add_value("gradient", {static_cast<int64_t>(gradient.size())},
                                        graph::ValueRole::kInput);
  filled.values = {gradient};
  const auto argument = [&](const char* name) {
    return config.contains(name) && !config[name].is_null() ? config[name].get<double>() : 0;
  };
  const double norm = argument("clipnorm"), global_norm = argument("global_clipnorm");
  if (const double value = argument("clipvalue"); value > 0) {
    const ValueId dst = graph::elementwise(
        builder, src, {.function = graph::StageFunction::kClip, .alpha = -value, .beta = value});
    run_in_double(filled, /*rounded=*/true);
    return filled.values[static_cast<size_t>(dst)];
  }
  if (norm == 0 && global_norm == 0) return gradient;
  const ValueId factor =
      graph::clip_factor(builder, {graph::sum_of_powers(builder, src, 0, 1)},
                         norm > 0 ? norm : global_norm, /*global=*/global_norm > 0);
  run_in_double(filled, /*rounded=*/true);
  Tensor result = gradient;
  for (double& element : result)
    element = static_cast<float>(element * filled.values[static_cast<size_t>(factor)][0]);
  return result;
}

graph::Attributes attributes_from(const std::string& optimizer, const json& config) {
  graph::Attributes attributes{{"optimizer", optimizer}};
  for (const char* name : {"momentum", "rho", "epsilon", "beta_1", "beta_2", "weight_decay"})
    attributes.set(name, config.value(name, 0.0));
  for (const char* name : {"nesterov", "centered", "amsgrad"})
    attributes.set(name, int64_t{config.value(name, false)});
  attributes.set("epsilon_outside", int64_t{0});
  attributes.set("initial_accumulator_value", config.value("initial_accumulator_value", 0.0));
  return attributes;
}

class KerasOptimizer : public testing::TestWithParam<std::string> {};

TEST_P(KerasOptimizer, FiveStepsGiveKerassWeights) {
  const json& golden_case = golden()["cases"][GetParam()];
  const graph::Attributes attributes =
      attributes_from(optimizers().at(GetParam()), golden_case["config"]);
  const double step_tolerance =
      optimizers().at(GetParam()) == "adam" || optimizers().at(GetParam()) == "nadam"
          ? kAdamStepTolerance
          : kTolerance;
  const auto elements = static_cast<int64_t>(golden()["w0"].size());
  for (const kernels::Implementation* implementation :
       kernels::candidates(graph::optimizer_update_kind())) {
    FilledGraph filled;
    graph::Builder builder(filled.graph);
    const auto value = [&](Tensor contents) {
      filled.values.push_back(std::move(contents));
      return builder.add_value("value", {elements}, graph::ValueRole::kState);
    };
    const ValueId weight = value(rounded(golden()["w0"]));
    const ValueId gradient = value({});
    std::vector<ValueId> slots;
    for (const graph::OptimizerSlot& slot : graph::optimizer_slots(attributes))
      slots.push_back(
          value(Tensor(static_cast<size_t>(elements), static_cast<float>(slot.initial_value))));
    graph::optimizer_update(builder, weight, gradient, slots, attributes);
    const graph::Op op = filled.graph.ops[0];
    if (const auto reason = kernels::why_not(*implementation, {filled.graph, op, 1})) {
      ADD_FAILURE() << implementation->name() << " refuses: " << *reason;
      continue;
    }
    const Tensor start = filled.values[static_cast<size_t>(weight)];
    double largest_step = 0;
    for (size_t step = 0; step < golden()["grads"].size(); ++step) {
      filled.values[static_cast<size_t>(gradient)] =
          clipped(rounded(golden()["grads"][step]), golden_case["config"]);
      const std::vector<Tensor> updated = run_op(
          filled, op, *implementation,
          {.step = step, .learning_rate = golden_case["config"]["learning_rate"].get<float>()});
      filled.values[static_cast<size_t>(weight)] = updated[0];
      for (size_t slot = 0; slot < slots.size(); ++slot)
        filled.values[static_cast<size_t>(slots[slot])] = updated[slot + 1];
      const Tensor expected = golden_case["weights_after_each_step"][step].get<Tensor>();
      for (size_t i = 0; i < expected.size(); ++i)
        largest_step = std::max(largest_step, std::abs(expected[i] - start[i]));
      for (size_t i = 0; i < expected.size(); ++i)
        EXPECT_NEAR(updated[0][i], expected[i],
                    std::max(kTolerance * std::abs(expected[i]), step_tolerance * largest_step))
            << implementation->name() << ", step " << step << ", weight " << i;
    }
  }
}

std::vector<std::string> optimizer_cases() {
  std::vector<std::string> names;
  for (const auto& [name, optimizer] : optimizers()) names.push_back(name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(Golden, KerasOptimizer, testing::ValuesIn(optimizer_cases()),
                         [](const auto& test) { return test.param; });

TEST(KerasOptimizers, AreAllTested) {
  for (const auto& [name, contents] : golden()["cases"].items())
    EXPECT_TRUE(optimizers().contains(name)) << name;
}

struct LossCase {
  const char* keras_name;
  graph::LossFormula formula;
  const char* y_true;
  const char* y_pred;
  // The golden values were computed of y_scale y + y_offset.
  double y_scale = 1, y_offset = 0;
};
using LossName = graph::LossFunction;
const LossCase kLosses[] = {
    {"categorical_crossentropy", {.function = LossName::kCategoricalCrossentropy}, "y", "p"},
    {"cce_label_smoothing_0.1",
     {.function = LossName::kCategoricalCrossentropy, .label_smoothing = 0.1},
     "y",
     "p"},
    {"sparse_categorical_crossentropy",
     {.function = LossName::kSparseCategoricalCrossentropy},
     "y_int",
     "p"},
    {"binary_crossentropy", {.function = LossName::kBinaryCrossentropy}, "b_true", "b_pred"},
    {"mse", {.function = LossName::kMeanSquaredError}, "y", "p"},
    {"mae", {.function = LossName::kMeanAbsoluteError}, "y", "p"},
    {"huber", {.function = LossName::kHuber}, "y", "p", 3},
    {"kl", {.function = LossName::kKlDivergence}, "y", "p", 0.8, 0.05},
    // Of labels that are 0 and 1 the trainer makes -1 and 1.
    {"hinge", {.function = LossName::kHinge}, "b_true", "b_pred", 2, -1},
    {"cosine", {.function = LossName::kCosineSimilarity}, "y", "p"},
};

// A matrix or a vector.
std::pair<Shape, Tensor> array_of(const json& numbers) {
  if (!numbers[0].is_array()) return {{static_cast<int64_t>(numbers.size())}, rounded(numbers)};
  Tensor elements;
  for (const json& row : numbers)
    for (double element : rounded(row)) elements.push_back(element);
  return {{static_cast<int64_t>(numbers.size()), static_cast<int64_t>(numbers[0].size())},
          elements};
}

TEST(KerasLosses, HaveKerassValues) {
  const json& losses = golden()["losses"];
  for (const LossCase& c : kLosses) {
    FilledGraph filled;
    graph::Builder builder(filled.graph);
    const auto value = [&](const json& numbers) {
      auto [shape, elements] = array_of(numbers);
      filled.values.push_back(std::move(elements));
      return builder.add_value("value", shape, graph::ValueRole::kInput);
    };
    const ValueId y_pred = value(losses[c.y_pred]), y_true = value(losses[c.y_true]);
    for (double& y : filled.values[static_cast<size_t>(y_true)])
      y = static_cast<float>(y * c.y_scale + c.y_offset);
    const ValueId per_row = graph::loss(builder, y_pred, y_true, c.formula);
    graph::mean(builder, per_row);
    filled.values.resize(filled.graph.values.size());
    const auto& loss_op = filled.graph.ops[0];
    const auto& mean_op = filled.graph.ops[1];
    const kernels::Implementation& mean = *kernels::candidates(graph::mean_kind()).back();
    for (const kernels::Implementation* implementation : kernels::candidates(graph::loss_kind())) {
      if (kernels::why_not(*implementation, {filled.graph, loss_op, 1})) continue;
      filled.values[static_cast<size_t>(per_row)] = run_op(filled, loss_op, *implementation)[0];
      const double expected = losses["value"][c.keras_name].get<double>();
      EXPECT_NEAR(run_op(filled, mean_op, mean)[0][0], expected, kTolerance * std::abs(expected))
          << c.keras_name << " by " << implementation->name();
    }
  }
}

// The golden rows sum to one. Keras 3.15.1 (JAX): sparse_categorical_crossentropy([0], [[.2, .3,
// .1]]) is log(.6 / .2).
TEST(KerasLosses, SparseCrossentropyDividesProbabilitiesByTheirSum) {
  FilledGraph filled;
  graph::Builder builder(filled.graph);
  filled.values = {{.2f, .3f, .1f}, {0}};
  const ValueId y_pred = builder.add_value("p", {1, 3}, graph::ValueRole::kInput);
  const ValueId y_true = builder.add_value("y", {1}, graph::ValueRole::kInput);
  graph::loss(builder, y_pred, y_true, graph::LossFunction::kSparseCategoricalCrossentropy, false);
  filled.values.resize(filled.graph.values.size());
  const graph::Op& op = filled.graph.ops[0];
  for (const kernels::Implementation* implementation : kernels::candidates(graph::loss_kind()))
    EXPECT_NEAR(run_op(filled, op, *implementation)[0][0], 1.0986123085021973, 1e-6)
        << implementation->name();
}

TEST(KerasLosses, AreAllTested) {
  for (const auto& item : golden()["losses"]["value"].items()) {
    const std::string& name = item.key();
    EXPECT_TRUE(std::any_of(std::begin(kLosses), std::end(kLosses), [&name](const LossCase& c) {
      return c.keras_name == name;
    })) << name;
  }
}

}  // namespace
}  // namespace pronghorn::test
