#include "model/layers/recurrent.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "graph/ops/elementwise.h"
#include "graph/ops/matmul.h"
#include "graph/ops/noise.h"
#include "graph/ops/reshape.h"
#include "model/config_reader.h"
#include "model/layer_registry.h"
#include "pronghorn/error.h"

namespace pronghorn::model {

using graph::Cell;

int64_t Recurrent::parts() const {
  return arguments_.cell == Cell::kSimpleRnn ? 1 : arguments_.cell == Cell::kLstm ? 4 : 3;
}

std::string_view Recurrent::class_name() const {
  return arguments_.cell == Cell::kSimpleRnn ? "SimpleRNN"
         : arguments_.cell == Cell::kLstm    ? "LSTM"
                                             : "GRU";
}

nlohmann::ordered_json Recurrent::config() const {
  const RecurrentArguments& a = arguments_;
  nlohmann::ordered_json config = {{"return_sequences", a.return_sequences},
                                   {"return_state", false},
                                   {"go_backwards", a.go_backwards},
                                   {"stateful", false},
                                   {"unroll", false},
                                   {"zero_output_for_mask", false},
                                   {"units", a.units},
                                   {"activation", a.activation}};
  if (a.cell != Cell::kSimpleRnn) config["recurrent_activation"] = a.recurrent_activation;
  config["use_bias"] = a.use_bias;
  config["kernel_initializer"] = to_json(a.kernel.initializer);
  config["recurrent_initializer"] = to_json(a.recurrent.initializer);
  config["bias_initializer"] = to_json(a.bias.initializer);
  if (a.cell == Cell::kLstm) config["unit_forget_bias"] = a.unit_forget_bias;
  config["kernel_regularizer"] = to_json(a.kernel.regularizer);
  config["recurrent_regularizer"] = to_json(a.recurrent.regularizer);
  config["bias_regularizer"] = to_json(a.bias.regularizer);
  config["kernel_constraint"] = to_json(a.kernel.constraint);
  config["recurrent_constraint"] = to_json(a.recurrent.constraint);
  config["bias_constraint"] = to_json(a.bias.constraint);
  config["dropout"] = a.dropout;
  config["recurrent_dropout"] = 0.0;
  if (a.cell == Cell::kGru) config["reset_after"] = a.reset_after;
  config["seed"] = a.seed ? nlohmann::ordered_json(*a.seed) : nlohmann::ordered_json();
  return config;
}

Shape Recurrent::output_shape(std::span<const Shape> inputs) const {
  const Shape& input = only_input(inputs, 2, "sequences (batch, steps, features)");
  if (arguments_.return_sequences) return {input[0], arguments_.units};
  return {arguments_.units};
}

void Recurrent::build(std::span<const Shape> inputs) {
  const RecurrentArguments& a = arguments_;
  const std::string cell = a.cell == Cell::kSimpleRnn ? "simple_rnn_cell/"
                           : a.cell == Cell::kLstm    ? "lstm_cell/"
                                                      : "gru_cell/";
  const int64_t columns = parts() * a.units;
  add_weight(cell + "kernel", {inputs[0].back(), columns}, a.kernel);
  add_weight(cell + "recurrent_kernel", {a.units, columns}, a.recurrent);
  if (!a.use_bias) return;
  add_weight(cell + "bias", bias_in_recurrence() ? Shape{2, columns} : Shape{columns}, a.bias);
  // The forget gate begins open (Jozefowicz, Zaremba and Sutskever, ICML 2015).
  if (a.cell == Cell::kLstm && a.unit_forget_bias) weights().back().ones = {a.units, 2 * a.units};
}

graph::ValueId Recurrent::lower(Lowering& lowering, graph::ValueId input, bool aligned) const {
  const RecurrentArguments& a = arguments_;
  graph::Builder& builder = lowering.builder;
  const Shape shape = builder.graph().value(input).shape;
  const int64_t columns = parts() * a.units;
  // The same features are dropped at every step (Gal and Ghahramani, NeurIPS 2016).
  if (lowering.training && a.dropout > 0)
    input = graph::noise(builder, input, graph::Noise::kDropout, a.dropout,
                         lowering.stream + mixed_seed(a.seed), /*shared_axis=*/1);
  graph::ValueId x = graph::reshape(builder, input, {shape[0] * shape[1], shape[2]});
  x = graph::matmul(builder, x, lowering.weights[0]);
  if (a.use_bias && !bias_in_recurrence()) x = graph::bias_add(builder, x, lowering.weights[2]);
  x = graph::reshape(builder, x, {shape[0], shape[1], columns});
  return graph::recurrence(builder, x, lowering.weights[1],
                           bias_in_recurrence() ? lowering.weights[2] : graph::kNoValue,
                           {.cell = a.cell,
                            .activation = a.activation,
                            .recurrent_activation = a.recurrent_activation,
                            .reset_after = a.cell == Cell::kGru && a.reset_after,
                            .sequences = a.return_sequences,
                            .backwards = a.go_backwards,
                            .aligned = aligned,
                            .keep = lowering.training});
}

namespace {

std::string cell_activation_of(ConfigReader& reader, std::string_view name,
                               std::string_view missing) {
  const std::string activation = reader.text(name, missing);
  try {
    graph::cell_activation(activation);
  } catch (const ArgumentError&) {
    reader.fail(name, fmt::format("is '{}'; of a recurrent layer it can be one of {}", activation,
                                  graph::cell_activation_names()));
  }
  return activation;
}

std::shared_ptr<Layer> make_recurrent(ConfigReader& reader, Cell cell) {
  const bool gated = cell != Cell::kSimpleRnn;
  RecurrentArguments arguments{
      .cell = cell,
      .units = reader.positive("units"),
      .activation = cell_activation_of(reader, "activation", "tanh"),
      .recurrent_activation =
          gated ? cell_activation_of(reader, "recurrent_activation", "sigmoid") : "sigmoid",
      .use_bias = reader.boolean("use_bias", true),
      .unit_forget_bias = cell == Cell::kLstm && reader.boolean("unit_forget_bias", true),
      .reset_after = cell == Cell::kGru && reader.boolean("reset_after", true),
      .return_sequences = reader.boolean("return_sequences", false),
      .go_backwards = reader.boolean("go_backwards", false),
      .dropout = reader.real("dropout", 0),
      .seed = reader.optional_integer("seed"),
      .kernel = reader.weight("kernel", "glorot_uniform"),
      .recurrent = reader.weight("recurrent", "orthogonal"),
      .bias = reader.weight("bias", "zeros")};
  if (arguments.dropout < 0 || arguments.dropout >= 1)
    reader.fail("dropout", fmt::format("is {}; it must be in [0, 1)", arguments.dropout));
  reader.only_default("recurrent_dropout", 0.0);
  reader.only_default("return_state", false);
  reader.only_default("stateful", false);
  // How Keras runs it, and what it does where a mask says so, of which there is none.
  for (const char* name :
       {"unroll", "zero_output_for_mask", "use_cudnn", "implementation", "quantization_config"})
    reader.ignore(name);
  return std::make_shared<Recurrent>(std::move(arguments));
}

}  // namespace

std::shared_ptr<Layer> make_simple_rnn(ConfigReader& reader) {
  return make_recurrent(reader, Cell::kSimpleRnn);
}
std::shared_ptr<Layer> make_lstm(ConfigReader& reader) {
  return make_recurrent(reader, Cell::kLstm);
}
std::shared_ptr<Layer> make_gru(ConfigReader& reader) { return make_recurrent(reader, Cell::kGru); }

}  // namespace pronghorn::model
