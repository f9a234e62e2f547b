#include "formats/keras_legacy_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "model/json_text.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

using Json = nlohmann::ordered_json;
using Names = std::map<std::string_view, std::string_view>;

// Sources: keras/legacy/interfaces.py at tag 2.0.2, and the layers' get_config() at 1.2.2.
const Names kClasses = {{"Convolution1D", "Conv1D"},
                        {"Convolution2D", "Conv2D"},
                        {"AtrousConvolution2D", "Conv2D"},
                        {"Deconvolution2D", "Conv2DTranspose"},
                        {"SeparableConvolution2D", "SeparableConv2D"},
                        {"Model", "Functional"}};

const Names kArguments = {{"init", "kernel_initializer"},
                          {"inner_init", "recurrent_initializer"},
                          {"inner_activation", "recurrent_activation"},
                          {"W_regularizer", "kernel_regularizer"},
                          {"b_regularizer", "bias_regularizer"},
                          {"U_regularizer", "recurrent_regularizer"},
                          {"W_constraint", "kernel_constraint"},
                          {"b_constraint", "bias_constraint"},
                          {"U_constraint", "recurrent_constraint"},
                          {"bias", "use_bias"},
                          {"border_mode", "padding"},
                          {"subsample", "strides"},
                          {"subsample_length", "strides"},
                          {"atrous_rate", "dilation_rate"},
                          {"nb_filter", "filters"},
                          {"filter_length", "kernel_size"},
                          {"pool_length", "pool_size"},
                          {"dim_ordering", "data_format"},
                          {"dropout_W", "dropout"},
                          {"dropout_U", "recurrent_dropout"},
                          {"beta_init", "beta_initializer"},
                          {"gamma_init", "gamma_initializer"},
                          {"p", "rate"},
                          {"sigma", "stddev"}};

const Names kInitializers = {
    {"uniform", "random_uniform"}, {"normal", "random_normal"}, {"zero", "zeros"}, {"one", "ones"}};

// Arguments that say how, not what, or say again what the input's shape says.
constexpr std::array<std::string_view, 6> kNeedless = {
    "input_dtype", "consume_less", "implementation", "input_length", "batch_size", "time_major"};

// What is computed value by value, or per image: it does not know where the channels are.
const std::set<std::string_view> kAnyFormat = {
    "InputLayer", "Dense",       "Dropout", "Activation", "ReLU",          "LeakyReLU",
    "ELU",        "Flatten",     "Softmax", "Add",        "GaussianNoise", "GaussianDropout",
    "Multiply",   "Subtract",    "Average", "Maximum",    "Minimum",       "AlphaDropout",
    "Embedding",  "LSTM",        "GRU",     "SimpleRNN",  "Bidirectional", "TimeDistributed",
    "Rescaling",  "RepeatVector"};

bool is_object(const Json& json, const char* key) {
  return json.is_object() && json.contains(key) && json[key].is_object();
}

// Keras 1's {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01}; MaxNorm has "m".
Json modern_object(const Json& json) {
  if (!json.is_object() || json.contains("class_name") || !json.contains("name")) return json;
  Json config = json;
  std::string name = json["name"].is_string() ? json["name"].get<std::string>() : "";
  config.erase("name");
  if (name.ends_with("Regularizer")) name = "L1L2";
  if (config.contains("m")) {
    config["max_value"] = config["m"];
    config.erase("m");
  }
  return {{"class_name", name}, {"config", config}};
}

class Modernizer {
 public:
  explicit Modernizer(bool& channels_first) : channels_first_(channels_first) {}

  Json model(const Json& json) {
    // Keras 3 names a module; its channels-first layers stay what they are.
    if (json.is_object() && !json.contains("module")) find_channels_first(json);
    return modern_model(json);
  }

 private:
  // Whether any layer says so: a file of two formats would be refused by Keras, too.
  void find_channels_first(const Json& json) {
    if (json.is_object()) {
      for (const char* key : {"dim_ordering", "data_format"})
        if (json.contains(key) && (json[key] == "th" || json[key] == "channels_first"))
          channels_first_ = true;
    }
    if (json.is_structured())
      for (const Json& child : json) find_channels_first(child);
  }

