#include "model/functional.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "model/layer_registry.h"
#include "pronghorn/error.h"

namespace pronghorn::model {
namespace {

// Walks from the outputs to the inputs.
class Walk {
 public:
  explicit Walk(const std::vector<SymbolicTensor>& inputs) {
    for (const SymbolicTensor& input : inputs) inputs_.insert(input.get());
  }

  void visit(const SymbolicTensor& node) {
    if (visited_.contains(node.get())) return;
    // Calls can only take tensors that exist, so there are no cycles to look for.
    visited_.insert(node.get());
    layer_numbers_.emplace(node->layer.get(), layer_numbers_.size());
    if (node->inputs.empty() && !inputs_.contains(node.get()))
      throw ArgumentError(
          fmt::format("{} is needed for the outputs but is none of the model's inputs",
                      node->layer->name().empty() ? "an Input" : node->layer->label()));
    for (const SymbolicTensor& input : node->inputs) visit(input);
    finished_.push_back(node.get());
  }

  // The visited nodes in Keras's order.
  std::vector<const SymbolicNode*> in_order() const {
    // The longest way to an output; all calls of a layer are at least as deep as the one before.
    std::unordered_map<const SymbolicNode*, int> depths;
    std::unordered_map<const Layer*, int> layer_depths;
    for (auto node = finished_.rbegin(); node != finished_.rend(); ++node) {
      int& layer_depth = layer_depths[(*node)->layer.get()];
      layer_depth = std::max(layer_depth, depths[*node]);
      const int depth = depths[*node] = layer_depth;
      for (const SymbolicTensor& input : (*node)->inputs)
        depths[input.get()] = std::max(depths[input.get()], depth + 1);
    }
    std::vector<const SymbolicNode*> nodes = finished_;
    std::stable_sort(nodes.begin(), nodes.end(), [&](const auto* a, const auto* b) {
      const int depth_a = depths.at(a), depth_b = depths.at(b);
      if (depth_a != depth_b) return depth_a > depth_b;
      return layer_numbers_.at(a->layer.get()) < layer_numbers_.at(b->layer.get());
    });
    return nodes;
  }

