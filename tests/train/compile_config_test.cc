#include "pronghorn/compile_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "model/compile_config.h"
#include "model/loss_config.h"
#include "pronghorn/error.h"
#include "train/loss_name.h"

namespace pronghorn {
namespace {

using nlohmann::ordered_json;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(OptimizerByName, TakesKerasSpellings) {
  for (const char* name : {"rmsprop", "RMSprop", "rms_prop", "rm_sprop"})
    EXPECT_EQ(optimizer(name).name, "rmsprop") << name;
  EXPECT_EQ(optimizer("AdamW").name, "adamw");
  EXPECT_EQ(optimizer("SGD").name, "sgd");
}

TEST(OptimizerByName, HasKeras3Defaults) {
  EXPECT_EQ(optimizer("sgd").learning_rate, 0.01);
  EXPECT_EQ(optimizer("rmsprop").learning_rate, 0.001);
  EXPECT_EQ(optimizer("rmsprop").rho, 0.9);
  EXPECT_EQ(optimizer("rmsprop").epsilon, 1e-7);
  EXPECT_FALSE(optimizer("rmsprop").epsilon_outside_root);
  EXPECT_EQ(optimizer("adam").weight_decay, 0);
  EXPECT_EQ(optimizer("adamw").weight_decay, 0.004);
  EXPECT_EQ(optimizer("adadelta").learning_rate, 0.001);
  EXPECT_EQ(optimizer("adadelta").rho, 0.95);
  EXPECT_EQ(optimizer("adagrad").initial_accumulator_value, 0.1);
  EXPECT_EQ(optimizer("lion").beta_2, 0.99);
}

TEST(OptimizerByName, HasTheDefaultsOf2017) {
  const auto of_2017 = [](const char* name) { return optimizer(name, Preset::kKeras2017); };
  EXPECT_EQ(of_2017("adadelta").learning_rate, 1.0);
  EXPECT_EQ(of_2017("adadelta").epsilon, 1e-8);
  EXPECT_EQ(of_2017("rmsprop").epsilon, 1e-8);
  EXPECT_TRUE(of_2017("rmsprop").epsilon_outside_root);
  EXPECT_EQ(of_2017("adagrad").learning_rate, 0.01);
  EXPECT_EQ(of_2017("adagrad").initial_accumulator_value, 0);
  EXPECT_EQ(of_2017("adam").epsilon, 1e-8);
  EXPECT_EQ(of_2017("nadam").learning_rate, 0.002);
  EXPECT_THAT([&] { of_2017("adamw"); },
              ThrowsMessage<ArgumentError>(HasSubstr("no adamw in 2017")));
}

TEST(OptimizerByName, ListsTheKnownForAnUnknown) {
  EXPECT_THAT([] { optimizer("lamb"); },
              ThrowsMessage<ArgumentError>(AllOf(HasSubstr("'lamb'"), HasSubstr("adagrad"))));
  for (const std::string& name : optimizer_names()) EXPECT_EQ(optimizer(name).name, name);
}

TEST(LossByName, TakesLongAndShortNames) {
  using graph::LossFunction;
  EXPECT_EQ(train::parse_loss("mse"), LossFunction::kMeanSquaredError);
  EXPECT_EQ(train::parse_loss("MAE"), LossFunction::kMeanAbsoluteError);
  EXPECT_EQ(train::parse_loss("sparse_categorical_crossentropy"),
            LossFunction::kSparseCategoricalCrossentropy);
  for (const std::string& name : loss_names())
    EXPECT_EQ(graph::to_string(train::parse_loss(name)), name);
  EXPECT_THAT(
      [] { train::parse_loss("hubris"); },
      ThrowsMessage<ArgumentError>(AllOf(HasSubstr("'hubris'"), HasSubstr("binary_crossentropy"))));
  EXPECT_EQ(train::parse_loss("KLDivergence"), LossFunction::kKlDivergence);
  EXPECT_EQ(train::parse_loss("kld"), LossFunction::kKlDivergence);
  EXPECT_EQ(train::parse_loss("logcosh"), LossFunction::kLogCosh);
}

TEST(CompileConfigOfAFile, ReadsKeras3Objects) {
  const auto config = model::compile_config_from_json(ordered_json::parse(R"({
    "optimizer": {"module": "keras.optimizers", "class_name": "SGD",
                  "config": {"learning_rate": 0.25, "momentum": 0.5, "nesterov": true,
                             "weight_decay": null}},
    "loss": {"class_name": "CategoricalCrossentropy", "config": {"from_logits": true}},
    "metrics": ["accuracy", {"class_name": "TopKCategoricalAccuracy", "config": {"k": 5}}]})"));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->optimizer.name, "sgd");
  EXPECT_EQ(config->optimizer.learning_rate, 0.25);
  EXPECT_EQ(config->optimizer.momentum, 0.5);
  EXPECT_TRUE(config->optimizer.nesterov);
  EXPECT_EQ(config->optimizer.weight_decay, 0);
  EXPECT_EQ(config->loss.name, "categorical_crossentropy");
  EXPECT_TRUE(config->loss.from_logits);
  ASSERT_EQ(config->metrics.size(), 2u);
  EXPECT_EQ(config->metrics[0].name, "accuracy");
  EXPECT_EQ(config->metrics[1].name, "top_k_categorical_accuracy");
  EXPECT_EQ(config->metrics[1].k, 5);
}

TEST(CompileConfigOfAFile, ReadsLossesAndMetricsOfOutputs) {
  const auto config = model::compile_config_from_json(ordered_json::parse(R"({
    "optimizer": "sgd",
    "loss": {"a": "mse", "b": {"class_name": "Huber", "config": {"delta": 2}}, "c": null},
    "loss_weights": {"b": 0.5},
    "metrics": {"a": ["mae", {"class_name": "AUC",
                              "config": {"name": "area", "curve": "PR", "thresholds": [0.5]}}]},
    "weighted_metrics": [["mse"], [], []]})"));
  ASSERT_TRUE(config);
  ASSERT_EQ(config->outputs.size(), 3u);
  EXPECT_EQ(config->outputs[0].output, "a");
  EXPECT_EQ(config->outputs[0].loss->name, "mse");
  EXPECT_EQ(config->outputs[1].loss->delta, 2);
  EXPECT_EQ(config->outputs[1].loss_weight, 0.5);
  EXPECT_EQ(config->outputs[2].loss->name, "");
  ASSERT_EQ(config->outputs[0].metrics.size(), 2u);
  EXPECT_EQ(config->outputs[0].metrics[1].log_name, "area");
  EXPECT_EQ(config->outputs[0].metrics[1].curve, "PR");
  EXPECT_EQ(config->outputs[0].metrics[1].thresholds, std::vector<double>{0.5});
  EXPECT_EQ(config->outputs[0].weighted_metrics[0].name, "mse");
}

TEST(CompileConfigOfAFile, IsWrittenAsItWasRead) {
  const auto text = R"({
    "loss": {"a": "mean_squared_error",
             "b": {"module": "keras.losses", "class_name": "Huber",
                   "config": {"name": "huber", "reduction": "sum", "delta": 2.0},
                   "registered_name": null}},
    "loss_weights": {"a": 1.0, "b": 0.5},
    "metrics": {"a": ["accuracy", "mae"],
                "b": [{"module": "keras.metrics", "class_name": "Precision",
                       "config": {"name": "p", "dtype": "float32", "thresholds": [0.2, 0.4],
                                  "top_k": null, "class_id": 1}, "registered_name": null}]},
    "weighted_metrics": null})";
  CompileConfig config;
  model::read_losses_and_metrics(ordered_json::parse(text), config);
  ordered_json written;
  model::write_losses_and_metrics(config, written);
  EXPECT_EQ(written.dump(1), ordered_json::parse(text).dump(1));
}

