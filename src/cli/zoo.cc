#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "cli/output.h"
#include "pronghorn/model.h"

namespace pronghorn::cli {
namespace {

struct ZooOptions {
  std::string name;
  bool json = false;
};

void show_zoo(const ZooOptions& options) {
  if (!options.name.empty()) {
    fmt::print("{}\n", load_model(options.name).to_json());
    return;
  }
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  if (!options.json)
    fmt::print("{:<14} {:>12} {:>22}  description\n", "name", "parameters", "multiply-accumulates");
  for (const ZooEntry& entry : zoo()) {
    const Model model = load_model(entry.name);
    json.push_back({{"name", entry.name},
                    {"parameters", model.count_params()},
                    {"multiply_accumulates", model.multiply_accumulates()},
                    {"description", entry.description}});
    if (!options.json) {
      fmt::print("{:<14} {:>12} {:>22}  {}\n", entry.name, with_commas(model.count_params()),
                 with_commas(model.multiply_accumulates()), entry.description);
    }
  }
  if (options.json) print_json(json);
}

}  // namespace

void add_zoo(CLI::App& program) {
  auto options = std::make_shared<ZooOptions>();
  CLI::App& command = *program.add_subcommand("zoo", "Lists the built-in models, or prints one");
  command.add_option("NAME", options->name,
                     "Prints this model's Keras JSON, to be changed and given back as a file");
  command.add_flag("--json", options->json, "Prints JSON");
  command.footer("Example:\n  pronghorn zoo\n  pronghorn zoo mnist-cnn > mine.json");
  command.callback([options] { show_zoo(*options); });
}

}  // namespace pronghorn::cli
