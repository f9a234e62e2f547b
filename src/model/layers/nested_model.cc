#include "model/layers/nested_model.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "pronghorn/error.h"

namespace pronghorn::model {

NestedModel::NestedModel(std::unique_ptr<Model> model) : model_(std::move(model)) {
  if (model_->outputs.size() != 1)
    throw UnsupportedError(
        fmt::format("model '{}' has {} outputs; Pronghorn takes a model inside of a model that has "
                    "one",
                    model_->name, model_->outputs.size()));
  for (const Model::Node& node : model_->nodes) {
    const auto* nested = dynamic_cast<const NestedModel*>(node.layer.get());
    calls_ += nested == nullptr ? 1 : nested->calls();
    if (calls_ > kMostCalls)
      throw ArgumentError(
          fmt::format("model '{}', the models inside of it written out, calls layers more than {} "
                      "times",
                      model_->name, kMostCalls));
  }
}

nlohmann::ordered_json NestedModel::config() const { return nlohmann::ordered_json::object(); }

Shape NestedModel::output_shape(std::span<const Shape> inputs) const {
  const std::vector<int>& wanted = model_->inputs;
  if (inputs.size() != wanted.size())
    fail(fmt::format("the model takes {} inputs, not {}", wanted.size(), inputs.size()));
  for (size_t i = 0; i < wanted.size(); ++i) {
    const Shape& shape = model_->nodes[static_cast<size_t>(wanted[i])].shape;
    if (!(inputs[i] == shape))
      fail(fmt::format("the model was made for inputs {}, its input is {}",
                       shape.to_string_any_batch(), inputs[i].to_string_any_batch()));
  }
  return model_->nodes[static_cast<size_t>(model_->outputs[0])].shape;
}

graph::ValueId NestedModel::lower(Lowering&, std::span<const graph::ValueId>) const {
  throw std::logic_error("a model inside of a model is lowered by its layers");
}

}  // namespace pronghorn::model
