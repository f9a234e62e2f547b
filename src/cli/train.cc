#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/optimizer_options.h"
#include "cli/options.h"
#include "cli/output.h"
#include "pronghorn/callbacks.h"
#include "pronghorn/error.h"
#include "pronghorn/model.h"
#include "pronghorn/report.h"
#include "pronghorn/saving.h"

namespace pronghorn::cli {
namespace {

struct TrainCommand {
  std::string model;
  DataOptions data;
  LossOptions loss;
  RunOptions run;
  OptimizerOptions optimizer;
  int epochs = FitOptions{}.epochs;
  int initial_epoch = FitOptions{}.initial_epoch;
  int64_t batch_size = FitOptions{}.batch_size;
  std::optional<double> validation_split;
  std::string class_weight;
  bool no_shuffle = false;
  std::optional<uint64_t> seed;
  std::string weights;
  std::string out;
  std::string log;
  std::string checkpoint;
  std::string tensorboard;
  bool profile = false;
  std::string trace;
  std::string result;
  std::optional<int> early_stopping;
  std::optional<int> reduce_lr;
  bool quiet = false;
  std::optional<int> verbose;
  bool json = false;
};

std::vector<std::unique_ptr<Callback>> make_callbacks(const TrainCommand& options, bool validates) {
  // Without validation data there is no val_loss to watch.
  const std::string monitor = validates ? "val_loss" : "loss";
  std::vector<std::unique_ptr<Callback>> callbacks;
  if (!options.log.empty()) callbacks.push_back(CSVLogger(options.log));
  if (!options.tensorboard.empty()) callbacks.push_back(TensorBoard(options.tensorboard));
  if (!options.checkpoint.empty()) {
    ModelCheckpointOptions checkpoint;
    checkpoint.filepath = options.checkpoint;
    callbacks.push_back(ModelCheckpoint(checkpoint));
  }
  if (options.reduce_lr) {
    ReduceLROnPlateauOptions reduce;
    reduce.monitor = monitor;
    reduce.patience = *options.reduce_lr;
    callbacks.push_back(ReduceLROnPlateau(reduce));
  }
  if (options.early_stopping) {
    EarlyStoppingOptions stopping;
    stopping.monitor = monitor;
    stopping.patience = *options.early_stopping;
    callbacks.push_back(EarlyStopping(stopping));
  }
  return callbacks;
}

Verbose verbosity(const TrainCommand& options) {
  if (options.quiet || options.json) return Verbose::kSilent;
  return options.verbose ? static_cast<Verbose>(*options.verbose) : Verbose::kAuto;
}

// How many samples a training of this data trains and validates on.
std::pair<int64_t, int64_t> parts(const LoadedData& data, const FitOptions& fit) {
  const int64_t samples = data.train.all_inputs().samples();
  if (fit.validation_data != nullptr) return {samples, fit.validation_data->all_inputs().samples()};
  const auto training =
      static_cast<int64_t>(static_cast<double>(samples) * (1 - fit.validation_split));
  return {training, samples - training};
}

// Says what will be trained on what, once all was found to be in order; counts what was done.
class Announcement : public Callback {
 public:
  explicit Announcement(std::function<std::string()> text) : text_(std::move(text)) {}
  void on_train_begin(TrainingControl&) override {
    if (text_) fmt::print("{}", text_());
  }
  void on_epoch_end(TrainingControl&, int, const Logs&) override { ++epochs_; }
  int epochs() const { return epochs_; }

 private:
  std::function<std::string()> text_;
  int epochs_ = 0;
};

// Of all outputs, or each by its name.
std::string losses_of(const CompileConfig& config) {
  std::string text;
  for (const OutputConfig& output : config.outputs)
    if (output.loss)
      text += fmt::format("{}{}{}{}", text.empty() ? "" : ", ", output.output,
                          output.output.empty() ? "" : "=",
                          output.loss->name.empty() ? "none" : output.loss->name);
  return text.empty() ? config.loss.name : text;
}

std::map<int64_t, double> parse_class_weight(const std::string& text) {
  const auto wrong = [&] {
    return ArgumentError(fmt::format(
        "--class-weight '{}': JSON of class numbers and weights, {{\"0\": 1, \"1\": 5}}, would be "
        "right",
        text));
  };
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw wrong();
  std::map<int64_t, double> weights;
  for (const auto& [name, weight] : json.items()) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error != std::errc() || end != name.data() + name.size() || !weight.is_number())
      throw wrong();
    weights[number] = weight.get<double>();
  }
  return weights;
}

std::string announcement(const TrainCommand& options, const Model& model,
                         const CompileConfig& config, const LoadedData& data,
                         const FitOptions& fit) {
  const auto [training, validation] = parts(data, fit);
  return fmt::format(
      "{}: {} parameters, {} multiply-accumulates forward per image\n"
      "{}: {} samples to train on, {} to validate\n"
      "{}, learning rate {}, {}, batch size {}{}\n",
      options.model, with_commas(model.count_params()), with_commas(model.multiply_accumulates()),
      options.data.data, with_commas(training), with_commas(validation), config.optimizer.name,
      learning_rate_text(config.optimizer), losses_of(config), options.batch_size,
      model.optimizer_steps() == 0
          ? ""
          : fmt::format("; goes on after {} steps", with_commas(model.optimizer_steps())));
}