  Json modern_model(const Json& json) {
    if (!json.is_object() || !json.contains("config")) return json;
    Json result = json;
    if (json.value("class_name", Json()) == "Model") result["class_name"] = "Functional";
    Json& config = result["config"];
    // Keras until 2.2.2.
    if (config.is_array()) config = {{"layers", config}};
    if (!is_object(result, "config") || !config.contains("layers") || !config["layers"].is_array())
      return result;
    for (Json& layer : config["layers"]) layer = modern_layer(layer);
    if (channels_first_ && config.contains("build_input_shape"))
      turn_shape(config["build_input_shape"]);
    return result;
  }

  Json modern_layer(const Json& json) {
    if (!json.is_object() || !json.contains("class_name") || !json["class_name"].is_string() ||
        !json.contains("config"))
      return json;
    const std::string& old_class = json["class_name"].get_ref<const std::string&>();
    if (old_class == "Sequential" || old_class == "Model" || old_class == "Functional") {
      Json model = modern_model(json);
      if (model.contains("inbound_nodes")) model["inbound_nodes"] = calls(model["inbound_nodes"]);
      return model;
    }
    Json result = json;
    if (const auto found = kClasses.find(old_class); found != kClasses.end())
      result["class_name"] = found->second;
    if (old_class == "Merge") merge(result);
    const std::string name = result["class_name"].get<std::string>();
    if (result["config"].is_object()) {
      rename(name, result["config"]);
      if (channels_first_) turn(name, result["config"]);
    }
    if (result.contains("inbound_nodes")) result["inbound_nodes"] = calls(result["inbound_nodes"]);
    return result;
  }

  // Keras 1's layer for all that merges.
  static void merge(Json& layer) {
    static const Names kModes = {{"sum", "Add"},
                                 {"concat", "Concatenate"},
                                 {"mul", "Multiply"},
                                 {"ave", "Average"},
                                 {"max", "Maximum"}};
    const Json& config = layer["config"];
    const Json mode = config.is_object() ? config.value("mode", Json()) : Json();
    const auto found =
        mode.is_string() ? kModes.find(mode.get_ref<const std::string&>()) : kModes.end();
    if (found == kModes.end() || config.contains("layers"))
      throw UnsupportedError(
          fmt::format("a layer Merge of Keras 1 in mode {}; Pronghorn reads those of modes sum, "
                      "concat, mul, ave and max, in functional models",
                      model::excerpt(mode)));
    Json modern = {{"name", config.value("name", Json())}};
    if (found->second == "Concatenate") modern["axis"] = config.value("concat_axis", Json(-1));
    layer["class_name"] = found->second;
    layer["config"] = modern;
  }

  void rename(const std::string& class_name, Json& config) {
    Json modern = Json::object();
    const bool embedding = class_name == "Embedding";
    for (const auto& [key, value] : config.items()) {
      if (std::find(kNeedless.begin(), kNeedless.end(), key) != kNeedless.end()) continue;
      std::string name = key;
      if (const auto found = kArguments.find(key); found != kArguments.end()) name = found->second;
      if (key == "output_dim" && !embedding) name = "units";
      if (embedding && name.starts_with("kernel_")) name = "embeddings_" + name.substr(7);
      if (key == "input_dim" && !embedding) continue;
      if (key == "nb_row" || key == "nb_col") {
        if (config.contains("nb_row") && config.contains("nb_col"))
          modern["kernel_size"] = Json::array({config["nb_row"], config["nb_col"]});
        continue;
      }
      if (key == "stride") name = "strides";
      if (class_name == "LeakyReLU" && key == "alpha") name = "negative_slope";
      // One that says nothing: batch norm's way for images, and per sample, which Keras 2 dropped.
      if (class_name == "BatchNormalization" && key == "mode") {
        if (value != 0)
          throw UnsupportedError(fmt::format(
              "layer {}: BatchNormalization in mode {} of Keras 1; Pronghorn has mode 0",
              model::excerpt(config.value("name", Json())), model::excerpt(value)));
        continue;
      }
      modern[name] = value;
    }
    for (auto& [key, value] : modern.items()) {
      if (key.ends_with("_regularizer") || key.ends_with("_constraint"))
        value = modern_object(value);
      if (key.ends_with("_initializer") && value.is_string())
        if (const auto found = kInitializers.find(value.get_ref<const std::string&>());
            found != kInitializers.end())
          value = found->second;
      if (key == "data_format" && value == "tf") value = "channels_last";
      if (key == "data_format" && value == "th") value = "channels_first";
    }
    // What Keras 1 and 2 meant where they said nothing.
    const bool old = config.contains("consume_less") || config.contains("implementation");
    if (class_name == "GRU" && old && !modern.contains("reset_after"))
      modern["reset_after"] = false;
    if (class_name == "InputLayer" && modern.contains("batch_input_shape")) {
      modern["batch_shape"] = modern["batch_input_shape"];
      modern.erase("batch_input_shape");
    }
    // Wrappers.
    if (is_object(modern, "layer")) modern["layer"] = modern_layer(modern["layer"]);
    config = std::move(modern);
  }

