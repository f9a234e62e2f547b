// What include/pronghorn/model.h offers without training: construction, shapes, costs, weights.

#include <fmt/format.h>

#include <algorithm>

#include "model/cost.h"
#include "model/functional.h"
#include "model/layers/nested_model.h"
#include "model/model.h"
#include "model/summary.h"
#include "pronghorn/error.h"
#include "pronghorn/model.h"

namespace pronghorn {
namespace {

std::vector<model::SymbolicTensor> nodes_of(const std::vector<KerasTensor>& tensors) {
  std::vector<model::SymbolicTensor> nodes;
  for (const KerasTensor& tensor : tensors) nodes.push_back(tensor.node());
  return nodes;
}

std::vector<std::shared_ptr<model::Layer>> layers_of(const Shape& input_shape,
                                                     const std::vector<Layer>& layers) {
  std::vector<std::shared_ptr<model::Layer>> all = {model::make_input(input_shape, "")->layer};
  for (const Layer& layer : layers) all.push_back(layer.layer());
  return all;
}

const Shape& only_shape(const model::Model& model, const std::vector<int>& nodes,
                        const char* which) {
  if (nodes.size() != 1)
    throw ArgumentError(
        fmt::format("model '{}' has {} {}, not one", model.name, nodes.size(), which));
  return model.nodes[static_cast<size_t>(nodes[0])].shape;
}

std::vector<std::string> names_of(const model::Model& model, const std::vector<int>& nodes) {
  std::vector<std::string> names;
  for (const int node : nodes)
    names.push_back(model.nodes[static_cast<size_t>(node)].layer->name());
  return names;
}

}  // namespace

Model::Model(std::unique_ptr<model::Model> model) : model_(std::move(model)) {}

Model::Model(const KerasTensor& input, const KerasTensor& output, std::string name)
    : Model(std::vector{input}, std::vector{output}, std::move(name)) {}

Model::Model(const std::vector<KerasTensor>& inputs, const std::vector<KerasTensor>& outputs,
             std::string name)
    : Model(model::functional_model(nodes_of(inputs), nodes_of(outputs), std::move(name))) {}

Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

const std::string& Model::name() const { return model_->name; }
Shape Model::input_shape() const { return only_shape(*model_, model_->inputs, "inputs"); }
Shape Model::output_shape() const { return only_shape(*model_, model_->outputs, "outputs"); }
std::vector<std::string> Model::input_names() const { return names_of(*model_, model_->inputs); }
std::vector<std::string> Model::output_names() const { return names_of(*model_, model_->outputs); }

std::string Model::summary(int line_length) const { return model::summary(*model_, line_length); }
std::vector<SummaryRow> Model::summary_rows() const { return model::summary_rows(*model_); }
int64_t Model::count_params() const { return model_->count_params(); }
int64_t Model::multiply_accumulates() const {
  return model::forward_cost(*model_).total.multiply_accumulates;
}

const std::optional<CompileConfig>& Model::file_config() const { return model_->file_config; }

void Model::initialize(uint64_t seed) { model_->initialize(seed); }

bool Model::has_weights() const { return model_->initialized; }

std::vector<NamedArray> Model::get_weights() const {
  // Keras's weights have values from the start. Before compile() these are seed 0's, and do not
  // keep compile() from drawing those of its seed.
  if (!model_->initialized) {
    model_->initialize(0);
    model_->initialized = false;
  }
  std::vector<NamedArray> arrays;
  for (const model::Model::NamedWeight& named : model_->weights()) {
    const float* values = named.weight->values();
    arrays.push_back(
        {named.name, {named.weight->shape, {values, values + named.weight->shape.elements()}}});
  }
  return arrays;
}

void Model::set_weights(const std::vector<NamedArray>& arrays) {
  const std::vector<model::Model::NamedWeight> weights = model_->weights();
  // All are checked before any is written.
  for (size_t i = 0; i < std::max(weights.size(), arrays.size()); ++i) {
    if (i >= arrays.size())
      throw ShapeError(
          fmt::format("model '{}' has {} weights, {} were given; the first missing is "
                      "'{}'",
                      name(), weights.size(), arrays.size(), weights[i].name));
    if (i >= weights.size() || arrays[i].name != weights[i].name)
      throw ShapeError(fmt::format(
          "weight {} is called '{}'; that of model '{}' is {}", i, arrays[i].name, name(),
          i < weights.size() ? "'" + weights[i].name + "'" : std::string("none")));
    const Shape& shape = weights[i].weight->shape;
    if (!(arrays[i].array.shape == shape) ||
        static_cast<int64_t>(arrays[i].array.values.size()) != shape.elements())
      throw ShapeError(fmt::format("weight '{}' has shape {}; that of model '{}' has {}",
                                   arrays[i].name, arrays[i].array.shape.to_string(), name(),
                                   shape.to_string()));
  }
  for (size_t i = 0; i < weights.size(); ++i)
    std::copy(arrays[i].array.values.begin(), arrays[i].array.values.end(),
              weights[i].weight->values());
  model_->initialized = true;
}

Sequential::Sequential(const Shape& input_shape, const std::vector<Layer>& layers, std::string name)
    : Model(model::sequential_model(layers_of(input_shape, layers), std::move(name))) {}

void Sequential::add(const Layer& layer) {
  model::append(*model_, layer.layer());
  // What was compiled was another model.
  training_.reset();
}

Layer as_layer(Model model) {
  const std::string name = model.name();
  auto layer = std::make_shared<model::NestedModel>(std::move(model.model_));
  // Models that have no name are numbered as layers are.
  if (name != "sequential" && name != "functional") layer->set_name(name);
  return Layer(std::move(layer));
}

}  // namespace pronghorn
