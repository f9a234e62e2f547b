#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "pronghorn/error.h"

namespace {

constexpr int kFailed = 1;
constexpr int kWrongUse = 2;

// What is wrong with the use, in our words where CLI11's would mislead: for a command that doesn't
// exist it says that one is required.
std::string wrong_use(const CLI::App& program, const CLI::ParseError& error, int argc,
                      char** argv) {
  const auto chosen = program.get_subcommands();
  if (!chosen.empty())
    return fmt::format("{}; see 'pronghorn {} --help'", error.what(), chosen.front()->get_name());
  std::vector<std::string> commands;
  for (const CLI::App* command : program.get_subcommands(nullptr))
    if (!command->get_group().empty()) commands.push_back(command->get_name());
  const bool named = argc > 1 && argv[1][0] != '-';
  return fmt::format("{}; the commands are {}; see 'pronghorn --help'",
                     named ? fmt::format("there is no command '{}'", argv[1]) : error.what(),
                     fmt::join(commands, ", "));
}

// One line on standard error, whatever the message holds.
int report(std::string message, int code) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  fmt::print(stderr, "pronghorn: {}\n", message);
  return code;
}

int run(CLI::App& program, int argc, char** argv) {
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help and --version come this way, too.
    if (error.get_exit_code() == 0) return program.exit(error);
    return report(wrong_use(program, error, argc, argv), kWrongUse);
  } catch (const pronghorn::Error& error) {
    return report(error.what(), kFailed);
  } catch (const std::bad_alloc&) {
    return report("out of memory", kFailed);
  } catch (const std::exception& error) {
    return report(fmt::format("internal error: {}", error.what()), kFailed);
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    return report("standard output can't be written", kFailed);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program{"Trains Keras models on CPUs, fast, and tells where every second goes.",
                   "pronghorn"};
  program.set_version_flag("--version", "pronghorn " PRONGHORN_VERSION);
  program.footer(
      "Example:\n  pronghorn train mnist-cnn --data mnist-10k --epochs 3\n\n"
      "Exit codes: 0 done, 1 failed (one line on standard error says why), 2 wrong use.");
  pronghorn::cli::add_summary(program);
  pronghorn::cli::add_train(program);
  pronghorn::cli::add_evaluate(program);
  pronghorn::cli::add_predict(program);
  pronghorn::cli::add_explain(program);
  pronghorn::cli::add_compare(program);
  pronghorn::cli::add_convert(program);
  pronghorn::cli::add_machine(program);
  pronghorn::cli::add_tune(program);
  pronghorn::cli::add_zoo(program);
  pronghorn::cli::add_data(program);
  pronghorn::cli::add_keras(program);
  program.require_subcommand(1);
  return run(program, argc, argv);
}
