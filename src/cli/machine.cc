#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/explain_options.h"
#include "pronghorn/machine.h"
#include "pronghorn/report.h"
#include "pronghorn/saving.h"

namespace pronghorn::cli {
namespace {

struct MachineOptions {
  bool fresh = false;
  std::string file;
  std::string out;
  bool json = false;
};

void show_machine(const MachineOptions& options) {
  if (!options.out.empty()) check_writable(options.out);
  const Machine machine = find_machine(options.file, options.fresh);
  if (!options.out.empty()) save_machine(machine, options.out);
  fmt::print("{}",
             options.json ? machine_to_json(machine) : report::terminal(machine, report_columns()));
}

}  // namespace

void add_machine(CLI::App& program) {
  auto options = std::make_shared<MachineOptions>();
  CLI::App& command = *program.add_subcommand(
      "machine", "What this machine reaches: arithmetic, memory, parallel loops, kernels");
  CLI::Option* fresh =
      command.add_flag("--fresh", options->fresh,
                       "Measures anew (up to 15 seconds, in which nothing else should run); "
                       "otherwise what was measured once, and kept in the user's cache directory");
  command.add_option("--machine", options->file, "Shows another machine's file")
      ->type_name("FILE.json")
      ->excludes(fresh);
  command
      .add_option("--out", options->out,
                  "Writes the numbers to a file, for --machine here and elsewhere")
      ->type_name("FILE.json");
  command.add_flag("--json", options->json, "Prints that file's JSON");
  command.footer("Example:\n  pronghorn machine --fresh --out mine.json");
  command.callback([options] { show_machine(*options); });
}

}  // namespace pronghorn::cli
