#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/explain_options.h"
#include "pronghorn/report.h"
#include "pronghorn/saving.h"

namespace pronghorn::cli {
namespace {

struct CompareCommand {
  std::string a, b;
  ExplainFlags flags;
};

void compare_models(const CompareCommand& command) {
  const ExplainFlags& flags = command.flags;
  if (!flags.html.empty()) check_writable(flags.html);
  const std::vector<NamedModel> models = load_models({command.a, command.b});
  for (const NamedModel& each : models) check(explain_options(flags, each.model));
  const Machine machine = find_machine(flags.machine);
  std::vector<Explanation> sides;
  for (const NamedModel& each : models)
    sides.push_back(explain(each.model, each.name, machine, explain_options(flags, each.model)));
  const Comparison comparison = compare(std::move(sides[0]), std::move(sides[1]));
  if (!flags.html.empty()) save_text(flags.html, report::html(comparison));
  fmt::print(
      "{}", flags.json ? report::json(comparison) : report::terminal(comparison, report_columns()));
}

}  // namespace

void add_compare(CLI::App& program) {
  auto options = std::make_shared<CompareCommand>();
  CLI::App& command = *program.add_subcommand(
      "compare", "Why a step of one model takes longer than one of another");
  command.add_option("A", options->a, kModelHelp)->required();
  command
      .add_option("B", options->b,
                  "Another model; the answer is how many times as long as A's its step takes")
      ->required();
  add_explain_flags(command, options->flags);
  command.footer("Example:\n  pronghorn compare mnist-mlp mnist-cnn --batch-size 128 --measure");
  command.callback([options] { compare_models(*options); });
}

}  // namespace pronghorn::cli
