#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/options.h"
#include "pronghorn/error.h"
#include "pronghorn/model.h"
#include "pronghorn/saving.h"

namespace pronghorn::cli {
namespace {

struct ConvertCommand {
  std::string from;
  std::string to;
  std::string weights;
};

void convert(const ConvertCommand& options) {
  const std::string& to = options.to;
  const bool json = to.ends_with(".json");
  const bool onnx = to.ends_with(".onnx");
  if (!json && to.ends_with(".h5") && !to.ends_with(".weights.h5"))
    throw ArgumentError(fmt::format(
        "'{}': Keras 1's and 2's .h5 is read, not written; write .keras, or .weights.h5 for the "
        "weights alone",
        to));
  if (json || onnx)
    check_writable(to);
  else
    check_trained_file(to);
  const std::string& from = options.from;
  if (from.ends_with(".safetensors") || from.ends_with(".weights.h5"))
    throw ArgumentError(
        fmt::format("'{}' holds weights, but not the model that they are for; give the model, and "
                    "these with --weights",
                    from));
  if (from.ends_with(".onnx"))
    throw ArgumentError(fmt::format("'{}': ONNX is written, not read", from));
  Model model = load_model(from);
  if (json && options.weights.empty()) return save_text(to, model.to_json());
  if (json) throw ArgumentError(fmt::format("'{}': JSON holds a model without weights", to));
  load_trained_weights(model, options.weights);
  onnx ? export_onnx(model, to) : write_trained(model, to);
}

}  // namespace

void add_convert(CLI::App& program) {
  auto options = std::make_shared<ConvertCommand>();
  CLI::App& command = *program.add_subcommand(
      "convert", "Writes a model, its weights or its architecture as another kind of file");
  command.add_option("FROM", options->from, kModelHelp)->required();
  command
      .add_option("TO", options->to,
                  "Its kind is the name's end: .keras is the whole model, .weights.h5 and "
                  ".safetensors its weights, .json its architecture, .onnx its inference")
      ->required();
  command
      .add_option("--weights", options->weights,
                  "The weights, where FROM has none (or others are wanted)")
      ->type_name("FILE");
  command.footer(
      "Example:\n"
      "  pronghorn convert model_of_2017.h5 model.keras\n"
      "  pronghorn convert mnist-cnn cnn.keras --weights cnn.safetensors");
  command.callback([options] { convert(*options); });
}

}  // namespace pronghorn::cli
