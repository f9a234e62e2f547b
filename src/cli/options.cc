#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <sstream>
#include <utility>

#include "pronghorn/error.h"
#include "pronghorn/saving.h"
#include "pronghorn/tune.h"

namespace pronghorn::cli {
namespace {

// How many classes labels have that are class numbers; 0 where they are something else.
int64_t count_classes(const Array& labels) {
  const bool one_each = labels.shape.elements() == labels.samples();
  if (!one_each || labels.values.empty()) return 0;
  float largest = 0;
  for (const float label : labels.values) {
    // Class numbers beyond a million are no classes.
    if (!(label >= 0 && label < 1e6f) || std::floor(label) != label) return 0;
    largest = std::max(largest, label);
  }
  return static_cast<int64_t>(largest) + 1;
}

Dataset load_arrays(const DataOptions& options) {
  Dataset data;
  data.name = options.data;
  data.x = load_npy(options.data);
  if (!options.labels.empty()) {
    data.y = load_npy(options.labels, /*scale_bytes=*/false);
    data.classes = count_classes(data.y);
  }
  return data;
}

bool is_one_of(const Loss& loss, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const char* name) { return loss.name == name; });
}

// Whether its labels are targets or class rows, never class numbers.
bool takes_rows(const Loss& loss) {
  return !is_one_of(
      loss, {"sparse_categorical_crossentropy", "SparseCategoricalCrossentropy",
             "categorical_crossentropy", "CategoricalCrossentropy",
             "categorical_focal_crossentropy", "CategoricalFocalCrossentropy",
             "categorical_generalized_cross_entropy", "CategoricalGeneralizedCrossEntropy"});
}

// "NAME" or "OUTPUT=NAME"; the first is empty without an output.
std::pair<std::string, std::string> split_output(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || text.starts_with('{')) return {"", text};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

OutputConfig& output_of(CompileConfig& config, const std::string& name) {
  for (OutputConfig& output : config.outputs)
    if (output.output == name) return output;
  config.outputs.emplace_back().output = name;
  return config.outputs.back();
}

void set_losses(const std::string& text, CompileConfig& config) {
  if (text.starts_with('{')) {
    config.loss = loss_from_json(text);
    for (OutputConfig& output : config.outputs) output.loss.reset();
    return;
  }
  for (const std::string& part : split_commas(text)) {
    const auto [output, name] = split_output(part);
    if (output.empty()) {
      config.loss = name;
      for (OutputConfig& other : config.outputs) other.loss.reset();
    } else {
      output_of(config, output).loss = Loss(name);
    }
  }
}

void set_metrics(const std::string& text, CompileConfig& config) {
  config.metrics.clear();
  for (OutputConfig& output : config.outputs) output.metrics.clear();
  if (text.starts_with('[')) {
    config.metrics = metrics_from_json(text);
    return;
  }
  for (const std::string& part : split_commas(text)) {
    const auto [output, name] = split_output(part);
    (output.empty() ? config.metrics : output_of(config, output).metrics).emplace_back(name);
  }
}

void set_loss_weights(const std::string& text, CompileConfig& config) {
  for (const std::string& part : split_commas(text)) {
    const auto [output, number] = split_output(part);
    double weight = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), weight);
    if (output.empty() || error != std::errc() || end != number.data() + number.size())
      throw ArgumentError(fmt::format(
          "--loss-weights: '{}'; OUTPUT=NUMBER, as in main=1,aux=0.3, would be right", part));
    output_of(config, output).loss_weight = weight;
  }
}

}  // namespace

void add_data_options(CLI::App& command, DataOptions& options, bool required) {
  command
      .add_option("--data", options.data,
                  "A named data set (see 'pronghorn data'), an .npz file with x_train, y_train, "
                  "x_test, y_test or x, y, or with an array for each input and output of the model "
                  "by its name (INPUT_train, OUTPUT_test and so on; of weights sample_weight, or "
                  "OUTPUT_sample_weight); a .csv file; or an .npy file of samples")
      ->required(required)
      ->type_name("NAME|FILE");
  command.add_option("--labels", options.labels, "The labels of an .npy file's samples")
      ->type_name("FILE.npy");
  command.add_option("--data-dir", options.data_dir, "Where a named data set's files are")
      ->type_name("DIR");
  command
      .add_option("--label-column", options.label_column,
                  "The column of a .csv file that holds the label, from 0; -1 is the last")
      ->capture_default_str();
}

LoadedData load_data(const DataOptions& options, const Model& model) {
  const std::string& name = options.data;
  if (!options.labels.empty() && !name.ends_with(".npy")) {
    throw ArgumentError(fmt::format(
        "--labels belongs to samples in an .npy file; '{}' brings labels of its own", name));
  }
  LoadedData loaded;
  if (name.ends_with(".csv")) {
    loaded.train = load_csv(name, options.label_column);
  } else if (name.ends_with(".npy")) {
    loaded.train = load_arrays(options);
  } else {
    TrainAndTest both = name.ends_with(".npz") ? load_npz(name, /*scale_bytes=*/true,
                                                          model.input_names(), model.output_names())
                                               : load_dataset(name, options.data_dir);
    loaded.train = std::move(both.train);
    if (both.test.all_inputs().samples() > 0) loaded.test = std::move(both.test);
  }
  return loaded;
}

