#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "pronghorn/compile_config.h"
#include "pronghorn/keras_support.h"

namespace pronghorn::cli {
namespace {

void print_names(const char* heading, const std::vector<std::string>& names) {
  fmt::print("\n## {}\n\n`{}`\n", heading, fmt::join(names, "`, `"));
}

// docs/keras-compatibility.md.
void print_support() {
  fmt::print(
      "# What Pronghorn knows of Keras\n\n"
      "Made from the code by `scripts/generate-keras-compatibility`. Names and formulas are those "
      "of "
      "Keras 3.15; `tests/conformance` compares the numbers. What is not listed is refused by name "
      "when a model is read, before any data is.\n\n"
      "All computation is in float32. A layer also has `name`, `trainable`, `dtype` (only float32) "
      "and `activity_regularizer`. Where nothing stands behind an argument, all of Keras's values "
      "are supported.\n\n"
      "## Layers\n\n"
      "| layer | arguments | supported in part |\n|---|---|---|\n");
  for (const KerasLayer& layer : supported_layers()) {
    std::string whole, part;
    for (const KerasArgument& argument : layer.arguments) {
      std::string& list = argument.supported.empty() ? whole : part;
      if (!list.empty()) list += ", ";
      list += fmt::format("`{}`", argument.name);
      if (!argument.supported.empty()) list += ": " + argument.supported;
    }
    fmt::print("| {} | {} | {} |\n", layer.class_name, whole, part);
  }
  print_names("Activations", activation_names());
  print_names("Initializers", initializer_names());
  print_names("Optimizers", optimizer_names());
  print_names("Losses", loss_names());
  print_names("Metrics", metric_names());
}

}  // namespace

void add_keras(CLI::App& program) {
  CLI::App& command = *program.add_subcommand("keras-support", "Prints what is known of Keras");
  command.group("");  // for scripts/generate-keras-compatibility; not shown
  command.callback(print_support);
}

}  // namespace pronghorn::cli
