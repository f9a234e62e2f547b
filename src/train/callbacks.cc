#include "pronghorn/callbacks.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <optional>

#include "pronghorn/error.h"
#include "pronghorn/model.h"
#include "train/monitor.h"

namespace pronghorn {
namespace {

// keras/src/callbacks/early_stopping.py
class EarlyStoppingCallback : public Callback {
 public:
  explicit EarlyStoppingCallback(EarlyStoppingOptions options)
      : options_(std::move(options)), monitor_(options_.monitor, options_.mode) {
    if (!std::isfinite(options_.min_delta))
      throw ArgumentError("EarlyStopping: min_delta is not finite");
    if (options_.patience < 0) {
      throw ArgumentError(fmt::format("EarlyStopping: patience is {}; it counts epochs, 0 or more",
                                      options_.patience));
    }
  }

  void on_train_begin(TrainingControl&) override {
    wait_ = 0;
    best_.reset();
    best_weights_.clear();
  }

  void on_epoch_end(TrainingControl& control, int epoch, const Logs& logs) override {
    const double value = monitor_.value_in(logs, "EarlyStopping");
    if (epoch < options_.start_from_epoch) return;
    if (options_.restore_best_weights && best_weights_.empty()) remember_weights(control);
    ++wait_;
    if (improves_on(value, best_)) {
      best_ = value;
      if (options_.restore_best_weights) remember_weights(control);
      const std::optional<double> baseline =
          std::isnan(options_.baseline) ? std::nullopt : std::optional(options_.baseline);
      if (improves_on(value, baseline)) wait_ = 0;
      return;
    }
    if (wait_ >= options_.patience && epoch > 0) control.stop_training();
  }

  void on_train_end(TrainingControl& control, const Logs&) override {
    if (!best_weights_.empty()) control.model().set_weights(best_weights_);
  }

 private:
  // A change of exactly min_delta is none, and NaN improves on nothing.
  bool improves_on(double value, std::optional<double> reference) const {
    const double delta = std::abs(options_.min_delta);
    if (!reference) return !std::isnan(value);
    return monitor_.up() ? value - delta > *reference : value + delta < *reference;
  }
  void remember_weights(TrainingControl& control) { best_weights_ = control.model().get_weights(); }

  EarlyStoppingOptions options_;
  train::Monitor monitor_;
  int wait_ = 0;
  std::optional<double> best_;
  std::vector<NamedArray> best_weights_;
};

void refuse_schedule(const TrainingControl& control, const char* callback) {
  if (!control.has_learning_rate_schedule()) return;
  throw ArgumentError(fmt::format(
      "{} sets the learning rate, but the optimizer's follows a schedule; use one of the two",
      callback));
}

// keras/src/callbacks/learning_rate_scheduler.py
class LearningRateSchedulerCallback : public Callback {
 public:
  explicit LearningRateSchedulerCallback(std::function<double(int, double)> schedule)
      : schedule_(std::move(schedule)) {}

  void on_train_begin(TrainingControl& control) override {
    refuse_schedule(control, "LearningRateScheduler");
  }
  void on_epoch_begin(TrainingControl& control, int epoch) override {
    control.set_learning_rate(schedule_(epoch, control.learning_rate()));
  }

 private:
  std::function<double(int, double)> schedule_;
};

// keras/src/callbacks/reduce_lr_on_plateau.py
class ReduceLROnPlateauCallback : public Callback {
 public:
  explicit ReduceLROnPlateauCallback(ReduceLROnPlateauOptions options)
      : options_(std::move(options)), monitor_(options_.monitor, options_.mode) {
    if (!(options_.factor >= 0 && options_.factor < 1)) {
      throw ArgumentError(
          fmt::format("ReduceLROnPlateau: factor is {}; it must be at least 0 and less than 1",
                      options_.factor));
    }
    if (!std::isfinite(options_.min_delta) || !(options_.min_lr >= 0))
      throw ArgumentError("ReduceLROnPlateau: min_delta must be finite and min_lr at least 0");
  }

  void on_train_begin(TrainingControl& control) override {
    refuse_schedule(control, "ReduceLROnPlateau");
    wait_ = 0;
    cooldown_ = 0;
    best_.reset();
  }

  void on_epoch_end(TrainingControl& control, int, const Logs& logs) override {
    const double value = monitor_.value_in(logs, "ReduceLROnPlateau");
    if (cooldown_ > 0) {
      --cooldown_;
      wait_ = 0;
    }
    if (improves(value)) {
      best_ = value;
      wait_ = 0;
      return;
    }
    if (cooldown_ > 0 || ++wait_ < options_.patience) return;
    const double old_rate = control.learning_rate();
    if (!(old_rate > options_.min_lr)) return;
    control.set_learning_rate(std::max(old_rate * options_.factor, options_.min_lr));
    cooldown_ = options_.cooldown;
    wait_ = 0;
  }

 private:
  bool improves(double value) const {
    if (!best_) return !std::isnan(value);
    return monitor_.up() ? value > *best_ + options_.min_delta
                         : value < *best_ - options_.min_delta;
  }

  ReduceLROnPlateauOptions options_;
  train::Monitor monitor_;
  int wait_ = 0;
  int cooldown_ = 0;
  std::optional<double> best_;
};

}  // namespace

std::unique_ptr<Callback> EarlyStopping(EarlyStoppingOptions options) {
  return std::make_unique<EarlyStoppingCallback>(std::move(options));
}

std::unique_ptr<Callback> LearningRateScheduler(
    std::function<double(int epoch, double learning_rate)> schedule) {
  return std::make_unique<LearningRateSchedulerCallback>(std::move(schedule));
}

std::unique_ptr<Callback> ReduceLROnPlateau(ReduceLROnPlateauOptions options) {
  return std::make_unique<ReduceLROnPlateauCallback>(std::move(options));
}

}  // namespace pronghorn