Logs last_logs(const History& history) {
  Logs logs;
  for (const auto& [name, values] : history.history) logs.emplace_back(name, values.back());
  return logs;
}

void print_result(const TrainCommand& options, const History& history) {
  const std::vector<double>& seconds = history.epoch_seconds;
  if (seconds.empty()) return;
  std::string each;
  for (const double epoch : seconds) each += fmt::format(" {:.2f}", epoch);
  const double total = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  fmt::print("training seconds per epoch:{} (mean {:.2f}, validation left out)\n", each,
             total / static_cast<double>(seconds.size()));
  fmt::print("{}\n", to_text(last_logs(history)));
  if (!options.out.empty())
    fmt::print("{}: {}\n", options.out.ends_with(".keras") ? "model" : "weights", options.out);
}

nlohmann::ordered_json as_json(const TrainCommand& options, const Model& model,
                               const CompileConfig& config, const LoadedData& data,
                               const FitOptions& fit, const History& history,
                               const StepProfile& profile) {
  const auto [training, validation] = parts(data, fit);
  nlohmann::ordered_json json;
  json["model"] = options.model;
  json["parameters"] = model.count_params();
  json["multiply_accumulates"] = model.multiply_accumulates();
  json["data"] = options.data.data;
  json["training_samples"] = training;
  json["validation_samples"] = validation;
  json["batch_size"] = options.batch_size;
  json["optimizer"] = config.optimizer.name;
  json["learning_rate"] = config.optimizer.learning_rate;
  json["loss_function"] = losses_of(config);
  json["seed"] = config.seed;
  json["epochs"] = history.epoch.size();
  json["seconds_per_epoch"] = history.epoch_seconds;
  json["step_seconds_per_epoch"] = history.step_seconds;
  // The last epoch's; "history" has all.
  for (const auto& [name, value] : last_logs(history)) json[name] = value;
  json["history"] = history.history;
  if (!options.out.empty()) json["weights"] = options.out;
  if (options.profile) json["profile"] = to_json(profile);
  return json;
}

void train(const TrainCommand& options) {
  // Asked first: nobody should train for hours and then lose the weights to a full path.
  if (!options.out.empty()) check_trained_file(options.out);
  if (!options.log.empty()) check_writable(options.log);
  if (!options.result.empty()) check_writable(options.result);
  if (!options.trace.empty()) check_writable(options.trace);
  if (!options.tensorboard.empty()) TensorBoard(options.tensorboard);  // makes its directory

  Model model = load_model(options.model);
  LoadedData data = load_data(options.data, model);
  CompileConfig config = config_for(model, data.train, options.loss, options.run);
  config.optimizer = optimizer_for(config, options.optimizer);
  if (options.seed) config.seed = *options.seed;
  suit_labels(data.train, config, model);
  if (data.test) suit_labels(*data.test, config, model);
  if (!options.weights.empty()) model.load_weights(options.weights);
  model.compile(config);

  FitOptions fit;
  fit.batch_size = options.batch_size;
  fit.epochs = options.epochs;
  fit.initial_epoch = options.initial_epoch;
  fit.shuffle = !options.no_shuffle;
  fit.verbose = verbosity(options);
  fit.sample_weight = data.train.all_sample_weights();
  if (!options.class_weight.empty()) fit.class_weight = parse_class_weight(options.class_weight);
  StepProfile profile;
  if (options.profile || !options.trace.empty()) fit.profile = &profile;
  if (!options.trace.empty()) fit.trace_steps = 3;
  if (options.validation_split)
    fit.validation_split = *options.validation_split;
  else if (data.test)
    fit.validation_data = &*data.test;
  if (options.reduce_lr && config.optimizer.learning_rate_schedule)
    throw ArgumentError(
        "--reduce-lr: ReduceLROnPlateau sets the learning rate, which the optimizer's schedule "
        "sets already");
  const auto callbacks =
      make_callbacks(options, fit.validation_data != nullptr || fit.validation_split > 0);
  for (const auto& callback : callbacks) fit.callbacks.push_back(callback.get());

  std::function<std::string()> text;
  if (fit.verbose != Verbose::kSilent)
    text = [&] { return announcement(options, model, config, data, fit); };
  Announcement announce(std::move(text));
  // First of all, so that it has counted an epoch at whose end another callback fails.
  fit.callbacks.insert(fit.callbacks.begin(), &announce);
  History history;
  try {
    history = model.fit(data.train.all_inputs(), data.train.all_labels(), fit);
  } catch (const Error& error) {
    // A checkpoint's disk that is full, say: what was trained until then is not lost.
    if (announce.epochs() == 0 || options.out.empty()) throw;
    write_trained(model, options.out);
    throw Error(fmt::format("{}; the weights after {} epochs are in '{}'", error.what(),
                            announce.epochs(), options.out));
  }
  if (!options.out.empty()) write_trained(model, options.out);
  if (!options.trace.empty()) save_text(options.trace, report::trace(profile, options.model));
  if (!options.result.empty())
    save_text(options.result,
              to_text(as_json(options, model, config, data, fit, history, profile)));
  if (options.json) {
    print_json(as_json(options, model, config, data, fit, history, profile));
    return;
  }
  print_result(options, history);
  if (options.profile && profile.steps > 0) fmt::print("\n{}", report::terminal(profile));
}

