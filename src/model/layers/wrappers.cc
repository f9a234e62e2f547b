// Layers around another layer.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "graph/ops/concatenate.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/reshape.h"
#include "model/config_reader.h"
#include "model/functional.h"
#include "model/layer.h"
#include "model/layer_registry.h"
#include "model/layers/recurrent.h"
#include "pronghorn/error.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;

Json wrapped_to_json(const Layer& layer) {
  return {{"module", "keras.layers"},
          {"class_name", layer.class_name()},
          {"config", full_config(layer)},
          {"registered_name", nullptr}};
}

// The layer that stands in this argument.
std::shared_ptr<Layer> wrapped_layer(ConfigReader& reader, std::string_view name,
                                     const Json& json) {
  if (!json.is_object() || !json.contains("class_name") || !json["class_name"].is_string() ||
      !json.contains("config"))
    reader.fail(name, "must be a layer {class_name, config}");
  std::shared_ptr<Layer> layer =
      layer_from_config(json["class_name"].get<std::string>(), json["config"]);
  if (layer->activity_regularizer())
    throw UnsupportedError(fmt::format(
        "{}: an activity_regularizer of a layer inside of another; give it to the outer one",
        layer->label()));
  return layer;
}

enum class Merge : uint8_t { kConcat, kSum, kMultiply, kAverage };
constexpr std::array<std::string_view, 4> kMerges = {"concat", "sum", "mul", "ave"};

// A recurrent layer that reads the sequence in its order and one that reads it from its end, and
// their outputs merged. Weights: those of the first, then those of the second, under the names of
// both ("forward_lstm/lstm_cell/kernel").
class Bidirectional final : public Layer {
 public:
  Bidirectional(std::shared_ptr<Recurrent> forward, std::shared_ptr<Recurrent> backward,
                Merge merge)
      : forward_(std::move(forward)), backward_(std::move(backward)), merge_(merge) {}

  std::string_view class_name() const override { return "Bidirectional"; }

  Json config() const override {
    return {{"merge_mode", kMerges[static_cast<size_t>(merge_)]},
            {"layer", wrapped_to_json(*forward_)},
            {"backward_layer", wrapped_to_json(*backward_)}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape forward = forward_->output_shape(inputs);
    const Shape backward = backward_->output_shape(inputs);
    std::vector<int64_t> extents(forward.extents().begin(), forward.extents().end());
    if (merge_ == Merge::kConcat)
      extents.back() += backward.back();
    else if (forward.back() != backward.back())
      fail(fmt::format("merges {} and {} units by '{}'; it needs as many in both", forward.back(),
                       backward.back(), kMerges[static_cast<size_t>(merge_)]));
    return Shape(std::move(extents));
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    const auto middle = lowering.weights.begin() + static_cast<std::ptrdiff_t>(weights_of_forward_);
    Lowering of_forward{
        builder, lowering.training, lowering.stream, {lowering.weights.begin(), middle}};
    // Far from the streams of other calls, which are numbered.
    Lowering of_backward{builder,
                         lowering.training,
                         lowering.stream + (uint64_t{1} << 24),
                         {middle, lowering.weights.end()}};
    const graph::ValueId a = forward_->lower(of_forward, inputs[0], /*aligned=*/false);
    const graph::ValueId b = backward_->lower(of_backward, inputs[0], /*aligned=*/true);
    switch (merge_) {
      case Merge::kConcat:
        return graph::concatenate(builder, {a, b}, builder.graph().value(a).shape.rank() - 1);
      case Merge::kSum:
        return graph::add(builder, a, b);
      case Merge::kMultiply:
        return graph::elementwise(builder, a, {graph::StageFunction::kMultiply}, b);
      case Merge::kAverage:
        return graph::elementwise(builder, graph::add(builder, a, b),
                                  {graph::StageFunction::kScale, -1, 0.5});
    }
    return a;
  }

 protected:
  void build(std::span<const Shape> inputs) override {
    adopt_weights(*forward_, inputs);
    weights_of_forward_ = weights().size();
    adopt_weights(*backward_, inputs);
  }

 private:
  std::shared_ptr<Recurrent> forward_, backward_;
  Merge merge_;
  size_t weights_of_forward_ = 0;
};

std::string without_prefix(const std::string& name, std::string_view prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

std::shared_ptr<Recurrent> wrapped_recurrent(ConfigReader& reader, std::string_view name,
                                             const Json& json) {
  const auto layer = std::dynamic_pointer_cast<Recurrent>(wrapped_layer(reader, name, json));
  if (layer == nullptr)
    throw UnsupportedError(
        fmt::format("layer Bidirectional: argument '{}' is a {}; Pronghorn wraps "
                    "SimpleRNN, LSTM and GRU",
                    name, json["class_name"].get<std::string>()));
  return layer;
}

// The layer applied to each step of sequences (steps, ...).
class TimeDistributed final : public Layer {
 public:
  explicit TimeDistributed(std::shared_ptr<Layer> layer) : layer_(std::move(layer)) {}

  std::string_view class_name() const override { return "TimeDistributed"; }
  Json config() const override { return {{"layer", wrapped_to_json(*layer_)}}; }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    if (input.rank() < 2)
      fail(fmt::format("needs sequences (batch, steps, ...), its input is {}",
                       input.to_string_any_batch()));
    const Shape step = step_of(input);
    return layer_->output_shape({&step, 1}).with_batch(input[0]);
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    const Shape shape = builder.graph().value(inputs[0]).shape;
    const Shape step = step_of(shape.without_batch());
    const graph::ValueId steps =
        graph::reshape(builder, inputs[0], step.with_batch(shape[0] * shape[1]));
    const graph::ValueId value = layer_->lower(lowering, {&steps, 1});
    return graph::reshape(
        builder, value, layer_->output_shape({&step, 1}).with_batch(shape[1]).with_batch(shape[0]));
  }

 protected:
  void build(std::span<const Shape> inputs) override {
    const Shape step = step_of(inputs[0]);
    adopt_weights(*layer_, {&step, 1});
  }

 private:
  static Shape step_of(const Shape& input) {
    return Shape(std::vector<int64_t>(input.extents().begin() + 1, input.extents().end()));
  }

  std::shared_ptr<Layer> layer_;
};

}  // namespace