  // [null, channels, height, width] -> [null, height, width, channels]; also without the batch.
  static void turn_shape(Json& shape) {
    if (!shape.is_array() || shape.size() < 4) return;
    std::rotate(shape.begin() + 1, shape.begin() + 2, shape.end());
  }

  void turn(const std::string& class_name, Json& config) {
    for (const char* key : {"batch_input_shape", "batch_shape"})
      if (config.contains(key)) turn_shape(config[key]);
    if (config.contains("data_format")) {
      config["data_format"] = "channels_last";
      return;
    }
    const auto axis = [&] { return config.value("axis", Json(-1)); };
    if (class_name == "BatchNormalization" || class_name == "Concatenate") {
      // Channels of images, or the only axis of rows.
      if (axis() == 1) config["axis"] = -1;
      if (config.contains("axis") && config["axis"] != -1) refuse(class_name, config);
      return;
    }
    if (class_name == "Reshape") {
      Json& target = config["target_shape"];
      // One channel lies in memory alike in both orders.
      if (target.is_array() && target.size() == 3 && target[0] == 1) {
        std::rotate(target.begin(), target.begin() + 1, target.end());
        return;
      }
      if (target.is_array() && target.size() == 1) return;
      refuse(class_name, config);
    }
    if (!kAnyFormat.contains(class_name)) refuse(class_name, config);
  }

  [[noreturn]] static void refuse(const std::string& class_name, const Json& config) {
    throw UnsupportedError(fmt::format(
        "layer {} ({}): the model's images are channels-first, and Pronghorn can't turn this layer "
        "into one of a channels-last model",
        model::excerpt(config.value("name", Json())), class_name));
  }

  // [[["layer", call, tensor, {...}], ...], ...] -> [{"args": [...], "kwargs": {...}}, ...]
  static Json calls(const Json& nodes) {
    if (!nodes.is_array()) return nodes;
    Json result = Json::array();
    for (const Json& node : nodes) {
      if (!node.is_array()) return nodes;  // Keras 3's
      Json tensors = Json::array();
      Json kwargs = Json::object();
      for (const Json& tensor : node) {
        if (!tensor.is_array() || tensor.size() < 3)
          throw FileError(fmt::format("a call's input is {}; it must be [layer, call, tensor]",
                                      model::excerpt(tensor)));
        tensors.push_back(
            {{"class_name", "__keras_tensor__"},
             {"config", {{"keras_history", Json::array({tensor[0], tensor[1], tensor[2]})}}}});
        if (tensor.size() > 3 && tensor[3].is_object())
          for (const auto& [key, value] : tensor[3].items()) kwargs[key] = value;
      }
      const Json args = tensors.size() == 1 ? tensors : Json::array({tensors});
      result.push_back({{"args", args}, {"kwargs", kwargs}});
    }
    return result;
  }

  bool& channels_first_;
};

}  // namespace

Json modern_config(const Json& legacy, bool& channels_first) {
  return Modernizer(channels_first).model(legacy);
}

Json modern_compile_config(const Json& training_config) {
  if (!training_config.is_object() || !training_config.contains("optimizer_config"))
    return training_config;
  Json result = training_config;
  result["optimizer"] = training_config["optimizer_config"];
  result.erase("optimizer_config");
  if (!is_object(result["optimizer"], "config")) return result;
  Json& config = result["optimizer"]["config"];
  if (config.contains("lr")) {
    config["learning_rate"] = config["lr"];
    config.erase("lr");
  }
  // Each step's rate was learning_rate / (1 + decay * step).
  const Json decay = config.value("decay", Json(0));
  config.erase("decay");
  if (decay.is_number() && decay != 0)
    config["learning_rate"] = {{"module", "keras.optimizers.schedules"},
                               {"class_name", "InverseTimeDecay"},
                               {"config",
                                {{"initial_learning_rate", config["learning_rate"]},
                                 {"decay_steps", 1},
                                 {"decay_rate", decay},
                                 {"staircase", false}}}};
  return result;
}

}  // namespace pronghorn::formats
