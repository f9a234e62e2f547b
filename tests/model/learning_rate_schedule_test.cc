#include "model/learning_rate_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "pronghorn/error.h"

namespace pronghorn {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

void expect_rates(const LearningRateSchedule& schedule,
                  const std::vector<std::pair<uint64_t, double>>& rates) {
  for (const auto& [step, rate] : rates)
    EXPECT_NEAR(learning_rate_at(schedule, step), rate, 1e-6 * rate)
        << to_text(schedule) << " at step " << step;
}

// Numbers of Keras 3.15.1.
TEST(LearningRateSchedule, GivesKerassRates) {
  expect_rates(ExponentialDecay{0.1, 10, 0.5}, {{0, 0.1}, {5, 0.070710681}, {20, 0.025}});
  expect_rates(ExponentialDecay{0.1, 10, 0.5, true}, {{9, 0.1}, {10, 0.05}, {19, 0.05}});
  expect_rates(PiecewiseConstantDecay{{3, 8}, {1, 0.5, 0.1}},
               {{0, 1}, {3, 1}, {4, 0.5}, {8, 0.5}, {9, 0.1}, {100, 0.1}});
  expect_rates(PolynomialDecay{0.1, 10, 0.01, 2}, {{0, 0.1}, {5, 0.0325}, {10, 0.01}, {50, 0.01}});
  expect_rates(PolynomialDecay{0.1, 10, 0.01, 1, true}, {{0, 0.1}, {10, 0.01}, {15, 0.0325}});
  expect_rates(InverseTimeDecay{0.1, 4, 0.5}, {{0, 0.1}, {2, 0.08}, {8, 0.05}});
  expect_rates(InverseTimeDecay{0.1, 4, 0.5, true}, {{3, 0.1}, {4, 0.066666669}});
  expect_rates(CosineDecay{0.1, 10, 0.1}, {{0, 0.1}, {5, 0.055}, {10, 0.01}, {99, 0.01}});
  expect_rates(CosineDecay{0.02, 10, 0, 0.1, 4}, {{0, 0.02}, {2, 0.06}, {4, 0.1}, {9, 0.05}});
  expect_rates(CosineDecayRestarts{0.1, 10, 2, 0.5, 0.1},
               {{0, 0.1}, {5, 0.055}, {10, 0.055}, {20, 0.0325}, {30, 0.0325}});
  expect_rates(CosineDecayRestarts{0.1, 10, 1, 1, 0}, {{0, 0.1}, {5, 0.05}, {10, 0.1}, {25, 0.05}});
}

TEST(LearningRateSchedule, IsReadFromItsShortFormAndWrittenAsSuch) {
  for (const char* text :
       {"exponential_decay:initial_learning_rate=0.1,decay_steps=10,decay_rate=0.5,staircase=true",
        "piecewise_constant_decay:boundaries=3/8,values=1.0/0.5/0.1",
        "polynomial_decay:initial_learning_rate=0.1,decay_steps=10,end_learning_rate=0.01,"
        "power=2.0,cycle=false",
        "inverse_time_decay:initial_learning_rate=0.1,decay_steps=4,decay_rate=0.5,staircase=false",
        "cosine_decay:initial_learning_rate=0.02,decay_steps=10,alpha=0.0,warmup_target=0.1,"
        "warmup_steps=4",
        "cosine_decay_restarts:initial_learning_rate=0.1,first_decay_steps=10,t_mul=2.0,m_mul=0.5,"
        "alpha=0.1"}) {
    const LearningRateSchedule schedule = parse_learning_rate_schedule(text, 7);
    EXPECT_EQ(to_text(schedule), text);
    EXPECT_EQ(to_text(model::learning_rate_schedule_from_json(model::to_json(schedule))), text);
    EXPECT_EQ(to_text(parse_learning_rate_schedule(model::to_json(schedule).dump(), 7)), text);
  }
}

TEST(LearningRateSchedule, BeginsWithTheOptimizersRateWhereItSaysNone) {
  EXPECT_EQ(learning_rate_at(parse_learning_rate_schedule("CosineDecay:decay_steps=10", 0.3), 0),
            0.3);
}

TEST(LearningRateSchedule, RefusesWhatIsWrong) {
  const auto refused = [](const char* text, const char* message) {
    EXPECT_THAT([&] { parse_learning_rate_schedule(text, 0.1); },
                ThrowsMessage<ArgumentError>(HasSubstr(message)))
        << text;
  };
  refused("cosine", "unknown learning rate schedule 'cosine'; known are exponential_decay");
  refused("cosine_decay", "argument 'decay_steps' is missing");
  refused("cosine_decay:1000", "'1000' is no argument; write name=value");
  refused("cosine_decay:decay_steps=many", "argument 'decay_steps' is 'many'");
  refused("cosine_decay:decay_steps=0", "decay_steps is 0; it must be above 0");
  refused("cosine_decay:decay_steps=9,initial_learning_rate=-1", "initial_learning_rate is -1");
  refused("cosine_decay_restarts:first_decay_steps=9,t_mul=0.5", "t_mul is 0.5");
  refused("piecewise_constant_decay:boundaries=1/2,values=1/2", "2 boundaries and 2 values");
  refused("piecewise_constant_decay:boundaries=2/1,values=1/2/3", "boundaries must rise");
  refused("{\"class_name\": \"Mine\"}", "unknown learning rate schedule 'Mine'");
  refused("{", "no JSON");
}

}  // namespace
}  // namespace pronghorn