std::shared_ptr<Layer> make_bidirectional(ConfigReader& reader) {
  const std::string mode = reader.text("merge_mode", "");
  const auto found = std::find(kMerges.begin(), kMerges.end(), mode);
  if (found == kMerges.end())
    reader.fail("merge_mode", fmt::format("is '{}'; Pronghorn merges by concat, sum, mul or ave",
                                          mode.empty() ? "None" : mode));
  const Json& json = reader.object("layer");
  const auto forward = wrapped_recurrent(reader, "layer", json);
  if (forward->arguments().go_backwards)
    reader.fail("layer", "goes backwards; the layer that does is backward_layer");
  std::string name = forward->name().empty() ? snake_case(forward->class_name()) : forward->name();
  name = without_prefix(name, "forward_");
  forward->set_name("forward_" + name);

  const Json& given = reader.object("backward_layer");
  std::shared_ptr<Recurrent> backward;
  if (given.is_null()) {
    RecurrentArguments arguments = forward->arguments();
    arguments.go_backwards = true;
    backward = std::make_shared<Recurrent>(std::move(arguments));
    backward->set_name("backward_" + name);
  } else {
    backward = wrapped_recurrent(reader, "backward_layer", given);
    if (backward->name().empty()) backward->set_name("backward_" + name);
    if (!backward->arguments().go_backwards) reader.fail("backward_layer", "does not go backwards");
    if (backward->arguments().return_sequences != forward->arguments().return_sequences)
      reader.fail("backward_layer", "and layer must agree in return_sequences");
  }
  return std::make_shared<Bidirectional>(forward, backward,
                                         static_cast<Merge>(found - kMerges.begin()));
}

std::shared_ptr<Layer> make_time_distributed(ConfigReader& reader) {
  const Json& json = reader.object("layer");
  if (json.is_null()) reader.fail("layer", "is missing");
  auto layer = wrapped_layer(reader, "layer", json);
  if (layer->name().empty()) layer->set_name(snake_case(layer->class_name()));
  return std::make_shared<TimeDistributed>(std::move(layer));
}

}  // namespace pronghorn::model
