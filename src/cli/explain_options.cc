#include "cli/explain_options.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

namespace pronghorn::cli {
namespace {

std::string short_name(const std::string& name_or_path) {
  const std::filesystem::path path(name_or_path);
  return path.has_parent_path() || path.extension() == ".json" ? path.stem().string()
                                                               : name_or_path;
}

// What a script would most likely give to compile(): there are no labels to ask.
std::string likely_loss(const Model& model) {
  if (model.output_names().size() != 1) return "mean_squared_error";
  const Shape output = model.output_shape();
  if (output.rank() != 1) return "mean_squared_error";
  return output.back() == 1 ? "binary_crossentropy" : "categorical_crossentropy";
}

}  // namespace

void add_explain_flags(CLI::App& command, ExplainFlags& flags) {
  command.add_option("--batch-size", flags.batch_size, "Images (samples) in a step")
      ->capture_default_str();
  command.add_option("--samples", flags.samples, "Images (samples) in an epoch")
      ->capture_default_str();
  command
      .add_option("--optimizer", flags.optimizer,
                  fmt::format("{}; default: the model file's, else rmsprop",
                              fmt::join(optimizer_names(), ", ")))
      ->type_name("NAME");
  command
      .add_option(
          "--preset", flags.preset,
          "Whose optimizer defaults: keras3, or keras2017 for those that the old examples ran "
          "with")
      ->check(CLI::IsMember({"keras3", "keras2017"}));
  command
      .add_option("--loss", flags.loss,
                  fmt::format("{}; default: the model file's, else what suits the output",
                              fmt::join(loss_names(), ", ")))
      ->type_name("NAME");
  command.add_option("--threads", flags.run.threads, "Threads; 0 is one per CPU")
      ->capture_default_str();
  command
      .add_option(
          "--kernels", flags.run.kernels,
          "Kernels to use where they can: reference, simd, onednn, or auto for the best. "
          "reference, the textbook loops, also shows what each kind of better kernel divides "
          "the step's time by")
      ->type_name("FAMILY")
      ->envname("PRONGHORN_KERNELS");
  add_kernel_options(command, flags.run);
  command
      .add_option("--machine", flags.machine,
                  "Predicts for the machine of this file (pronghorn machine --out FILE.json, run "
                  "there); default: this machine, measured at the first need, in some 20 "
                  "seconds, and kept")
      ->type_name("FILE.json");
  command.add_flag(
      "--measure", flags.measure,
      "Runs steps on random data here, times each op, and shows that beside the prediction");
  command.add_flag("--json", flags.json, "Prints JSON (docs/explanation-schema.md)");
  command
      .add_option("--html", flags.html,
                  "Writes a page with charts and tables too, one file that needs no network")
      ->type_name("FILE.html");
}

std::vector<NamedModel> load_models(const std::vector<std::string>& names_or_paths) {
  std::vector<NamedModel> models;
  for (const std::string& given : names_or_paths) {
    const auto same =
        std::count_if(names_or_paths.begin(), names_or_paths.end(), [&](const std::string& other) {
          return other != given && short_name(other) == short_name(given);
        });
    models.push_back({same > 0 ? given : short_name(given), load_model(given)});
  }
  return models;
}

ExplainOptions explain_options(const ExplainFlags& flags, const Model& model) {
  ExplainOptions options;
  options.batch_size = flags.batch_size;
  options.samples = flags.samples;
  if (model.file_config())
    options.config = *model.file_config();
  else
    options.config.loss = likely_loss(model);
  if (!flags.loss.empty()) {
    options.config.loss = flags.loss;
    for (OutputConfig& output : options.config.outputs) output.loss.reset();
  }
  if (!flags.optimizer.empty() || !flags.preset.empty()) {
    options.config.optimizer =
        optimizer(flags.optimizer.empty() ? options.config.optimizer.name : flags.optimizer,
                  flags.preset == "keras2017" ? Preset::kKeras2017 : Preset::kKeras3);
  }
  apply(flags.run, options.config);
  options.measure = flags.measure;
  options.ladder = flags.run.kernels == "reference";
  return options;
}

Machine find_machine(const std::string& path, bool fresh) {
  if (!path.empty()) return load_machine(path);
  std::string note;
  Machine machine = this_machine(&note, fresh);
  std::replace(note.begin(), note.end(), '\n', ' ');
  if (!note.empty()) fmt::print(stderr, "pronghorn: measured this machine: {}\n", note);
  return machine;
}

int report_columns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 100;
  return std::clamp<int>(size.ws_col, 80, 120);
}

}  // namespace pronghorn::cli
