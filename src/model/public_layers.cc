// The layers of include/pronghorn/layers.h. Each is made from Keras's config, as one read from a
// file is, so that arguments are checked in one place.

#include <nlohmann/json.hpp>

#include "model/functional.h"
#include "model/layer_registry.h"
#include "pronghorn/layers.h"

namespace pronghorn {

using Json = nlohmann::ordered_json;

const Shape& KerasTensor::shape() const { return node_->shape; }

const std::string& Layer::name() const { return layer_->name(); }

KerasTensor Layer::operator()(const KerasTensor& input) const {
  return KerasTensor(model::call(layer_, {input.node()}));
}

KerasTensor Layer::operator()(const std::vector<KerasTensor>& inputs) const {
  std::vector<model::SymbolicTensor> nodes;
  for (const KerasTensor& input : inputs) nodes.push_back(input.node());
  return KerasTensor(model::call(layer_, std::move(nodes)));
}

void Layer::adapt(const Shape& shape, std::span<const float> data) const {
  layer_->adapt(shape, data);
}

KerasTensor Input(const Shape& shape, const std::string& name) {
  return KerasTensor(model::make_input(shape, name));
}

namespace layers {
namespace {

Layer make(const char* class_name, Json config, const std::string& name) {
  if (!name.empty()) config["name"] = name;
  return Layer(model::layer_from_config(class_name, config));
}

Json to_json(const Regularizer& regularizer) {
  if (regularizer.l1 == 0 && regularizer.l2 == 0) return nullptr;
  return {{"class_name", "L1L2"}, {"config", {{"l1", regularizer.l1}, {"l2", regularizer.l2}}}};
}

Json to_json(const Constraint& constraint) {
  if (constraint.name.empty()) return nullptr;
  Json config = Json::object();
  if (constraint.name == "min_max_norm")
    config = {{"min_value", constraint.min_value}, {"rate", constraint.rate}};
  if (constraint.name.ends_with("max_norm")) config["max_value"] = constraint.max_value;
  if (constraint.name != "non_neg")
    config["axis"] = constraint.axes.size() == 1 ? Json(constraint.axes[0]) : Json(constraint.axes);
  return {{"class_name", constraint.name}, {"config", config}};
}

// The arguments that all convolutions have.
template <class Options>
Json convolution_config(const Options& options) {
  return {{"strides", options.strides},
          {"padding", options.padding},
          {"data_format", options.data_format},
          {"dilation_rate", options.dilation_rate},
          {"activation", options.activation},
          {"use_bias", options.use_bias},
          {"bias_initializer", options.bias_initializer}};
}

template <class Size, class Options>
Layer make_convolution(const char* class_name, int64_t filters, const Size& kernel_size,
                       const Options& options) {
  Json config = convolution_config(options);
  config["filters"] = filters;
  config["kernel_size"] = kernel_size;
  config["kernel_initializer"] = options.kernel_initializer;
  if constexpr (requires { options.kernel_regularizer; }) {
    config["kernel_regularizer"] = to_json(options.kernel_regularizer);
    config["bias_regularizer"] = to_json(options.bias_regularizer);
    config["activity_regularizer"] = to_json(options.activity_regularizer);
    config["kernel_constraint"] = to_json(options.kernel_constraint);
    config["bias_constraint"] = to_json(options.bias_constraint);
  }
  if constexpr (requires { options.groups; }) config["groups"] = options.groups;
  if constexpr (requires { options.output_padding; })
    if (options.output_padding) config["output_padding"] = *options.output_padding;
  return make(class_name, std::move(config), options.name);
}

template <class Size, class Options>
Json depthwise_config(const Size& kernel_size, const Options& options) {
  Json config = convolution_config(options);
  config["kernel_size"] = kernel_size;
  config["depth_multiplier"] = options.depth_multiplier;
  config["depthwise_initializer"] = options.depthwise_initializer;
  return config;
}

template <class Size, class Options>
Layer make_separable(const char* class_name, int64_t filters, const Size& kernel_size,
                     const Options& options) {
  Json config = depthwise_config(kernel_size, options);
  config["filters"] = filters;
  config["pointwise_initializer"] = options.pointwise_initializer;
  return make(class_name, std::move(config), options.name);
}

template <class Size, class Options>
Layer make_pooling(const char* class_name, const Size& pool_size, const Options& options) {
  Json config = {
      {"pool_size", pool_size}, {"padding", options.padding}, {"data_format", options.data_format}};
  if (options.strides != Size{}) config["strides"] = options.strides;
  return make(class_name, std::move(config), options.name);
}

Layer make_global_pooling(const char* class_name, const GlobalPoolingOptions& options) {
  return make(class_name, {{"keepdims", options.keepdims}, {"data_format", options.data_format}},
              options.name);
}

// A layer of one argument, or of none.
template <class Value>
Layer make_of(const char* class_name, const char* argument, const Value& value,
              const NameOption& options) {
  Json config = Json::object();
  config[argument] = value;
  return make(class_name, std::move(config), options.name);
}
Layer make_plain(const char* class_name, const NameOption& options) {
  return make(class_name, Json::object(), options.name);
}

template <class Edges>
Layer make_edges(const char* class_name, const char* argument, const Edges& edges,
                 const DataFormatOptions& options) {
  Json config = Json::object();
  config[argument] = edges;
  config["data_format"] = options.data_format;
  return make(class_name, std::move(config), options.name);
}

}  // namespace

Layer Dense(int64_t units, DenseOptions options) {
  return make("Dense",
              {{"units", units},
               {"activation", options.activation},
               {"use_bias", options.use_bias},
               {"kernel_initializer", options.kernel_initializer},
               {"bias_initializer", options.bias_initializer},
               {"kernel_regularizer", to_json(options.kernel_regularizer)},
               {"bias_regularizer", to_json(options.bias_regularizer)},
               {"activity_regularizer", to_json(options.activity_regularizer)},
               {"kernel_constraint", to_json(options.kernel_constraint)},
               {"bias_constraint", to_json(options.bias_constraint)}},
              options.name);
}

Layer Conv2D(int64_t filters, std::array<int64_t, 2> kernel_size, Conv2DOptions options) {
  return make_convolution("Conv2D", filters, kernel_size, options);
}
Layer Conv1D(int64_t filters, int64_t kernel_size, Conv1DOptions options) {
  return make_convolution("Conv1D", filters, kernel_size, options);
}
Layer Conv2DTranspose(int64_t filters, std::array<int64_t, 2> kernel_size,
                      Conv2DTransposeOptions options) {
  return make_convolution("Conv2DTranspose", filters, kernel_size, options);
}
Layer Conv1DTranspose(int64_t filters, int64_t kernel_size, Conv1DTransposeOptions options) {
  return make_convolution("Conv1DTranspose", filters, kernel_size, options);
}

Layer DepthwiseConv2D(std::array<int64_t, 2> kernel_size, DepthwiseConv2DOptions options) {
  return make("DepthwiseConv2D", depthwise_config(kernel_size, options), options.name);
}
Layer DepthwiseConv1D(int64_t kernel_size, DepthwiseConv1DOptions options) {
  return make("DepthwiseConv1D", depthwise_config(kernel_size, options), options.name);
}
Layer SeparableConv2D(int64_t filters, std::array<int64_t, 2> kernel_size,
                      SeparableConv2DOptions options) {
  return make_separable("SeparableConv2D", filters, kernel_size, options);
}
Layer SeparableConv1D(int64_t filters, int64_t kernel_size, SeparableConv1DOptions options) {
  return make_separable("SeparableConv1D", filters, kernel_size, options);
}

Layer MaxPooling1D(int64_t pool_size, Pooling1DOptions options) {
  return make_pooling("MaxPooling1D", pool_size, options);
}
Layer AveragePooling1D(int64_t pool_size, Pooling1DOptions options) {
  return make_pooling("AveragePooling1D", pool_size, options);
}
Layer MaxPooling2D(std::array<int64_t, 2> pool_size, Pooling2DOptions options) {
  return make_pooling("MaxPooling2D", pool_size, options);
}
Layer AveragePooling2D(std::array<int64_t, 2> pool_size, Pooling2DOptions options) {
  return make_pooling("AveragePooling2D", pool_size, options);
}
Layer GlobalMaxPooling1D(GlobalPoolingOptions options) {
  return make_global_pooling("GlobalMaxPooling1D", options);
}
Layer GlobalMaxPooling2D(GlobalPoolingOptions options) {
  return make_global_pooling("GlobalMaxPooling2D", options);
}
Layer GlobalAveragePooling1D(GlobalPoolingOptions options) {
  return make_global_pooling("GlobalAveragePooling1D", options);
}
Layer GlobalAveragePooling2D(GlobalPoolingOptions options) {
  return make_global_pooling("GlobalAveragePooling2D", options);
}

Layer ZeroPadding2D(Edges2D padding, DataFormatOptions options) {
  return make_edges("ZeroPadding2D", "padding", padding, options);
}
Layer ZeroPadding1D(std::array<int64_t, 2> padding, DataFormatOptions options) {
  return make_edges("ZeroPadding1D", "padding", padding, options);
}
Layer Cropping2D(Edges2D cropping, DataFormatOptions options) {
  return make_edges("Cropping2D", "cropping", cropping, options);
}
Layer Cropping1D(std::array<int64_t, 2> cropping, DataFormatOptions options) {
  return make_edges("Cropping1D", "cropping", cropping, options);
}

Layer UpSampling2D(std::array<int64_t, 2> size, UpSampling2DOptions options) {
  return make("UpSampling2D",
              {{"size", size},
               {"data_format", options.data_format},
               {"interpolation", options.interpolation}},
              options.name);
}
Layer UpSampling1D(int64_t size, NameOption options) {
  return make_of("UpSampling1D", "size", size, options);
}

Layer Flatten(NameOption options) { return make_plain("Flatten", options); }
Layer Permute(const std::vector<int64_t>& dims, NameOption options) {
  return make_of("Permute", "dims", dims, options);
}
Layer RepeatVector(int64_t n, NameOption options) {
  return make_of("RepeatVector", "n", n, options);
}
Layer Identity(NameOption options) { return make_plain("Identity", options); }

Layer Reshape(const Shape& target_shape, NameOption options) {
  const auto extents = target_shape.extents();
  Json config = Json::object();
  config["target_shape"] = std::vector<int64_t>(extents.begin(), extents.end());
  return make("Reshape", std::move(config), options.name);
}

Layer Dropout(double rate, NameOption options) { return make_of("Dropout", "rate", rate, options); }
Layer SpatialDropout1D(double rate, NameOption options) {
  return make_of("SpatialDropout1D", "rate", rate, options);
}
Layer SpatialDropout2D(double rate, NameOption options) {
  return make_of("SpatialDropout2D", "rate", rate, options);
}

Layer Activation(const std::string& activation, NameOption options) {
  return make_of("Activation", "activation", activation, options);
}
Layer ReLU(ReLUOptions options) {
  return make("ReLU",
              {{"max_value", options.max_value ? Json(*options.max_value) : Json()},
               {"negative_slope", options.negative_slope},
               {"threshold", options.threshold}},
              options.name);
}
Layer LeakyReLU(double negative_slope, NameOption options) {
  return make_of("LeakyReLU", "negative_slope", negative_slope, options);
}
Layer ELU(double alpha, NameOption options) { return make_of("ELU", "alpha", alpha, options); }
Layer PReLU(PReLUOptions options) {
  return make(
      "PReLU",
      {{"alpha_initializer", options.alpha_initializer}, {"shared_axes", options.shared_axes}},
      options.name);
}
Layer Softmax(AxisOptions options) {
  return make_of("Softmax", "axis", options.axis, {options.name});
}
Layer UnitNormalization(AxisOptions options) {
  return make_of("UnitNormalization", "axis", options.axis, {options.name});
}

Layer Add(NameOption options) { return make_plain("Add", options); }
Layer Subtract(NameOption options) { return make_plain("Subtract", options); }
Layer Multiply(NameOption options) { return make_plain("Multiply", options); }
Layer Average(NameOption options) { return make_plain("Average", options); }
Layer Maximum(NameOption options) { return make_plain("Maximum", options); }
Layer Minimum(NameOption options) { return make_plain("Minimum", options); }

Layer ActivityRegularization(Regularizer regularizer, NameOption options) {
  return make("ActivityRegularization", {{"l1", regularizer.l1}, {"l2", regularizer.l2}},
              options.name);
}

Layer Concatenate(ConcatenateOptions options) {
  Json config = Json::object();
  config["axis"] = options.axis;
  return make("Concatenate", std::move(config), options.name);
}

Layer Dot(std::array<int64_t, 2> axes, DotOptions options) {
  return make("Dot", {{"axes", axes}, {"normalize", options.normalize}}, options.name);
}

Layer BatchNormalization(BatchNormalizationOptions options) {
  return make("BatchNormalization",
              {{"momentum", options.momentum},
               {"epsilon", options.epsilon},
               {"center", options.center},
               {"scale", options.scale},
               {"beta_regularizer", to_json(options.beta_regularizer)},
               {"gamma_regularizer", to_json(options.gamma_regularizer)},
               {"beta_constraint", to_json(options.beta_constraint)},
               {"gamma_constraint", to_json(options.gamma_constraint)}},
              options.name);
}

Layer Rescaling(double scale, double offset, NameOption options) {
  return make("Rescaling", {{"scale", scale}, {"offset", offset}}, options.name);
}
Layer Normalization(NormalizationOptions options) {
  Json config = Json::object();
  config["axis"] = options.axis;
  if (!options.mean.empty()) config["mean"] = options.mean;
  if (!options.variance.empty()) config["variance"] = options.variance;
  return make("Normalization", std::move(config), options.name);
}
Layer CategoryEncoding(int64_t num_tokens, const std::string& output_mode, NameOption options) {
  return make("CategoryEncoding", {{"num_tokens", num_tokens}, {"output_mode", output_mode}},
              options.name);
}
Layer Discretization(const std::vector<double>& bin_boundaries, const std::string& output_mode,
                     NameOption options) {
  return make("Discretization", {{"bin_boundaries", bin_boundaries}, {"output_mode", output_mode}},
              options.name);
}

Layer LayerNormalization(LayerNormalizationOptions options) {
  return make("LayerNormalization",
              {{"epsilon", options.epsilon}, {"center", options.center}, {"scale", options.scale}},
              options.name);
}

Layer GroupNormalization(int64_t groups, GroupNormalizationOptions options) {
  return make("GroupNormalization",
              {{"groups", groups},
               {"epsilon", options.epsilon},
               {"center", options.center},
               {"scale", options.scale}},
              options.name);
}

Layer Embedding(int64_t input_dim, int64_t output_dim, EmbeddingOptions options) {
  return make("Embedding",
              {{"input_dim", input_dim},
               {"output_dim", output_dim},
               {"embeddings_initializer", options.embeddings_initializer}},
              options.name);
}

namespace {

Layer make_recurrent(const char* class_name, int64_t units, const RecurrentOptions& options,
                     Json own) {
  Json config = {{"units", units},
                 {"activation", options.activation},
                 {"use_bias", options.use_bias},
                 {"kernel_initializer", options.kernel_initializer},
                 {"recurrent_initializer", options.recurrent_initializer},
                 {"bias_initializer", options.bias_initializer},
                 {"return_sequences", options.return_sequences},
                 {"go_backwards", options.go_backwards},
                 {"dropout", options.dropout}};
  config.update(own);
  return make(class_name, std::move(config), options.name);
}

// A layer that another one holds: its class and arguments, since the other makes its own.
Json wrapped(const Layer& layer) {
  return {{"class_name", layer.layer()->class_name()},
          {"config", model::full_config(*layer.layer())}};
}

Layer make_attention(const char* class_name, Json config, bool use_causal_mask,
                     const std::string& name) {
  Layer layer = make(class_name, std::move(config), name);
  layer.layer()->set_call_argument("use_causal_mask", use_causal_mask);
  return layer;
}

}  // namespace

Layer SimpleRNN(int64_t units, RecurrentOptions options) {
  return make_recurrent("SimpleRNN", units, options, Json::object());
}

Layer LSTM(int64_t units, RecurrentOptions options) {
  return make_recurrent("LSTM", units, options,
                        {{"recurrent_activation", options.recurrent_activation},
                         {"unit_forget_bias", options.unit_forget_bias}});
}

Layer GRU(int64_t units, RecurrentOptions options) {
  return make_recurrent("GRU", units, options,
                        {{"recurrent_activation", options.recurrent_activation},
                         {"reset_after", options.reset_after}});
}

Layer Bidirectional(const Layer& layer, BidirectionalOptions options) {
  return make("Bidirectional", {{"merge_mode", options.merge_mode}, {"layer", wrapped(layer)}},
              options.name);
}

Layer TimeDistributed(const Layer& layer, NameOption options) {
  Json config = Json::object();
  config["layer"] = wrapped(layer);
  return make("TimeDistributed", std::move(config), options.name);
}

Layer MultiHeadAttention(int64_t num_heads, int64_t key_dim, MultiHeadAttentionOptions options) {
  Json config = {{"num_heads", num_heads},
                 {"key_dim", key_dim},
                 {"dropout", options.dropout},
                 {"use_bias", options.use_bias},
                 {"kernel_initializer", options.kernel_initializer},
                 {"bias_initializer", options.bias_initializer}};
  if (options.value_dim != 0) config["value_dim"] = options.value_dim;
  if (options.output_shape != 0) config["output_shape"] = options.output_shape;
  return make_attention("MultiHeadAttention", std::move(config), options.use_causal_mask,
                        options.name);
}

Layer Attention(AttentionOptions options) {
  Json config = Json::object();
  config["dropout"] = options.dropout;
  return make_attention("Attention", std::move(config), options.use_causal_mask, options.name);
}

Layer GaussianNoise(double stddev, NameOption options) {
  Json config = Json::object();
  config["stddev"] = stddev;
  return make("GaussianNoise", std::move(config), options.name);
}

Layer GaussianDropout(double rate, NameOption options) {
  Json config = Json::object();
  config["rate"] = rate;
  return make("GaussianDropout", std::move(config), options.name);
}

Layer AlphaDropout(double rate, NameOption options) {
  Json config = Json::object();
  config["rate"] = rate;
  return make("AlphaDropout", std::move(config), options.name);
}

}  // namespace layers
}  // namespace pronghorn
