#include "model/layer_registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <nlohmann/json.hpp>

#include "model/config_reader.h"
#include "model/json_text.h"
#include "pronghorn/error.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;

struct Entry {
  std::string_view class_name;
  LayerFactory make;
};

constexpr std::array kLayers = {
    Entry{"Activation", make_activation},
    Entry{"ActivityRegularization", make_activity_regularization},
    Entry{"Add", make_add},
    Entry{"AlphaDropout", make_alpha_dropout},
    Entry{"Attention", make_attention},
    Entry{"Average", make_average},
    Entry{"AveragePooling1D", make_average_pooling1d},
    Entry{"AveragePooling2D", make_average_pooling2d},
    Entry{"BatchNormalization", make_batch_normalization},
    Entry{"Bidirectional", make_bidirectional},
    Entry{"CategoryEncoding", make_category_encoding},
    Entry{"Concatenate", make_concatenate},
    Entry{"Conv1D", make_conv1d},
    Entry{"Conv1DTranspose", make_conv1d_transpose},
    Entry{"Conv2D", make_conv2d},
    Entry{"Conv2DTranspose", make_conv2d_transpose},
    Entry{"Cropping1D", make_cropping1d},
    Entry{"Cropping2D", make_cropping2d},
    Entry{"Dense", make_dense},
    Entry{"DepthwiseConv1D", make_depthwise_conv1d},
    Entry{"DepthwiseConv2D", make_depthwise_conv2d},
    Entry{"Discretization", make_discretization},
    Entry{"Dot", make_dot},
    Entry{"Dropout", make_dropout},
    Entry{"ELU", make_elu},
    Entry{"Embedding", make_embedding},
    Entry{"Flatten", make_flatten},
    Entry{"GRU", make_gru},
    Entry{"GaussianDropout", make_gaussian_dropout},
    Entry{"GaussianNoise", make_gaussian_noise},
    Entry{"GlobalAveragePooling1D", make_global_average_pooling1d},
    Entry{"GlobalAveragePooling2D", make_global_average_pooling2d},
    Entry{"GlobalMaxPooling1D", make_global_max_pooling1d},
    Entry{"GlobalMaxPooling2D", make_global_max_pooling2d},
    Entry{"GroupNormalization", make_group_normalization},
    Entry{"Identity", make_identity},
    Entry{"InputLayer", make_input},
    Entry{"LSTM", make_lstm},
    Entry{"LayerNormalization", make_layer_normalization},
    Entry{"LeakyReLU", make_leaky_relu},
    Entry{"MaxPooling1D", make_max_pooling1d},
    Entry{"MaxPooling2D", make_max_pooling2d},
    Entry{"Maximum", make_maximum},
    Entry{"Minimum", make_minimum},
    Entry{"MultiHeadAttention", make_multi_head_attention},
    Entry{"Multiply", make_multiply},
    Entry{"Normalization", make_normalization},
    Entry{"PReLU", make_prelu},
    Entry{"Permute", make_permute},
    Entry{"ReLU", make_relu},
    Entry{"RepeatVector", make_repeat_vector},
    Entry{"Rescaling", make_rescaling},
    Entry{"Reshape", make_reshape},
    Entry{"SeparableConv1D", make_separable_conv1d},
    Entry{"SeparableConv2D", make_separable_conv2d},
    Entry{"SimpleRNN", make_simple_rnn},
    Entry{"Softmax", make_softmax},
    Entry{"SpatialDropout1D", make_spatial_dropout1d},
    Entry{"SpatialDropout2D", make_spatial_dropout2d},
    Entry{"Subtract", make_subtract},
    Entry{"TimeDistributed", make_time_distributed},
    Entry{"UnitNormalization", make_unit_normalization},
    Entry{"UpSampling1D", make_up_sampling1d},
    Entry{"UpSampling2D", make_up_sampling2d},
    Entry{"ZeroPadding1D", make_zero_padding1d},
    Entry{"ZeroPadding2D", make_zero_padding2d},
};

// dtype is a string, or (since Keras 3) a policy object with a name.
void check_dtype(const Json& config, const std::string& label) {
  const auto dtype = config.find("dtype");
  if (dtype == config.end() || dtype->is_null()) return;
  const Json* name = &*dtype;
  if (dtype->is_object() && dtype->contains("config") && (*dtype)["config"].is_object() &&
      (*dtype)["config"].contains("name"))
    name = &(*dtype)["config"]["name"];
  if (*name != "float32")
    throw UnsupportedError(fmt::format("{}: argument 'dtype' is {}; Pronghorn computes in float32",
                                       label, excerpt(*name)));
}

