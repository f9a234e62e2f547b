#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pronghorn {

class Model;

// What Keras calls logs: metric names and values, "accuracy", "loss", "val_accuracy", "val_loss",
// in that (sorted) order.
using Logs = std::vector<std::pair<std::string, double>>;

// What a callback may do to the training that it watches.
class TrainingControl {
 public:
  virtual ~TrainingControl() = default;
  virtual Model& model() = 0;
  virtual void stop_training() = 0;
  // Of the next step.
  virtual double learning_rate() const = 0;
  // Whether it follows a schedule; then set_learning_rate throws ArgumentError, as in Keras.
  virtual bool has_learning_rate_schedule() const { return false; }
  virtual void set_learning_rate(double learning_rate) = 0;
};

// Told of what happens in fit, as in Keras. Epochs and batches count from 0.
class Callback {
 public:
  virtual ~Callback() = default;
  virtual void on_train_begin(TrainingControl&) {}
  virtual void on_epoch_begin(TrainingControl&, int /*epoch*/) {}
  virtual void on_train_batch_begin(TrainingControl&, int64_t /*batch*/) {}
  virtual void on_train_batch_end(TrainingControl&, int64_t /*batch*/, const Logs&) {}
  virtual void on_epoch_end(TrainingControl&, int /*epoch*/, const Logs&) {}
  virtual void on_train_end(TrainingControl&, const Logs&) {}
};

// What fit returns: the logs of each epoch.
struct History {
  std::vector<int> epoch;
  // Name -> one value per epoch.
  std::map<std::string, std::vector<double>> history;
  // Seconds that each epoch's training took, without validation; its own clock, no log.
  std::vector<double> epoch_seconds;
  // Of them, those that the compiled steps themselves took; the rest went into copying samples,
  // metrics, progress and callbacks.
  std::vector<double> step_seconds;
};

// Which way a watched quantity gets better. kAuto: accuracies go up, everything else down.
enum class MonitorMode : uint8_t { kAuto, kMin, kMax };

struct EarlyStoppingOptions {
  std::string monitor = "val_loss";
  double min_delta = 0;
  int patience = 0;
  MonitorMode mode = MonitorMode::kAuto;
  double baseline = std::numeric_limits<double>::quiet_NaN();
  bool restore_best_weights = false;
  int start_from_epoch = 0;
};

struct ModelCheckpointOptions {
  // "{epoch:02d}", "{val_loss:.2f}" and the like are filled in; epochs count from 1.
  std::string filepath = {};
  std::string monitor = "val_loss";
  bool save_best_only = false;
  MonitorMode mode = MonitorMode::kAuto;
};

struct ReduceLROnPlateauOptions {
  std::string monitor = "val_loss";
  double factor = 0.1;
  int patience = 10;
  MonitorMode mode = MonitorMode::kAuto;
  double min_delta = 1e-4;
  int cooldown = 0;
  double min_lr = 0;
};

// Keras's callbacks with Keras's defaults. A monitored name that is in no log throws ArgumentError
// at the end of the first epoch and lists those that are.
std::unique_ptr<Callback> EarlyStopping(EarlyStoppingOptions options = {});
// Writes the weights (.safetensors) after each epoch.
std::unique_ptr<Callback> ModelCheckpoint(ModelCheckpointOptions options);
// Both set the learning rate, and throw ArgumentError where fit begins with an optimizer that
// follows a schedule.
std::unique_ptr<Callback> ReduceLROnPlateau(ReduceLROnPlateauOptions options = {});
// The learning rate of each epoch (from 0), of the one before it.
std::unique_ptr<Callback> LearningRateScheduler(
    std::function<double(int epoch, double learning_rate)> schedule);
// One line per epoch in Keras's format (header, sorted names, CRLF). The file is written anew
// unless `append`.
std::unique_ptr<Callback> CSVLogger(std::string path, bool append = false);
// Event files for TensorBoard, in log_dir/train and, where there is validation, log_dir/validation:
// each epoch's logs as scalars "epoch_loss", "epoch_accuracy", and "epoch_learning_rate". Each call
// of fit adds files; an epoch is in them when it has ended. The directory is made here; throws
// FileError where it can't be, or be written into.
std::unique_ptr<Callback> TensorBoard(std::string log_dir);

}  // namespace pronghorn
