#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "formats/keras_config.h"
#include "model/compile_config.h"
#include "model/json_text.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::formats {
namespace {

using Json = nlohmann::ordered_json;

Json batch_shape(const Shape& shape) {
  Json json = Json::array({nullptr});
  for (int64_t extent : shape.extents()) json.push_back(extent);
  return json;
}

// Keras writes what a layer was built for where its class has weights or checks its inputs.
bool has_build_config(const model::Layer& layer) {
  static const std::set<std::string_view> kClasses = {
      "Add", "BatchNormalization", "Concatenate", "Conv2D", "Dense", "Flatten"};
  return layer.built() && kClasses.contains(layer.class_name());
}

Json write_model(const model::Model& model);

Json write_layer(const model::Layer& layer) {
  if (const model::Model* nested = layer.nested_model(); nested != nullptr) {
    Json json = write_model(*nested);
    json["config"]["name"] = layer.name();
    json["config"]["trainable"] = layer.trainable();
    return json;
  }
  Json json = {{"module", "keras.layers"},
               {"class_name", layer.class_name()},
               {"config", model::full_config(layer)},
               {"registered_name", nullptr}};
  if (has_build_config(layer)) {
    const std::span<const Shape> shapes = layer.built_for();
    Json input_shape = batch_shape(shapes[0]);
    const bool merges = layer.class_name() == "Add" || layer.class_name() == "Concatenate";
    if (merges) {
      input_shape = Json::array();
      for (const Shape& shape : shapes) input_shape.push_back(batch_shape(shape));
    }
    json["build_config"]["input_shape"] = input_shape;
  }
  return json;
}

Json write_sequential(const model::Model& model) {
  Json layers = Json::array();
  for (const model::Layer* layer : model.layers()) layers.push_back(write_layer(*layer));
  const Json input_shape = batch_shape(model.nodes[0].shape);
  return {{"module", "keras"},
          {"class_name", "Sequential"},
          {"config",
           {{"name", model.name},
            {"trainable", true},
            {"dtype",
             {{"module", "keras"},
              {"class_name", "DTypePolicy"},
              {"config", {{"name", "float32"}}},
              {"registered_name", nullptr}}},
            {"layers", layers},
            {"build_input_shape", input_shape}}},
          {"registered_name", nullptr},
          {"build_config", {{"input_shape", input_shape}}}};
}

class FunctionalWriter {
 public:
  explicit FunctionalWriter(const model::Model& model) : model_(model) {
    std::map<const model::Layer*, int> calls;
    for (const model::Model::Node& node : model.nodes)
      call_numbers_.push_back(calls[node.layer.get()]++);
  }

  Json write() const {
    Json layers = Json::array();
    for (const model::Layer* layer : model_.layers()) {
      Json json = write_layer(*layer);
      json["name"] = layer->name();
      json["inbound_nodes"] = Json::array();
      for (const model::Model::Node& node : model_.nodes)
        if (node.layer.get() == layer && !node.inputs.empty())
          json["inbound_nodes"].push_back(write_call(node));
      layers.push_back(std::move(json));
    }
    return {{"module", "keras.src.models.functional"},
            {"class_name", "Functional"},
            {"config",
             {{"name", model_.name},
              {"trainable", true},
              {"layers", layers},
              {"input_layers", sources(model_.inputs, model_.input_keys)},
              {"output_layers", sources(model_.outputs, model_.output_keys)}}},
            {"registered_name", "Functional"},
            {"build_config", {{"input_shape", nullptr}}}};
  }

 private:
  Json source(int node) const {
    const auto index = static_cast<size_t>(node);
    return Json::array({model_.nodes[index].layer->name(), call_numbers_[index], 0});
  }

  Json sources(const std::vector<int>& nodes, const std::vector<std::string>& keys) const {
    if (keys.size() == nodes.size()) {
      Json json = Json::object();
      for (size_t i = 0; i < nodes.size(); ++i) json[keys[i]] = source(nodes[i]);
      return json;
    }
    if (nodes.size() == 1) return source(nodes[0]);
    Json json = Json::array();
    for (int node : nodes) json.push_back(source(node));
    return json;
  }

  Json write_call(const model::Model::Node& node) const {
    Json tensors = Json::array();
    for (int input : node.inputs)
      tensors.push_back({{"class_name", "__keras_tensor__"},
                         {"config",
                          {{"shape", batch_shape(model_.nodes[static_cast<size_t>(input)].shape)},
                           {"dtype", "float32"},
                           {"keras_history", source(input)}}}});
    const std::string_view class_name = node.layer->class_name();
    // Layers of several inputs take a list, but for those that name each.
    const bool merges = class_name == "Add" || class_name == "Concatenate" ||
                        (node.inputs.size() > 1 && class_name != "MultiHeadAttention");
    Json json = Json::object();
    json["args"] = merges ? Json::array({tensors}) : tensors;
    json["kwargs"] = node.layer->call_arguments();
    if (class_name == "BatchNormalization") json["kwargs"]["mask"] = nullptr;
    return json;
  }

  const model::Model& model_;
  std::vector<int> call_numbers_;
};

// As the model's file has it, with what Pronghorn does not know, where nothing changed but the
// learning rate; null where the model was never compiled.
Json write_compile_config(const model::Model& model, const CompileConfig* config) {
  Json json;
  if (!model.file_config_json.empty()) json = Json::parse(model.file_config_json);
  if (config == nullptr) return json;
  if (json.is_object() && model.file_config) {
    Optimizer optimizer = model.file_config->optimizer;
    optimizer.learning_rate = config->optimizer.learning_rate;
    const CompileConfig& file = *model.file_config;
    if (optimizer == config->optimizer && file.loss == config->loss &&
        file.metrics == config->metrics && file.weighted_metrics == config->weighted_metrics &&
        file.outputs == config->outputs) {
      model::set_learning_rate(json, config->optimizer.learning_rate);
      return json;
    }
  }
  return model::compile_config_to_json(*config);
}

Json write_model(const model::Model& model) {
  return model.sequential ? write_sequential(model) : FunctionalWriter(model).write();
}

}  // namespace

std::string write_keras_config(const model::Model& model, const CompileConfig* config) {
  Json json = write_model(model);
  if (const Json compiled = write_compile_config(model, config); !compiled.is_null())
    json["compile_config"] = compiled;
  // A name that is no UTF-8 is no reason to fail.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace pronghorn::formats
