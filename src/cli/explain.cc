#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/explain_options.h"
#include "pronghorn/error.h"
#include "pronghorn/report.h"
#include "pronghorn/saving.h"

namespace pronghorn::cli {
namespace {

// Enough to see how steps follow each other, few enough for a page that one can scroll.
constexpr int64_t kTraceSteps = 4;

struct ExplainCommand {
  std::vector<std::string> models;
  ExplainFlags flags;
  // Each one or several changes, separated by spaces.
  std::vector<std::string> what_if;
  std::string trace;
};

std::vector<WhatIf> changes(const std::vector<std::string>& specs) {
  std::vector<WhatIf> result;
  for (const std::string& spec : specs) {
    std::istringstream words(spec);
    for (std::string word; words >> word;) result.push_back(parse_what_if(word));
  }
  return result;
}

void print(const ExplainCommand& command, const std::vector<Explanation>& explanations,
           const std::vector<Variant>& variants) {
  if (command.flags.json) {
    // A list where several were asked for: one document is what a program expects of one model.
    if (explanations.size() == 1) {
      fmt::print("{}", report::json(explanations[0], variants));
      return;
    }
    fmt::print("[\n");
    for (size_t i = 0; i < explanations.size(); ++i)
      fmt::print("{}{}", i > 0 ? ",\n" : "", report::json(explanations[i]));
    fmt::print("]\n");
    return;
  }
  const int columns = report_columns();
  for (size_t i = 0; i < explanations.size(); ++i)
    fmt::print("{}{}", i > 0 ? "\n" : "", report::terminal(explanations[i], columns));
  if (!variants.empty()) fmt::print("\n{}", report::terminal(variants, columns));
}

void explain_models(const ExplainCommand& command) {
  const ExplainFlags& flags = command.flags;
  if (command.models.size() > 1 && !command.trace.empty())
    throw ArgumentError("--trace takes one model; give the others a command of their own");
  if (command.models.size() > 1 && !command.what_if.empty())
    throw ArgumentError("--what-if takes one model; give the others a command of their own");
  // Whatever can be wrong is found before anything is measured.
  if (!flags.html.empty()) check_writable(flags.html);
  if (!command.trace.empty()) check_writable(command.trace);
  const std::vector<WhatIf> what_ifs = changes(command.what_if);
  const std::vector<NamedModel> models = load_models(command.models);
  std::vector<ExplainOptions> options;
  for (const NamedModel& each : models) {
    options.push_back(explain_options(flags, each.model));
    check(options.back());
    if (command.trace.empty()) continue;
    options.back().measure = true;
    options.back().trace_steps = kTraceSteps;
  }

  const Machine machine = find_machine(flags.machine);
  std::vector<Explanation> explanations;
  for (size_t i = 0; i < models.size(); ++i)
    explanations.push_back(explain(models[i].model, models[i].name, machine, options[i]));
  std::vector<Variant> variants;
  if (!what_ifs.empty())
    variants = what_if(models[0].model, models[0].name, machine, options[0], what_ifs);

  if (!command.trace.empty()) {
    if (!explanations[0].profile)
      throw UnsupportedError(fmt::format("--trace: nothing was measured: {}",
                                         explanations[0].untrainable.value_or("no step ran")));
    save_text(command.trace, report::trace(*explanations[0].profile, explanations[0].model));
  }
  if (!flags.html.empty()) save_text(flags.html, report::html(explanations, variants));
  print(command, explanations, variants);
}

}  // namespace

void add_explain(CLI::App& program) {
  auto options = std::make_shared<ExplainCommand>();
  CLI::App& command = *program.add_subcommand(
      "explain", "Why a training step takes as long as it does, without training");
  command.add_option("MODEL", options->models, std::string(kModelHelp) + "; or several")
      ->required();
  add_explain_flags(command, options->flags);
  command
      .add_option(
          "--what-if", options->what_if,
          "One change each, whose step is predicted beside the model's: batch-size=1,32,128, "
          "threads=1..8, "
          "filters=0.5 (times every Conv2D's filters and hidden Dense layer's units), stride=2 "
          "(of the first Conv2D)")
      ->type_name("CHANGE");
  command
      .add_option("--trace", options->trace,
                  "Measures, and writes a trace of a few steps with each op on its threads, for "
                  "Perfetto (ui.perfetto.dev) or chrome://tracing")
      ->type_name("FILE.json");
  command.footer(
      "Example:\n"
      "  pronghorn explain mnist-cnn --batch-size 128 --measure\n"
      "  pronghorn explain mnist-cnn --what-if batch-size=1,32,128,1024 threads=1..8\n"
      "  pronghorn explain mnist-cnn --kernels reference\n"
      "  pronghorn explain mnist-mlp mnist-cnn --html report.html");
  command.callback([options] { explain_models(*options); });
}

}  // namespace pronghorn::cli
