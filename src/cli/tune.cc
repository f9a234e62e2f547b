#include "pronghorn/tune.h"

#include <fmt/format.h>
#include <unistd.h>

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

struct TuneCommand {
  std::string model;
  ExplainFlags flags;
  DataOptions data;
  int rounds = TuneOptions{}.rounds;
  bool reference = false;
  bool refusals = false;
  bool json = false;
  std::string out;
};

void tune_model(const TuneCommand& command) {
  if (!command.out.empty()) check_writable(command.out);
  const std::vector<NamedModel> models = load_models({command.model});
  const NamedModel& named = models[0];
  TuneOptions options;
  options.batch_size = command.flags.batch_size;
  options.config = explain_options(command.flags, named.model).config;
  options.rounds = command.rounds;
  options.reference = command.reference;
  Dataset data;
  if (!command.data.data.empty()) {
    data = load_data(command.data, named.model).train;
    options.data = &data;
  }
  const bool shows_progress = isatty(STDERR_FILENO) != 0;
  if (shows_progress)
    options.progress = [](size_t op, size_t ops) {
      fmt::print(stderr, "\rop {} of {} ", op + 1, ops);
    };
  const Tuning tuning = tune(named.model, named.name, options);
  if (shows_progress) fmt::print(stderr, "\r                      \r");
  if (!command.out.empty()) save_choices(tuning, command.out);
  if (command.json) {
    fmt::print("{}", report::json(tuning));
    return;
  }
  fmt::print("{}", report::terminal(tuning, report_columns(), command.refusals));
  if (!command.out.empty()) fmt::print("choices: {}\n", command.out);
}

}  // namespace

void add_tune(CLI::App& program) {
  auto options = std::make_shared<TuneCommand>();
  CLI::App& command = *program.add_subcommand(
      "tune", "Measures every kernel that could run an op of a model, in its place in a step");
  command.add_option("MODEL", options->model, kModelHelp)->required();
  add_data_options(command, options->data, /*required=*/false);
  command.add_option("--batch-size", options->flags.batch_size, "Samples in a step")
      ->capture_default_str();
  command
      .add_option("--optimizer", options->flags.optimizer,
                  fmt::format("{}; default: the model file's, else rmsprop",
                              fmt::join(optimizer_names(), ", ")))
      ->type_name("NAME");
  command
      .add_option("--loss", options->flags.loss,
                  fmt::format("{}; default: the model file's, else what suits the output",
                              fmt::join(loss_names(), ", ")))
      ->type_name("NAME");
  command.add_option("--threads", options->flags.run.threads, "Threads; 0 is one per CPU")
      ->capture_default_str();
  add_policy_options(command, options->flags.run);
  command.add_option("--rounds", options->rounds, "How often each kernel is run")
      ->capture_default_str();
  command.add_flag("--reference", options->reference,
                   "Also measures the textbook loops, which take hundreds of times as long");
  command.add_flag("--refusals", options->refusals,
                   "Says of the kernels that were not measured why they can't run an op");
  command.add_flag("--json", options->json, "Prints JSON (docs/explanation-schema.md)");
  command
      .add_option("--out", options->out,
                  "Writes what was chosen, for --choices of train, evaluate, predict and explain")
      ->type_name("FILE.json");
  command.footer(
      "Example:\n"
      "  pronghorn tune mnist-cnn --threads 1 --data mnist-10k --out choices.json\n"
      "  pronghorn train mnist-cnn --threads 1 --data mnist-10k --choices choices.json");
  command.callback([options] { tune_model(*options); });
}

}  // namespace pronghorn::cli
