#include "train/checkpoint.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <optional>
#include <system_error>

#include "pronghorn/error.h"
#include "pronghorn/model.h"
#include "pronghorn/saving.h"
#include "train/monitor.h"

namespace pronghorn {
namespace {

[[noreturn]] void refuse(std::string_view pattern, const std::string& why) {
  throw ArgumentError(fmt::format("file name '{}': {}", pattern, why));
}

std::string fill_in_field(std::string_view pattern, std::string_view field, int epoch,
                          const Logs& logs) {
  const size_t colon = field.find(':');
  const std::string_view name = field.substr(0, colon);
  const std::string format =
      colon == std::string_view::npos ? "{}" : fmt::format("{{{}}}", field.substr(colon));
  try {
    if (name == "epoch") return fmt::format(fmt::runtime(format), epoch + 1);
    for (const auto& [log, value] : logs)
      if (log == name) return fmt::format(fmt::runtime(format), value);
  } catch (const fmt::format_error& error) {
    refuse(pattern,
           fmt::format("the format in '{{{}}}' doesn't suit a number ({})", field, error.what()));
  }
  std::string known = "epoch";
  for (const auto& log : logs) known += ", " + log.first;
  refuse(pattern, fmt::format("there is no '{}' to fill in; there are {}", name, known));
}

// keras/src/callbacks/model_checkpoint.py
class ModelCheckpointCallback : public Callback {
 public:
  explicit ModelCheckpointCallback(ModelCheckpointOptions options)
      : options_(std::move(options)), monitor_(options_.monitor, options_.mode) {
    const std::string& path = options_.filepath;
    if (!path.ends_with(".keras") && !path.ends_with(".weights.h5") &&
        !path.ends_with(".safetensors")) {
      throw ArgumentError(fmt::format(
          "ModelCheckpoint: file name '{}': a model is written as .keras, weights alone "
          "as .weights.h5 or .safetensors; end it so",
          path));
    }
  }

  void on_train_begin(TrainingControl&) override {
    best_.reset();
    check_directory();
  }

  void on_epoch_end(TrainingControl& control, int epoch, const Logs& logs) override {
    if (options_.save_best_only) {
      const double value = monitor_.value_in(logs, "ModelCheckpoint");
      if (best_ && !(monitor_.up() ? value > *best_ : value < *best_)) return;
      // NaN as the first would be the best for ever.
      if (!std::isnan(value)) best_ = value;
    }
    const std::string path = train::fill_in_path(options_.filepath, epoch, logs);
    const std::filesystem::path directory = std::filesystem::path(path).parent_path();
    // save_weights says what is wrong with a directory that could not be made.
    std::error_code ignored;
    if (!directory.empty()) std::filesystem::create_directories(directory, ignored);
    if (path.ends_with(".keras"))
      control.model().save(path);
    else
      control.model().save_weights(path);
  }

 private:
  // Asked before the first epoch is spent. What the pattern fills in is not known yet, so this is
  // about the part of the path that exists.
  void check_directory() const {
    const std::filesystem::path known = options_.filepath.substr(0, options_.filepath.find('{'));
    std::filesystem::path directory = known.parent_path();
    std::error_code ignored;
    while (!directory.empty() && !std::filesystem::exists(directory, ignored))
      directory = directory.parent_path();
    check_writable(directory / "checkpoint.safetensors");
  }

  ModelCheckpointOptions options_;
  train::Monitor monitor_;
  std::optional<double> best_;
};

}  // namespace

std::string train::fill_in_path(std::string_view pattern, int epoch, const Logs& logs) {
  std::string path;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    const bool doubled = i + 1 < pattern.size() && pattern[i + 1] == c;
    if ((c == '{' || c == '}') && doubled) {
      path += c;
      ++i;
    } else if (c == '}') {
      refuse(pattern, "a '}' without a '{'");
    } else if (c == '{') {
      const size_t end = pattern.find('}', i);
      if (end == std::string_view::npos) refuse(pattern, "a '{' without a '}'");
      path += fill_in_field(pattern, pattern.substr(i + 1, end - i - 1), epoch, logs);
      i = end;
    } else {
      path += c;
    }
  }
  return path;
}

std::unique_ptr<Callback> ModelCheckpoint(ModelCheckpointOptions options) {
  return std::make_unique<ModelCheckpointCallback>(std::move(options));
}

}  // namespace pronghorn