void add_trained_options(CLI::App& command, std::string& weights, DataOptions& data,
                         std::string& part) {
  command
      .add_option(
          "--weights", weights,
          "The trained weights: .safetensors, .weights.h5 or any file that load_model takes "
          "(default: those in the model's file)")
      ->type_name("FILE");
  add_data_options(command, data);
  command.add_option("--part", part, "The part of a data set that has two")
      ->check(CLI::IsMember({"test", "train"}))
      ->capture_default_str();
}

void load_trained_weights(Model& model, const std::string& weights) {
  if (!weights.empty()) return model.load_weights(weights);
  if (!model.has_weights())
    throw ArgumentError(
        "--weights is missing: the model has none of its own; a .keras file would have");
}

void check_trained_file(const std::string& path) {
  for (const char* suffix : {".keras", ".weights.h5", ".safetensors"})
    if (path.ends_with(suffix)) return check_writable(path);
  throw ArgumentError(fmt::format(
      "'{}': a trained model is written as .keras (with all that Keras needs to go on), "
      "weights alone as .weights.h5 or .safetensors",
      path));
}

void write_trained(const Model& model, const std::string& path) {
  path.ends_with(".keras") ? model.save(path) : model.save_weights(path);
}

Dataset load_part(const DataOptions& options, const std::string& part, const Model& model) {
  LoadedData loaded = load_data(options, model);
  if (part == "train" || !loaded.test) return std::move(loaded.train);
  return *std::move(loaded.test);
}

void add_run_options(CLI::App& command, RunOptions& options) {
  command.add_option("--threads", options.threads, "Threads; 0 is one per CPU. Changes no result")
      ->capture_default_str();
  command
      .add_option("--kernels", options.kernels,
                  "Kernels to use where they can: reference, simd, onednn, or auto for the best")
      ->type_name("FAMILY")
      ->envname("PRONGHORN_KERNELS");
  add_kernel_options(command, options);
}

void add_policy_options(CLI::App& command, RunOptions& options) {
  command.add_flag("--exact", options.exact,
                   "Leaves out Winograd's convolutions, whose rounding errors are larger (1e-6)");
  command
      .add_option("--precision", options.precision,
                  "float32, or mixed_bfloat16: products may round their operands to bfloat16 where "
                  "that is faster; needs a CPU with AVX512_BF16")
      ->type_name("POLICY")
      ->capture_default_str();
}

void add_kernel_options(CLI::App& command, RunOptions& options) {
  add_policy_options(command, options);
  command
      .add_option("--choices", options.choices,
                  "Which kernel runs which ops, where it can: what 'pronghorn tune' wrote")
      ->type_name("FILE.json");
}

void apply(const RunOptions& options, CompileConfig& config) {
  config.threads = options.threads;
  config.kernels = options.kernels;
  config.exact = options.exact;
  config.precision = options.precision;
  config.choices = options.choices;
  if (const std::string note = choices_note(options.choices); !note.empty())
    fmt::print(stderr, "pronghorn: {}\n", note);
}

void add_loss_options(CLI::App& command, LossOptions& options) {
  command
      .add_option("--loss", options.loss,
                  fmt::format("{}; or OUTPUT=NAME,... of a model with several outputs; or Keras's "
                              "JSON of one, with arguments. Default: the model file's, else what "
                              "suits the labels",
                              fmt::join(loss_names(), ", ")))
      ->type_name("NAME");
  command
      .add_option("--loss-weights", options.loss_weights,
                  "What the loss of each output counts in the total: OUTPUT=NUMBER,...")
      ->type_name("NUMBERS");
  command.add_flag("--from-logits", options.from_logits,
                   "The model's outputs are logits, not probabilities");
  command
      .add_option(
          "--metrics", options.metrics,
          "Separated by commas, OUTPUT=NAME of a model with several outputs; or Keras's JSON "
          "of a list of them. Default: the model file's, else accuracy for classes. "
          "Known: " +
              fmt::format("{}", fmt::join(metric_names(), ", ")))
      ->type_name("NAMES");
}

CompileConfig config_for(const Model& model, const Dataset& data, const LossOptions& loss,
                         const RunOptions& run) {
  CompileConfig config;
  const bool several_outputs = model.output_names().size() == 1 &&
                               model.output_shape().rank() > 0 && model.output_shape().back() > 1;
  const bool one_hot = data.y.shape.rank() > 1 && data.y.shape.back() > 1;
  if (model.file_config()) {
    config = *model.file_config();
  } else {
    const bool classes = data.classes > 0 || one_hot;
    config.loss = !classes          ? "mean_squared_error"
                  : several_outputs ? "categorical_crossentropy"
                                    : "binary_crossentropy";
    if (classes) config.metrics = {"accuracy"};
  }
  if (!loss.loss.empty()) set_losses(loss.loss, config);
  if (loss.from_logits) {
    config.loss.from_logits = true;
    for (OutputConfig& output : config.outputs)
      if (output.loss) output.loss->from_logits = true;
  }
  if (!loss.metrics.empty()) set_metrics(loss.metrics, config);
  if (!loss.loss_weights.empty()) set_loss_weights(loss.loss_weights, config);
  apply(run, config);
  return config;
}

void suit_labels(Dataset& data, const CompileConfig& config, const Model& model) {
  if (model.output_names().size() != 1) return;
  const Shape outputs = model.output_shape();
  if (takes_rows(config.loss) && data.classes > 0 && outputs.rank() == 1 && outputs.back() > 1) {
    data.y = to_categorical(data.y, outputs.back());
    data.classes = 0;
  }
}

}  // namespace pronghorn::cli
