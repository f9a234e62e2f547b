#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

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

struct SummaryOptions {
  std::string model;
  bool graph = false;
  int64_t batch_size = 128;
  bool json = false;
};

nlohmann::ordered_json describe(const Model& model) {
  nlohmann::ordered_json json;
  json["model"] = model.name();
  json["input_shape"] = to_json(model.input_shape());
  json["output_shape"] = to_json(model.output_shape());
  json["parameters"] = model.count_params();
  json["multiply_accumulates"] = model.multiply_accumulates();
  json["layers"] = nlohmann::ordered_json::array();
  for (const SummaryRow& row : model.summary_rows()) {
    json["layers"].push_back({{"name", row.name},
                              {"type", row.type},
                              {"output_shape", to_json(row.output_shape)},
                              {"parameters", row.params},
                              {"multiply_accumulates", row.multiply_accumulates},
                              {"connected_to", row.connected_to}});
  }
  return json;
}

// Like Keras: four less than a narrow terminal has, else the summary's own length.
int line_length() {
  constexpr int kOwnLength = 111;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 0;
  const int columns = size.ws_col - 4;
  return columns < kOwnLength ? columns : 0;
}

void summarize(const SummaryOptions& options) {
  const Model model = load_model(options.model);
  if (options.json) {
    nlohmann::ordered_json json = describe(model);
    if (options.graph) json["graph"] = model.graph_summary(options.batch_size);
    print_json(json);
    return;
  }
  fmt::print(
      "{}", options.graph ? model.graph_summary(options.batch_size) : model.summary(line_length()));
}

}  // namespace

void add_summary(CLI::App& program) {
  auto options = std::make_shared<SummaryOptions>();
  CLI::App& command = *program.add_subcommand(
      "summary", "Shows a model's layers, parameters and multiply-accumulates");
  command.add_option("MODEL", options->model, kModelHelp)->required();
  command.add_flag("--graph", options->graph,
                   "The ops of a training step, with each value's shape and place in memory");
  command.add_option("--batch-size", options->batch_size, "Of the step that --graph shows")
      ->capture_default_str();
  command.add_flag("--json", options->json, "Prints JSON");
  command.footer(
      "Example:\n  pronghorn summary mnist-cnn\n"
      "  pronghorn summary --graph --batch-size 128 mnist-cnn");
  command.callback([options] { summarize(*options); });
}

}  // namespace pronghorn::cli
