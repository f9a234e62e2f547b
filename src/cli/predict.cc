#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "pronghorn/error.h"
#include "pronghorn/model.h"
#include "pronghorn/saving.h"

namespace pronghorn::cli {
namespace {

struct PredictCommand {
  std::string model;
  std::string weights;
  std::string part = "test";
  std::string out;
  int64_t batch_size = EvaluateOptions{}.batch_size;
  bool json = false;
  DataOptions data;
  RunOptions run;
};

// The class of a sample is its largest output (the first of equals), and that output its
// probability. A model with one output has no classes: its "class" is -1.
struct Prediction {
  int64_t number;
  float value;
};

Prediction prediction(const Array& outputs, int64_t sample) {
  const int64_t width = outputs.shape.back();
  const float* row = outputs.values.data() + sample * width;
  const float* largest = std::max_element(row, row + width);
  return {width > 1 ? largest - row : -1, *largest};
}

nlohmann::ordered_json as_json(const Array& outputs) {
  nlohmann::ordered_json predictions = nlohmann::ordered_json::array();
  for (int64_t sample = 0; sample < outputs.samples(); ++sample) {
    const Prediction p = prediction(outputs, sample);
    if (p.number >= 0)
      predictions.push_back({{"class", p.number}, {"probability", p.value}});
    else
      predictions.push_back({{"output", p.value}});
  }
  return {{"predictions", std::move(predictions)}};
}

std::string as_csv(const Array& outputs) {
  std::string text = outputs.shape.back() > 1 ? "sample,class,probability\n" : "sample,output\n";
  for (int64_t sample = 0; sample < outputs.samples(); ++sample) {
    const Prediction p = prediction(outputs, sample);
    if (p.number >= 0)
      fmt::format_to(std::back_inserter(text), "{},{},{}\n", sample, p.number, p.value);
    else
      fmt::format_to(std::back_inserter(text), "{},{}\n", sample, p.value);
  }
  return text;
}

void check_out(const PredictCommand& options, const Model& model) {
  const bool npy = options.out.ends_with(".npy");
  if (!options.out.empty()) {
    if (!npy && !options.out.ends_with(".csv")) {
      throw ArgumentError(
          fmt::format("--out '{}': predictions are written as .npy or .csv", options.out));
    }
    check_writable(options.out);
  }
  if (model.output_names().size() > 1) {
    if (!npy || options.json)
      throw ArgumentError(fmt::format(
          "the model has {} outputs, which fit no line; write them with --out FILE.npy, each to "
          "FILE.OUTPUT.npy",
          model.output_names().size()));
    return;
  }
  if (model.output_shape().rank() != 1 && (!npy || options.json)) {
    throw ArgumentError(fmt::format("outputs of {} fit no line; write them with --out FILE.npy",
                                    model.output_shape().to_string()));
  }
}

void predict(const PredictCommand& options) {
  Model model = load_model(options.model);
  check_out(options, model);
  load_trained_weights(model, options.weights);
  const Dataset data = load_part(options.data, options.part, model);
  CompileConfig config;
  apply(options.run, config);
  model.compile(config);
  if (model.output_names().size() > 1) {
    const std::string stem = options.out.substr(0, options.out.size() - std::string(".npy").size());
    for (const NamedArray& output :
         model.predict_outputs(data.all_inputs(), {options.batch_size, Verbose::kSilent}))
      save_npy(fmt::format("{}.{}.npy", stem, output.name), output.array);
    return;
  }
  const Array outputs = model.predict(data.all_inputs(), {options.batch_size, Verbose::kSilent});

  if (options.out.ends_with(".npy")) save_npy(options.out, outputs);
  if (options.out.ends_with(".csv")) save_text(options.out, as_csv(outputs));
  if (options.json)
    print_json(as_json(outputs));
  else if (options.out.empty())
    fmt::print("{}", as_csv(outputs));
}

}  // namespace

void add_predict(CLI::App& program) {
  auto options = std::make_shared<PredictCommand>();
  CLI::App& command = *program.add_subcommand(
      "predict", "Prints the class of each sample, or writes a model's outputs");
  command.add_option("MODEL", options->model, kModelHelp)->required();
  add_trained_options(command, options->weights, options->data, options->part);
  command
      .add_option("--out", options->out,
                  "A .npy file for all outputs, or a .csv file for class and probability")
      ->type_name("FILE");
  command.add_option("--batch-size", options->batch_size, "Samples in a step")
      ->capture_default_str();
  add_run_options(command, options->run);
  command.add_flag("--json", options->json, "Prints JSON");
  command.footer(
      "Example:\n  pronghorn predict mnist-cnn --weights cnn.safetensors --data mnist-10k\n"
      "  pronghorn predict mnist-cnn --weights cnn.safetensors --data digits.npy --out p.npy");
  command.callback([options] { predict(*options); });
}

}  // namespace pronghorn::cli
