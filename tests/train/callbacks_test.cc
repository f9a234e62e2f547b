#include "pronghorn/callbacks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "fake_control.h"
#include "pronghorn/error.h"

namespace pronghorn {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

const double kNan = std::numeric_limits<double>::quiet_NaN();

// Shows the values of `monitor` epoch by epoch; returns the epoch after which training was stopped,
// or -1.
int epoch_of_stop(Callback& callback, const std::string& monitor,
                  const std::vector<double>& values) {
  FakeControl control;
  callback.on_train_begin(control);
  for (int epoch = 0; epoch < static_cast<int>(values.size()); ++epoch) {
    callback.on_epoch_end(control, epoch, {{monitor, values[static_cast<size_t>(epoch)]}});
    if (control.stopped) return epoch;
  }
  return -1;
}

TEST(EarlyStopping, StopsWhenPatienceIsUsedUp) {
  EarlyStoppingOptions options;
  options.patience = 2;
  const auto callback = EarlyStopping(options);
  EXPECT_EQ(epoch_of_stop(*callback, "val_loss", {5, 4, 4, 3, 3.5, 3}), 5);
  // Used again it begins anew.
  EXPECT_EQ(epoch_of_stop(*callback, "val_loss", {9, 9, 9}), 2);
}

TEST(EarlyStopping, WithoutPatienceStopsAtTheFirstEpochThatDoesNotImprove) {
  EXPECT_EQ(epoch_of_stop(*EarlyStopping(), "val_loss", {5, 4, 4}), 2);
  // Keras never stops after the very first epoch.
  EXPECT_EQ(epoch_of_stop(*EarlyStopping(), "val_loss", {kNan, kNan}), 1);
}

TEST(EarlyStopping, AccuracyGoesUp) {
  EarlyStoppingOptions options;
  options.monitor = "val_accuracy";
  EXPECT_EQ(epoch_of_stop(*EarlyStopping(options), "val_accuracy", {0.5, 0.6, 0.7, 0.6}), 3);
  options.mode = MonitorMode::kMin;
  EXPECT_EQ(epoch_of_stop(*EarlyStopping(options), "val_accuracy", {0.5, 0.6}), 1);
}

TEST(EarlyStopping, AChangeOfMinDeltaIsNone) {
  EarlyStoppingOptions options;
  options.monitor = "loss";
  options.min_delta = 0.5;
  EXPECT_EQ(epoch_of_stop(*EarlyStopping(options), "loss", {4, 3.5}), 1);
  EXPECT_EQ(epoch_of_stop(*EarlyStopping(options), "loss", {4, 3.25, 2.5}), -1);
}

TEST(EarlyStopping, WaitsOnUntilTheBaselineIsBeaten) {
  EarlyStoppingOptions options;
  options.monitor = "loss";
  options.patience = 2;
  options.baseline = 1;
  // Better and better, but never better than the baseline; the third epoch would be better still.
  EXPECT_EQ(epoch_of_stop(*EarlyStopping(options), "loss", {4, 3, 3}), 2);
  EXPECT_EQ(epoch_of_stop(*EarlyStopping(options), "loss", {4, 0.5, 3, 3}), 3);
}

TEST(EarlyStopping, BeginsAtStartFromEpoch) {
  EarlyStoppingOptions options;
  options.monitor = "loss";
  options.start_from_epoch = 3;
  EXPECT_EQ(epoch_of_stop(*EarlyStopping(options), "loss", {1, 2, 3, 4, 5}), 4);
}

TEST(EarlyStopping, NamesTheLogsThatThereAre) {
  FakeControl control;
  const auto callback = EarlyStopping();
  callback->on_train_begin(control);
  EXPECT_THAT(
      [&] {
        callback->on_epoch_end(control, 0, {{"accuracy", 1}, {"loss", 1}});
      },
      ThrowsMessage<ArgumentError>(AllOf(HasSubstr("'val_loss'"), HasSubstr("accuracy, loss"),
                                         HasSubstr("validation data"))));
}

// The learning rate after each epoch, from 0.1 on.
std::vector<double> rates(Callback& callback, const std::vector<double>& losses) {
  FakeControl control;
  callback.on_train_begin(control);
  std::vector<double> result;
  for (size_t epoch = 0; epoch < losses.size(); ++epoch) {
    callback.on_epoch_end(control, static_cast<int>(epoch), {{"val_loss", losses[epoch]}});
    result.push_back(control.rate);
  }
  return result;
}

TEST(ReduceLROnPlateau, ReducesAfterPatienceEpochsWithoutImprovement) {
  ReduceLROnPlateauOptions options;
  options.factor = 0.5;
  options.patience = 2;
  EXPECT_THAT(rates(*ReduceLROnPlateau(options), {3, 3, 3, 3, 3}),
              testing::ElementsAre(0.1, 0.1, 0.05, 0.05, 0.025));
}

TEST(ReduceLROnPlateau, ChangesBelowMinDeltaAreNoImprovement) {
  ReduceLROnPlateauOptions options;
  options.factor = 0.5;
  options.patience = 1;
  EXPECT_THAT(rates(*ReduceLROnPlateau(options), {3, 2.99995, 2.9}),
              testing::ElementsAre(0.1, 0.05, 0.05));
}

TEST(ReduceLROnPlateau, RestsDuringCooldown) {
  ReduceLROnPlateauOptions options;
  options.factor = 0.5;
  options.patience = 1;
  options.cooldown = 2;
  EXPECT_THAT(rates(*ReduceLROnPlateau(options), {3, 3, 3, 3, 3}),
              testing::ElementsAre(0.1, 0.05, 0.05, 0.025, 0.025));
}

TEST(ReduceLROnPlateau, DoesNotGoBelowMinLr) {
  ReduceLROnPlateauOptions options;
  options.patience = 1;
  options.min_lr = 0.02;
  EXPECT_THAT(rates(*ReduceLROnPlateau(options), {3, 3, 3}), testing::ElementsAre(0.1, 0.02, 0.02));
}

TEST(LearningRateScheduler, SetsTheRateOfEachEpochFromTheOneBefore) {
  FakeControl control;
  const auto callback =
      LearningRateScheduler([](int epoch, double rate) { return epoch < 2 ? rate : rate / 2; });
  callback->on_train_begin(control);
  std::vector<double> rates;
  for (int epoch = 0; epoch < 4; ++epoch) {
    callback->on_epoch_begin(control, epoch);
    rates.push_back(control.rate);
  }
  EXPECT_THAT(rates, testing::ElementsAre(0.1, 0.1, 0.05, 0.025));
}

TEST(LearningRateScheduler, AndReduceLROnPlateauRefuseAScheduleOfTheOptimizer) {
  FakeControl control;
  control.schedule = true;
  const auto scheduler = LearningRateScheduler([](int, double rate) { return rate; });
  const auto plateau = ReduceLROnPlateau();
  EXPECT_THROW(scheduler->on_train_begin(control), ArgumentError);
  EXPECT_THROW(plateau->on_train_begin(control), ArgumentError);
}

TEST(ReduceLROnPlateau, RefusesAFactorThatDoesNotReduce) {
  ReduceLROnPlateauOptions options;
  for (const double factor : {1.0, -0.1, kNan}) {
    options.factor = factor;
    EXPECT_THROW(ReduceLROnPlateau(options), ArgumentError) << factor;
  }
}

}  // namespace
}  // namespace pronghorn
