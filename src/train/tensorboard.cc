#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <system_error>

#include "formats/tfrecord.h"
#include "pronghorn/callbacks.h"
#include "pronghorn/error.h"
#include "pronghorn/saving.h"

namespace pronghorn {
namespace {

// Numbers of fields: event.proto and summary.proto in tensorboard/compat/proto.
namespace event_field {
constexpr protozero::pbf_tag_type kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5;
}
namespace summary_field {
constexpr protozero::pbf_tag_type kValue = 1;
}
namespace value_field {
constexpr protozero::pbf_tag_type kTag = 1, kSimpleValue = 2;
}

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string version_event() {
  std::string bytes;
  protozero::pbf_writer event(bytes);
  event.add_double(event_field::kWallTime, wall_time());
  event.add_string(event_field::kFileVersion, "brain.Event:2");
  return bytes;
}

// A scalar as `simple_value`, which every TensorBoard shows. Keras on TensorFlow writes a tensor
// with a plugin's name instead, and TensorBoard makes that of simple values as it reads them
// (tensorboard/data_compat.py): the same, with four messages fewer.
std::string scalar_event(int64_t step, const std::string& tag, double scalar) {
  std::string bytes;
  protozero::pbf_writer event(bytes);
  event.add_double(event_field::kWallTime, wall_time());
  event.add_int64(event_field::kStep, step);
  protozero::pbf_writer summary(event, event_field::kSummary);
  protozero::pbf_writer value(summary, summary_field::kValue);
  value.add_string(value_field::kTag, tag);
  value.add_float(value_field::kSimpleValue, static_cast<float>(scalar));
  return bytes;
}

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// The events of one run, "train" or "validation". What was appended is in the file.
class EventFile {
 public:
  // A new file in this directory, which is made if it is missing.
  explicit EventFile(const std::string& directory) {
    make_directory(directory);
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) != 0 || host[0] == '\0')
      std::strcpy(host.data(), "localhost");
    const auto seconds = static_cast<int64_t>(wall_time());
    // As TensorFlow names it; the number tells files of one second and process apart.
    for (int number = 0; file_ == nullptr; ++number) {
      path_ = fmt::format("{}/events.out.tfevents.{:010}.{}.{}.{}.v2", directory, seconds,
                          host.data(), getpid(), number);
      file_.reset(std::fopen(path_.c_str(), "wbx"));
      if (file_ == nullptr && errno != EEXIST) fail();
    }
    append(formats::tfrecord(version_event()));
  }

  void append(const std::string& records) {
    if (std::fwrite(records.data(), 1, records.size(), file_.get()) != records.size() ||
        std::fflush(file_.get()) != 0)
      fail();
  }

  static void make_directory(const std::string& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) {
      throw FileError(
          fmt::format("'{}': the directory can't be made: {}", directory, error.message()));
    }
  }

 private:
  [[noreturn]] void fail() const {
    throw FileError(fmt::format("'{}': events can't be written: {}", path_, std::strerror(errno)));
  }

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

// keras/src/callbacks/tensorboard.py, of which this writes what update_freq="epoch" writes: tags
// "epoch_" and the log's name, validation in a run of its own and without its prefix "val_".
class TensorBoardCallback : public Callback {
 public:
  explicit TensorBoardCallback(std::string log_dir) : log_dir_(std::move(log_dir)) {
    if (log_dir_.empty()) throw ArgumentError("TensorBoard: the name of its directory is empty");
    // Now, and not when a training of hours begins.
    EventFile::make_directory(log_dir_ + "/train");
    check_writable(log_dir_ + "/train/events");
  }

  void on_train_begin(TrainingControl&) override {
    train_ = std::make_unique<EventFile>(log_dir_ + "/train");
    validation_.reset();
  }

  void on_epoch_end(TrainingControl& control, int epoch, const Logs& logs) override {
    const std::string prefix = "val_";
    std::string train, validation;
    for (const auto& [name, value] : logs) {
      const bool of_validation = name.compare(0, prefix.size(), prefix) == 0;
      const std::string tag = "epoch_" + (of_validation ? name.substr(prefix.size()) : name);
      (of_validation ? validation : train) += formats::tfrecord(scalar_event(epoch, tag, value));
    }
    train += formats::tfrecord(scalar_event(epoch, "epoch_learning_rate", control.learning_rate()));
    train_->append(train);
    if (validation.empty()) return;
    if (!validation_) validation_ = std::make_unique<EventFile>(log_dir_ + "/validation");
    validation_->append(validation);
  }

  void on_train_end(TrainingControl&, const Logs&) override {
    train_.reset();
    validation_.reset();
  }

 private:
  std::string log_dir_;
  std::unique_ptr<EventFile> train_;
  std::unique_ptr<EventFile> validation_;
};

}  // namespace

std::unique_ptr<Callback> TensorBoard(std::string log_dir) {
  return std::make_unique<TensorBoardCallback>(std::move(log_dir));
}

}  // namespace pronghorn
