#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pronghorn/compile_config.h"
#include "pronghorn/data.h"
#include "pronghorn/model.h"

namespace CLI {
class App;
}

namespace pronghorn::cli {

// What the positional MODEL means, for help texts.
inline constexpr const char* kModelHelp =
    "A model of the zoo (see 'pronghorn zoo') or a file: Keras 3's .keras or JSON "
    "(model.to_json())";

// --data and what belongs to it.
struct DataOptions {
  std::string data;
  std::string labels;
  std::string data_dir;
  int label_column = -1;
};
void add_data_options(CLI::App& command, DataOptions& options, bool required = true);

struct LoadedData {
  Dataset train;
  // The test part of a data set that has one.
  std::optional<Dataset> test;
};
// `model` says how the arrays of an .npz file are called.
LoadedData load_data(const DataOptions& options, const Model& model);

// What evaluate and predict ask of: --weights, --data and what belongs to it, --part.
void add_trained_options(CLI::App& command, std::string& weights, DataOptions& data,
                         std::string& part);
// Loads the file, where one is given; refuses a model that would have only initial weights.
void load_trained_weights(Model& model, const std::string& weights);
// What they look at: the test part where there is one.
Dataset load_part(const DataOptions& options, const std::string& part, const Model& model);

// What a training writes: a whole model as .keras, or weights.
inline constexpr const char* kTrainedFiles = "FILE.keras|.weights.h5|.safetensors";
// Refuses other names, and places where nothing can be written.
void check_trained_file(const std::string& path);
void write_trained(const Model& model, const std::string& path);

// --threads, --kernels, and which kernels may run.
struct RunOptions {
  int threads = 0;
  std::string kernels;
  bool exact = false;
  std::string precision = "float32";
  std::string choices;
};
void add_run_options(CLI::App& command, RunOptions& options);
// Which kernels may run: --exact, --precision. With --choices, which tune doesn't take: the second.
void add_policy_options(CLI::App& command, RunOptions& options);
void add_kernel_options(CLI::App& command, RunOptions& options);
void apply(const RunOptions& options, CompileConfig& config);

// --loss, --loss-weights, --metrics.
struct LossOptions {
  // A name, OUTPUT=NAME separated by commas, or JSON.
  std::string loss;
  std::string loss_weights;
  bool from_logits = false;
  // Separated by commas.
  std::string metrics;
};
void add_loss_options(CLI::App& command, LossOptions& options);

// Loss and metrics: as given, else as the model's file says, else what suits the data.
CompileConfig config_for(const Model& model, const Dataset& data, const LossOptions& loss,
                         const RunOptions& run);

// One-hot rows for a loss that compares each output with a target and was given class numbers, as a
// Keras script would call to_categorical(); else nothing is changed.
void suit_labels(Dataset& data, const CompileConfig& config, const Model& model);

}  // namespace pronghorn::cli