TEST(CompileConfigOfAFile, ReadsPlainNames) {
  const auto config = model::compile_config_from_json(
      ordered_json::parse(R"({"optimizer": "adam", "loss": "mse", "metrics": null})"));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->optimizer.name, "adam");
  EXPECT_EQ(config->loss.name, "mse");
  EXPECT_TRUE(config->metrics.empty());
}

TEST(CompileConfigOfAFile, KeepsWhatIsUnknownForCompileToRefuse) {
  const auto config = model::compile_config_from_json(ordered_json::parse(R"({
    "optimizer": {"class_name": "Lamb", "config": {}}, "loss": "huber"})"));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->optimizer.name, "Lamb");
  EXPECT_EQ(config->loss.name, "huber");
  const auto scheduled = model::compile_config_from_json(ordered_json::parse(R"({
    "optimizer": {"class_name": "Adam", "config": {"learning_rate": {"class_name": "X"}}}})"));
  ASSERT_TRUE(scheduled);
  EXPECT_TRUE(std::isnan(scheduled->optimizer.learning_rate));
}

TEST(CompileConfigOfAFile, IsNoneForAModelThatWasNotCompiled) {
  EXPECT_FALSE(model::compile_config_from_json(ordered_json::parse("null")));
  EXPECT_FALSE(model::compile_config_from_json(ordered_json::parse("{}")));
}

TEST(CompileConfigOfAFile, DoesNotFollowMetricsNestedWithoutEnd) {
  std::string text = R"({"optimizer": "sgd", "metrics": )";
  text += std::string(50, '[') + "\"mse\"" + std::string(50, ']') + "}";
  const auto config = model::compile_config_from_json(ordered_json::parse(text));
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->metrics.empty());
}

}  // namespace
}  // namespace pronghorn
