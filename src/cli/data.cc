#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "cli/output.h"
#include "pronghorn/data.h"

namespace pronghorn::cli {
namespace {

struct DataListOptions {
  std::string name;
  std::string data_dir;
  bool json = false;
};

nlohmann::ordered_json describe(const Dataset& data) {
  return {{"samples", data.x.samples()},
          {"sample_shape", to_json(data.x.shape.without_batch())},
          {"classes", data.classes}};
}

void show_dataset(const DataListOptions& options) {
  const TrainAndTest data = load_dataset(options.name, options.data_dir);
  if (options.json) {
    print_json(
        {{"name", options.name}, {"train", describe(data.train)}, {"test", describe(data.test)}});
    return;
  }
  for (const auto& [part, set] : {std::pair("train", &data.train), std::pair("test", &data.test)})
    fmt::print("{:<6} {} samples of {}, {} classes\n", part, with_commas(set->x.samples()),
               set->x.shape.without_batch().to_string(), set->classes);
}

void list(const DataListOptions& options) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const DatasetInfo& info : list_datasets(options.data_dir)) {
    json.push_back({{"name", info.name},
                    {"description", info.description},
                    {"found_at", info.found_at},
                    {"missing", info.missing}});
    if (options.json) continue;
    fmt::print("{:<14} {}\n{:<14} {}\n", info.name, info.description, "",
               info.found_at.empty() ? "missing: " + info.missing : "found at " + info.found_at);
  }
  if (options.json) print_json(json);
}

}  // namespace

void add_data(CLI::App& program) {
  auto options = std::make_shared<DataListOptions>();
  CLI::App& command =
      *program.add_subcommand("data", "Lists the named data sets and where they were found");
  command.add_option("NAME", options->name, "Reads this data set and tells what is in it");
  command.add_option("--data-dir", options->data_dir, "Where their files are")->type_name("DIR");
  command.add_flag("--json", options->json, "Prints JSON");
  command.footer("Example:\n  pronghorn data\n  pronghorn data mnist-10k");
  command.callback([options] { options->name.empty() ? list(*options) : show_dataset(*options); });
}

}  // namespace pronghorn::cli
