#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "pronghorn/model.h"

namespace pronghorn::cli {
namespace {

struct EvaluateCommand {
  std::string model;
  std::string weights;
  std::string part = "test";
  int64_t batch_size = EvaluateOptions{}.batch_size;
  bool json = false;
  DataOptions data;
  LossOptions loss;
  RunOptions run;
};

void evaluate(const EvaluateCommand& options) {
  Model model = load_model(options.model);
  load_trained_weights(model, options.weights);
  Dataset data = load_part(options.data, options.part, model);
  const CompileConfig config = config_for(model, data, options.loss, options.run);
  suit_labels(data, config, model);
  model.compile(config);
  const Logs logs =
      model.evaluate(data.all_inputs(), data.all_labels(),
                     {options.batch_size, Verbose::kSilent, data.all_sample_weights()});
  if (!options.json) {
    fmt::print("{} samples: {}\n", with_commas(data.all_inputs().samples()), to_text(logs));
    return;
  }
  nlohmann::ordered_json json = to_json(logs);
  json["samples"] = data.all_inputs().samples();
  print_json(json);
}

}  // namespace

void add_evaluate(CLI::App& program) {
  auto options = std::make_shared<EvaluateCommand>();
  CLI::App& command =
      *program.add_subcommand("evaluate", "Measures loss and metrics of a trained model");
  command.add_option("MODEL", options->model, kModelHelp)->required();
  add_trained_options(command, options->weights, options->data, options->part);
  command.add_option("--batch-size", options->batch_size, "Samples in a step")
      ->capture_default_str();
  add_loss_options(command, options->loss);
  add_run_options(command, options->run);
  command.add_flag("--json", options->json, "Prints JSON");
  command.footer(
      "Example:\n  pronghorn evaluate mnist-cnn --weights cnn.safetensors --data mnist-10k");
  command.callback([options] { evaluate(*options); });
}

}  // namespace pronghorn::cli