 private:
  std::set<const SymbolicNode*> inputs_;
  std::set<const SymbolicNode*> visited_;
  std::vector<const SymbolicNode*> finished_;
  std::unordered_map<const Layer*, size_t> layer_numbers_;
};

// Whether a layer may be number `number` of a Sequential model.
void check_follows(const Layer& layer, int number, bool known) {
  if (number > 0 && layer.class_name() == "InputLayer")
    throw ArgumentError(
        fmt::format("{}: a Sequential model has one Input, before its layers", layer.label()));
  if (known)
    throw ArgumentError(fmt::format(
        "{} is in the Sequential model already; use a functional model to share a layer",
        layer.label()));
}

}  // namespace

SymbolicTensor call(const std::shared_ptr<Layer>& layer, std::vector<SymbolicTensor> inputs) {
  std::vector<Shape> shapes;
  for (const SymbolicTensor& input : inputs) shapes.push_back(input->shape);
  Shape shape = layer->call(shapes);
  return std::make_shared<const SymbolicNode>(
      SymbolicNode{layer, std::move(inputs), std::move(shape)});
}

SymbolicTensor make_input(const Shape& shape, std::string_view name) {
  nlohmann::ordered_json config = {{"batch_shape", nlohmann::ordered_json::array({nullptr})}};
  for (int64_t extent : shape.extents()) config["batch_shape"].push_back(extent);
  if (!name.empty()) config["name"] = name;
  return call(layer_from_config("InputLayer", config), {});
}

std::unique_ptr<Model> functional_model(const std::vector<SymbolicTensor>& inputs,
                                        const std::vector<SymbolicTensor>& outputs,
                                        std::string name) {
  if (inputs.empty() || outputs.empty())
    throw ArgumentError("a model needs at least one input and one output");
  Walk walk(inputs);
  for (const SymbolicTensor& output : outputs) walk.visit(output);

  auto model = std::make_unique<Model>();
  model->name = name.empty() ? "functional" : std::move(name);
  std::map<const SymbolicNode*, int> numbers;
  for (const SymbolicNode* symbolic : walk.in_order()) {
    Model::Node node{symbolic->layer, {}, symbolic->shape};
    for (const SymbolicTensor& input : symbolic->inputs)
      node.inputs.push_back(numbers.at(input.get()));
    numbers.emplace(symbolic, static_cast<int>(model->nodes.size()));
    model->nodes.push_back(std::move(node));
  }
  for (const SymbolicTensor& input : inputs) {
    if (!input->inputs.empty())
      throw ArgumentError(fmt::format("a model's inputs must be Inputs, not the output of {}",
                                      input->layer->label()));
    const auto found = numbers.find(input.get());
    if (found == numbers.end())
      throw ArgumentError(
          fmt::format("no output depends on the input {}", input->layer->name().empty()
                                                               ? input->shape.to_string_any_batch()
                                                               : "'" + input->layer->name() + "'"));
    model->inputs.push_back(found->second);
  }
  for (const SymbolicTensor& output : outputs) model->outputs.push_back(numbers.at(output.get()));
  assign_names(*model);
  return model;
}

std::unique_ptr<Model> sequential_model(const std::vector<std::shared_ptr<Layer>>& layers,
                                        std::string name) {
  auto model = std::make_unique<Model>();
  model->name = name.empty() ? "sequential" : std::move(name);
  model->sequential = true;
  std::set<const Layer*> seen;
  for (const std::shared_ptr<Layer>& layer : layers) {
    const int number = static_cast<int>(model->nodes.size());
    check_follows(*layer, number, !seen.insert(layer.get()).second);
    model->nodes.push_back({layer, number == 0 ? std::vector<int>{} : std::vector{number - 1}, {}});
  }
  // Named first, so that an error about a shape can name the layer.
  assign_names(*model);
  for (size_t i = 0; i < layers.size(); ++i)
    model->nodes[i].shape =
        i == 0 ? layers[0]->call({}) : layers[i]->call({&model->nodes[i - 1].shape, 1});
  model->inputs = {0};
  model->outputs = {static_cast<int>(layers.size()) - 1};
  return model;
}

void append(Model& model, const std::shared_ptr<Layer>& layer) {
  const bool known = std::any_of(model.nodes.begin(), model.nodes.end(),
                                 [&](const Model::Node& node) { return node.layer == layer; });
  check_follows(*layer, static_cast<int>(model.nodes.size()), known);
  const int last = model.outputs[0];
  model.nodes.push_back({layer, {last}, {}});
  try {
    assign_names(model);
    model.nodes.back().shape = layer->call({&model.nodes[static_cast<size_t>(last)].shape, 1});
  } catch (...) {
    model.nodes.pop_back();
    throw;
  }
  model.outputs[0] = static_cast<int>(model.nodes.size()) - 1;
}

void assign_names(Model& model) {
  std::set<std::string, std::less<>> taken;
  const std::vector<Layer*> layers = model.layers();
  for (const Layer* layer : layers) {
    if (layer->name().empty()) continue;
    if (!taken.insert(layer->name()).second)
      throw ArgumentError(fmt::format(
          "two layers are called '{}'; names within a model must differ", layer->name()));
  }
  std::map<std::string, int> counts;
  for (Layer* layer : layers) {
    if (!layer->name().empty()) continue;
    const std::string base = snake_case(layer->class_name());
    int& count = counts[base];
    std::string name;
    do {
      name = count == 0 ? base : fmt::format("{}_{}", base, count);
      ++count;
    } while (!taken.insert(name).second);
    layer->set_name(std::move(name));
  }
}

std::string snake_case(std::string_view class_name) {
  // Keras's two substitutions: "_" before an upper-case letter that lower-case ones follow, then
  // "_" between a lower-case letter or digit and an upper-case one.
  const auto upper = [](char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; };
  const auto lower = [](char c) { return std::islower(static_cast<unsigned char>(c)) != 0; };
  std::string text;
  for (size_t i = 0; i < class_name.size(); ++i) {
    const char c = class_name[i];
    const bool starts_word =
        upper(c) && i > 0 && i + 1 < class_name.size() && lower(class_name[i + 1]);
    const bool after_lower = upper(c) && i > 0 && lower(class_name[i - 1]);
    if (starts_word || after_lower) text += '_';
    text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return text;
}

}  // namespace pronghorn::model