std::string checked_name(const Json& config, std::string_view class_name) {
  const auto name = config.find("name");
  if (name == config.end() || name->is_null()) return "";
  if (!name->is_string())
    throw ArgumentError(fmt::format("layer {}: argument 'name' is {}; it must be a string",
                                    class_name, excerpt(*name)));
  // As in Keras: names are parts of the paths of weights.
  const std::string text = name->get<std::string>();
  if (text.find('/') != std::string::npos)
    throw ArgumentError(
        fmt::format("layer {}: its name '{}' must not have a '/'", class_name, text));
  return text;
}

}  // namespace

std::vector<std::string_view> layer_class_names() {
  std::vector<std::string_view> names;
  for (const Entry& entry : kLayers) names.push_back(entry.class_name);
  return names;
}

std::vector<KerasArgument> layer_arguments(std::string_view class_name) {
  // Every argument that some layer can't do without, of values that any takes.
  static const Json kSample = {{"activation", "relu"},
                               {"batch_shape", {nullptr, 1}},
                               {"bin_boundaries", {0}},
                               {"dims", {1}},
                               {"filters", 1},
                               {"kernel_size", 1},
                               {"n", 1},
                               {"num_tokens", 1},
                               {"rate", 0.5},
                               {"stddev", 1},
                               {"target_shape", {1}},
                               {"units", 1},
                               {"axes", 1},
                               {"input_dim", 1},
                               {"output_dim", 1},
                               {"num_heads", 1},
                               {"key_dim", 1}};
  ConfigReader reader(kSample, fmt::format("layer {}", class_name));
  for (const Entry& entry : kLayers)
    if (entry.class_name == class_name) {
      try {
        entry.make(reader);
      } catch (const Error&) {
        // It wraps another layer, or needs what no sample has: what it asked for until then is
        // told.
      }
    }
  return reader.arguments();
}

std::shared_ptr<Layer> layer_from_config(std::string_view class_name, const Json& config) {
  if (!config.is_object())
    throw ArgumentError(
        fmt::format("layer {}: its config is {}, not an object", class_name, excerpt(config)));
  const std::string name = checked_name(config, class_name);
  const std::string label =
      name.empty() ? fmt::format("layer {}", class_name) : fmt::format("layer '{}'", name);
  if (class_name == "Lambda")
    throw UnsupportedError(fmt::format(
        "{}: a Lambda layer is Python code inside the model file; Pronghorn executes nothing that "
        "a file brings",
        label));
  for (const Entry& entry : kLayers) {
    if (entry.class_name != class_name) continue;
    check_dtype(config, label);
    ConfigReader reader(config, label);
    reader.text("name", "");
    const bool trainable = reader.boolean("trainable", true);
    reader.ignore("dtype");
    // What Keras 3.0 to 3.2 wrote for every first layer; the InputLayer says it too.
    if (class_name != "InputLayer") reader.ignore("batch_input_shape");
    std::optional<Regularizer> activity_regularizer = reader.regularizer("activity_regularizer");
    std::shared_ptr<Layer> layer = entry.make(reader);
    reader.finish();
    layer->set_name(name);
    layer->set_trainable(trainable);
    if (activity_regularizer) layer->set_activity_regularizer(std::move(activity_regularizer));
    return layer;
  }
  throw UnsupportedError(fmt::format("{}: Pronghorn has no layer class {}; it has {}", label,
                                     class_name, fmt::join(layer_class_names(), ", ")));
}

Json full_config(const Layer& layer) {
  // An InputLayer's config is complete in itself.
  if (layer.class_name() == "InputLayer") {
    Json config = layer.config();
    config["name"] = layer.name();
    return config;
  }
  Json config = {{"name", layer.name()},
                 {"trainable", layer.trainable()},
                 {"dtype",
                  {{"module", "keras"},
                   {"class_name", "DTypePolicy"},
                   {"config", {{"name", "float32"}}},
                   {"registered_name", nullptr}}}};
  config.update(layer.config());
  if (layer.activity_regularizer() && layer.class_name() != "ActivityRegularization")
    config["activity_regularizer"] = to_json(layer.activity_regularizer());
  return config;
}

}  // namespace pronghorn::model