void add_file_options(CLI::App& command, TrainCommand& options) {
  command.add_option("--weights", options.weights, "Weights to begin with")->type_name("FILE");
  command
      .add_option("--out", options.out,
                  "Where the trained model is written (.keras, with the optimizer's state), or its "
                  "weights")
      ->type_name(kTrainedFiles);
  command
      .add_option("--log", options.log, "A CSV file with a line per epoch, as Keras's CSVLogger")
      ->type_name("FILE.csv");
  command
      .add_option(
          "--checkpoint", options.checkpoint,
          "Writes model or weights after each epoch; {epoch:02d} and {val_loss:.2f} are filled "
          "in")
      ->type_name(kTrainedFiles);
  command
      .add_option("--tensorboard", options.tensorboard,
                  "Event files for TensorBoard, with the scalars that Keras's callback writes for "
                  "each epoch; look at them with: tensorboard --logdir DIR")
      ->type_name("DIR");
  command
      .add_option("--trace", options.trace,
                  "A trace of three steps, ops on threads, for Perfetto (ui.perfetto.dev) or "
                  "chrome://tracing")
      ->type_name("FILE.json");
  command
      .add_option("--result", options.result,
                  "Where the JSON that --json prints is written, with the progress shown as well")
      ->type_name("FILE.json");
}

}  // namespace

void add_train(CLI::App& program) {
  auto options = std::make_shared<TrainCommand>();
  CLI::App& command = *program.add_subcommand("train", "Trains a model");
  command.add_option("MODEL", options->model, kModelHelp)->required();
  add_data_options(command, options->data);
  command.add_option("--epochs", options->epochs, "Passes over the data")->capture_default_str();
  command
      .add_option("--initial-epoch", options->initial_epoch,
                  "Epochs that were trained before, as in Keras: the rest of --epochs is trained")
      ->capture_default_str();
  command.add_option("--batch-size", options->batch_size, "Samples in a step")
      ->capture_default_str();
  add_optimizer_options(command, options->optimizer);
  add_loss_options(command, options->loss);
  command.add_option("--validation-split", options->validation_split,
                     "The last fraction of the samples is kept for validation; default: the test "
                     "part of a data set that has one, else 0");
  command
      .add_option("--class-weight", options->class_weight,
                  "What the loss of a sample of a class is multiplied by, 1 for others: "
                  "'{\"0\": 1, \"1\": 5}'. Weights of samples come with the data")
      ->type_name("JSON");
  command.add_flag("--no-shuffle", options->no_shuffle,
                   "Takes the samples in the same order always");
  command
      .add_option("--early-stopping", options->early_stopping,
                  "Stops when val_loss (loss, without validation) did not improve for so many "
                  "epochs")
      ->type_name("EPOCHS");
  command
      .add_option("--reduce-lr", options->reduce_lr,
                  "A tenth of the learning rate when it did not improve for so many epochs")
      ->type_name("EPOCHS");
  add_file_options(command, *options);
  command.add_flag("--profile", options->profile,
                   "Times each op of the training's steps in place and lists them after it");
  command.add_option(
      "--seed", options->seed,
      "Of initial weights, shuffling and dropout; default: that of the training which "
      "a .keras file goes on with, else 0");
  add_run_options(command, options->run);
  command
      .add_option("--verbose", options->verbose,
                  "As in Keras: 0 no progress, 1 a bar, 2 a line per epoch; default: a bar on a "
                  "terminal, else lines")
      ->check(CLI::Range(0, 2));
  command.add_flag("--quiet", options->quiet, "No progress, only the result");
  command.add_flag("--json", options->json, "Prints JSON, and no progress");
  command.footer(
      "Example:\n"
      "  pronghorn train mnist-cnn --data mnist-10k --epochs 12 --batch-size 128 "
      "--out cnn.keras\n"
      "  pronghorn train cnn.keras --data mnist-10k --epochs 16 --initial-epoch 12 --batch-size "
      "128 "
      "--out cnn.keras\n"
      "  pronghorn train mnist-mlp --data mine.csv --validation-split 0.1 --optimizer adam "
      "--learning-rate 0.0005 --log history.csv");
  command.callback([options] { train(*options); });
}

}  // namespace pronghorn::cli
