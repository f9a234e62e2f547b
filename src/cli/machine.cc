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
  CLI::Option* fresh = command.add_flag(
      "--fresh", options->fresh,
      "Measures anew (some 20 seconds, more with many CPUs, in which nothing else "
      "should run); without it, only where nothing is kept in the user's cache directory yet");
  command.add_option("--machine", options->file, "Shows a file that --out wrote, on any machine")
      ->type_name("FILE.json")
      ->excludes(fresh);
  command
      .add_option("--out", options->out,
                  "Writes the numbers to a file too, for --machine of explain and compare")
      ->type_name("FILE.json");
  command.add_flag("--json", options->json, "Prints JSON: what --out writes");
  command.footer(
      "Example:\n"
      "  pronghorn machine\n"
      "  pronghorn machine --fresh --out mine.json");
  command.callback([options] { show_machine(*options); });
}

}  // namespace pronghorn::cli
