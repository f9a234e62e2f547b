#include "model/optimizer_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "pronghorn/error.h"

namespace pronghorn {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;
using testing::ThrowsMessage;

// Written by Keras 3.15.1.
constexpr const char* kNadam = R"({
  "module": "keras.optimizers", "class_name": "Nadam", "config": {
    "name": "nadam", "learning_rate": {"module": "keras.optimizers.schedules",
      "class_name": "CosineDecay", "config": {"initial_learning_rate": 0.1, "decay_steps": 50,
        "alpha": 0.0, "name": "CosineDecay", "warmup_target": null, "warmup_steps": 0},
      "registered_name": null},
    "weight_decay": null, "clipnorm": 0.5, "global_clipnorm": null, "clipvalue": null,
    "use_ema": true, "ema_momentum": 0.9, "ema_overwrite_frequency": 4, "loss_scale_factor": null,
    "gradient_accumulation_steps": 2, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-05},
  "registered_name": null})";

TEST(OptimizerConfig, ReadsAndWritesWhatKerasWrites) {
  const ordered_json keras = ordered_json::parse(kNadam);
  const Optimizer optimizer = model::optimizer_from_json(keras);
  EXPECT_EQ(optimizer.name, "nadam");
  EXPECT_EQ(optimizer.clipnorm, 0.5);
  EXPECT_EQ(optimizer.global_clipnorm, 0);
  EXPECT_TRUE(optimizer.use_ema);
  EXPECT_EQ(optimizer.ema_overwrite_frequency, 4);
  EXPECT_EQ(optimizer.gradient_accumulation_steps, 2);
  EXPECT_EQ(optimizer.beta_1, 0.8);
  ASSERT_TRUE(optimizer.learning_rate_schedule);
  EXPECT_EQ(learning_rate_at(*optimizer.learning_rate_schedule, 25), 0.05);
  // Whatever the order of the keys.
  EXPECT_EQ(nlohmann::json::parse(model::to_json(optimizer).dump()),
            nlohmann::json::parse(keras.dump()));
}

TEST(OptimizerConfig, EveryOptimizerIsReadAsItIsWritten) {
  for (const std::string& name : optimizer_names()) {
    Optimizer optimizer = pronghorn::optimizer(name);
    optimizer.learning_rate = 0.25;
    optimizer.clipvalue = 0.5;
    const ordered_json json = model::to_json(optimizer);
    const Optimizer read = model::optimizer_from_json(json);
    EXPECT_EQ(read.name, name);
    EXPECT_EQ(read.learning_rate, 0.25);
    EXPECT_EQ(model::to_json(read), json) << name;
  }
}

TEST(OptimizerConfig, ArgumentsOutOfTheirRangeAreRefused) {
  const auto refused = [](auto&& change, const char* message) {
    Optimizer optimizer;
    change(optimizer);
    EXPECT_THAT([&] { model::checked(optimizer); },
                ThrowsMessage<ArgumentError>(HasSubstr(message)));
  };
  refused([](Optimizer& o) { o.name = "lamb"; }, "unknown optimizer 'lamb'; known are sgd");
  refused([](Optimizer& o) { o.clipnorm = -1; }, "clipnorm is -1");
  refused([](Optimizer& o) { o.clipnorm = o.clipvalue = 1; }, "only one of");
  refused([](Optimizer& o) { o.ema_momentum = 2; }, "ema_momentum is 2");
  refused([](Optimizer& o) { o.gradient_accumulation_steps = 1; }, "must be 2 or more");
  refused([](Optimizer& o) { o.gradient_accumulation_steps = -1; }, "a number of steps");
  refused([](Optimizer& o) { o.learning_rate_power = 1; }, "learning_rate_power is 1");
  refused([](Optimizer& o) { o.clip_threshold = 0; }, "clip_threshold is 0");
  refused([](Optimizer& o) { o.learning_rate_schedule = CosineDecay{0.1, 0}; }, "decay_steps is 0");
}

TEST(OptimizerConfig, LossScalingIsRefusedByName) {
  const auto json =
      ordered_json::parse(R"({"class_name": "SGD", "config": {"loss_scale_factor": 128.0}})");
  EXPECT_THAT([&] { model::checked(model::optimizer_from_json(json)); },
              ThrowsMessage<UnsupportedError>(HasSubstr("loss_scale_factor")));
}

}  // namespace
}  // namespace pronghorn
