#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cost/sample_machine.h"
#include "pronghorn/error.h"
#include "pronghorn/explain.h"
#include "pronghorn/layers.h"

namespace pronghorn {
namespace {

using ::testing::HasSubstr;

Explanation explain_zoo(const std::string& name, ExplainOptions options = {}) {
  options.config.threads = 2;
  return explain(load_model(name), name, test::sample_machine(), options);
}

const LayerCost& layer(const Explanation& explanation, const std::string& name) {
  const auto found = std::find_if(explanation.layers.begin(), explanation.layers.end(),
                                  [&](const LayerCost& each) { return each.name == name; });
  EXPECT_NE(found, explanation.layers.end()) << name;
  return *found;
}

struct Counts {
  const char* model;
  int64_t parameters, forward, training;
};

class ZooCounts : public ::testing::TestWithParam<Counts> {};

// docs/why-is-my-cnn-slow.md derives them by hand.
TEST_P(ZooCounts, AreThose) {
  const Explanation explanation = explain_zoo(GetParam().model);
  EXPECT_EQ(explanation.parameters, GetParam().parameters);
  EXPECT_EQ(explanation.forward_multiply_accumulates, GetParam().forward);
  EXPECT_EQ(explanation.training_multiply_accumulates, GetParam().training);
}

INSTANTIATE_TEST_SUITE_P(Models, ZooCounts,
                         ::testing::Values(Counts{"mnist-mlp", 669706, 668672, 1604608},
                                           Counts{"mnist-cnn", 110986, 10903680, 32516352},
                                           Counts{"mnist-cnn-4", 5958, 113040, 314784},
                                           Counts{"mnist-cnn-128", 1199882, 11992448, 35782656}));

TEST(Explanation, SaysHowOftenAWeightIsUsed) {
  const Explanation cnn = explain_zoo("mnist-cnn");
  EXPECT_DOUBLE_EQ(layer(cnn, "conv2d").uses_per_weight, 26 * 26);
  EXPECT_DOUBLE_EQ(layer(cnn, "conv2d_1").uses_per_weight, 24 * 24);
  EXPECT_DOUBLE_EQ(layer(cnn, "dense").uses_per_weight, 1);
  EXPECT_DOUBLE_EQ(layer(cnn, "max_pooling2d").uses_per_weight, 0);
}

TEST(Explanation, CountsTheFirstLayersGradientOnce) {
  const Explanation cnn = explain_zoo("mnist-cnn");
  const LayerCost& first = layer(cnn, "conv2d");
  EXPECT_EQ(first.by_phase[1].multiply_accumulates, 0);
  EXPECT_EQ(first.by_phase[2].multiply_accumulates, first.by_phase[0].multiply_accumulates);
  const LayerCost& second = layer(cnn, "conv2d_1");
  EXPECT_EQ(second.by_phase[1].multiply_accumulates, second.by_phase[0].multiply_accumulates);
}

// One layer holds over nine tenths of the CNN's work.
TEST(Explanation, NamesTheLayerOfMostWork) {
  const Explanation cnn = explain_zoo("mnist-cnn");
  const auto share = static_cast<double>(layer(cnn, "conv2d_1").total.multiply_accumulates) /
                     static_cast<double>(cnn.total.multiply_accumulates);
  EXPECT_GT(share, 0.9);
  EXPECT_THAT(cnn.answer, HasSubstr("conv2d_1"));
  EXPECT_THAT(cnn.answer, HasSubstr("98%"));
  EXPECT_THAT(cnn.answer, HasSubstr("576 times per image"));
}

TEST(Explanation, LayersAddUpToTheStep) {
  const Explanation cnn = explain_zoo("mnist-cnn");
  Work sum;
  double seconds = 0;
  size_t ops = 0;
  for (const LayerCost& each : cnn.layers) {
    sum += each.total;
    seconds += each.predicted.seconds;
    ops += each.ops.size();
  }
  EXPECT_EQ(sum.multiply_accumulates, cnn.total.multiply_accumulates);
  EXPECT_EQ(sum.bytes(), cnn.total.bytes());
  EXPECT_NEAR(seconds, cnn.predicted.seconds, 1e-12);
  EXPECT_EQ(ops, cnn.ops.size());
}

TEST(Explanation, ShowsUsefulAndExecutedWork) {
  const Explanation cnn = explain_zoo("mnist-cnn");
  bool seen = false;
  for (const OpCost& op : cnn.ops) {
    const bool less = op.kernel.find("winograd") != std::string::npos ||
                      op.kernel.find("sparse") != std::string::npos;
    if (!less) {
      EXPECT_EQ(op.work.executed_multiply_accumulates, op.work.multiply_accumulates) << op.kernel;
    }
    if (op.phase != 0 || op.kernel.find(".winograd") == std::string::npos) continue;
    // 24x24 outputs are 36 tiles of 4x4, each of 36 products instead of 144.
    EXPECT_EQ(4 * op.work.executed_multiply_accumulates, op.work.multiply_accumulates);
    EXPECT_GT(op.work.executed_other_flops, op.work.other_flops);
    seen = true;
  }
  if (!seen) GTEST_SKIP() << "oneDNN has no Winograd kernel on this machine";
}

TEST(Explanation, SaysWhyAKernelStoodAside) {
  const Explanation cnn = explain_zoo("mnist-cnn");
  const auto conv = std::find_if(cnn.ops.begin(), cnn.ops.end(),
                                 [](const OpCost& op) { return op.kind == "conv2d"; });
  ASSERT_NE(conv, cnn.ops.end());
  ASSERT_FALSE(conv->refused.empty());
  EXPECT_EQ(conv->refused[0].kernel, "simd.conv2d.few_channels");
  EXPECT_THAT(conv->refused[0].reason, HasSubstr("channels"));
}

TEST(Explanation, ArenaHoldsNoTwoValuesAtOncePlace) {
  const Explanation cnn = explain_zoo("mnist-cnn");
  ASSERT_FALSE(cnn.arena.empty());
  for (size_t i = 0; i < cnn.arena.size(); ++i) {
    const ArenaBlock& a = cnn.arena[i];
    EXPECT_LE(a.offset + a.bytes, cnn.arena_bytes);
    EXPECT_LT(a.last_op, cnn.ops.size());
    for (size_t j = 0; j < i; ++j) {
      const ArenaBlock& b = cnn.arena[j];
      const bool same_time = a.first_op <= b.last_op && b.first_op <= a.last_op;
      const bool same_place = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      EXPECT_FALSE(same_time && same_place) << a.name << " and " << b.name;
    }
  }
}

TEST(Explanation, MeasuresEachOpAndLeavesTheModelAlone) {
  Model model = load_model("mnist-cnn-4");
  model.initialize(3);
  const std::vector<NamedArray> before = model.get_weights();
  ExplainOptions options;
  options.measure = true;
  options.batch_size = 16;
  options.trace_steps = 2;
  const Explanation explanation = explain(model, "mnist-cnn-4", test::sample_machine(), options);
  ASSERT_TRUE(explanation.profile);
  EXPECT_EQ(explanation.profile->ops.size(), explanation.ops.size());
  for (size_t i = 0; i < explanation.ops.size(); ++i) {
    ASSERT_TRUE(explanation.ops[i].measured);
    EXPECT_EQ(explanation.ops[i].kernel, explanation.profile->ops[i].kernel);
  }
  EXPECT_GT(explanation.profile->coverage, 0.9);
  EXPECT_FALSE(explanation.profile->trace.empty());
  const std::vector<NamedArray> after = model.get_weights();
  for (size_t i = 0; i < before.size(); ++i)
    EXPECT_EQ(before[i].array.values, after[i].array.values);
}

TEST(Explanation, LadderFallsFromRungToRung) {
  ExplainOptions options;
  options.ladder = true;
  Machine machine = test::sample_machine();
  machine.samples.push_back({"reference.matmul nn", {5, 5, 5}, MemoryLevel::kL1, 1e9, 1});
  options.config.threads = 2;
  const Explanation mlp = explain(load_model("mnist-mlp"), "mnist-mlp", machine, options);
  ASSERT_EQ(mlp.ladder.size(), 4u);  // no rung of less arithmetic
  EXPECT_EQ(mlp.ladder.front().name, "textbook loops");
  EXPECT_EQ(mlp.ladder.back().name, "threads");
  EXPECT_NEAR(mlp.ladder.back().seconds, mlp.predicted.seconds, 1e-12);
  for (size_t i = 2; i < mlp.ladder.size(); ++i)
    EXPECT_LT(mlp.ladder[i].seconds, mlp.ladder[i - 1].seconds) << mlp.ladder[i].name;
}

TEST(Explanation, OfAModelThatCantBeTrainedStillCounts) {
  const KerasTensor input = Input({8, 8, 3});
  const KerasTensor hidden = layers::Flatten()(layers::Conv2D(4, {3, 3})(input));
  const Model model({input}, {layers::Reshape({})(layers::Dense(1)(hidden))});
  const Explanation explanation = explain(model, "a number", test::sample_machine());
  ASSERT_TRUE(explanation.untrainable);
  EXPECT_THAT(*explanation.untrainable, HasSubstr("at least one axis"));
  EXPECT_THAT(explanation.answer, HasSubstr("can't be trained"));
  EXPECT_EQ(explanation.forward_multiply_accumulates, 36 * 27 * 4 + 144);
  EXPECT_EQ(explanation.predicted.seconds, 0);
}

TEST(Explanation, RefusesOptionsThatAreOutOfRange) {
  const Model model = load_model("mnist-mlp");
  const Machine machine = test::sample_machine();
  EXPECT_THROW(explain(model, "m", machine, {.batch_size = 0}), ArgumentError);
  EXPECT_THROW(explain(model, "m", machine, {.samples = 0}), ArgumentError);
  ExplainOptions options;
  options.config.threads = 1000;
  EXPECT_THROW(explain(model, "m", machine, options), ArgumentError);
  options.config.threads = 1;
  options.config.loss = "no loss";
  EXPECT_THROW(explain(model, "m", machine, options), ArgumentError);
}

}  // namespace
}  // namespace pronghorn
