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
  return {{"class_name", "L1L2"},
          {"config", {{"l1", regularizer.l1}, {"l2", regularizer.l2}}}};
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

Layer make_pooling(const char* class_name, const std::array<int64_t, 2>& pool_size,
                   const Pooling2DOptions& options) {
  Json config = {{"pool_size", pool_size}, {"padding", options.padding}};
  if (options.strides != std::array<int64_t, 2>{0, 0}) config["strides"] = options.strides;
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
  return make("Conv2D",
              {{"filters", filters},
               {"kernel_size", kernel_size},
               {"strides", options.strides},
               {"padding", options.padding},
               {"dilation_rate", options.dilation_rate},
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

Layer MaxPooling2D(std::array<int64_t, 2> pool_size, Pooling2DOptions options) {
  return make_pooling("MaxPooling2D", pool_size, options);
}

Layer AveragePooling2D(std::array<int64_t, 2> pool_size, Pooling2DOptions options) {
  return make_pooling("AveragePooling2D", pool_size, options);
}

Layer GlobalAveragePooling2D(GlobalPoolingOptions options) {
  Json config = Json::object();
  config["keepdims"] = options.keepdims;
  return make("GlobalAveragePooling2D", std::move(config), options.name);
}

Layer Flatten(NameOption options) { return make("Flatten", Json::object(), options.name); }

Layer Reshape(const Shape& target_shape, NameOption options) {
  const auto extents = target_shape.extents();
  Json config = Json::object();
  config["target_shape"] = std::vector<int64_t>(extents.begin(), extents.end());
  return make("Reshape", std::move(config), options.name);
}

Layer Dropout(double rate, NameOption options) {
  Json config = Json::object();
  config["rate"] = rate;
  return make("Dropout", std::move(config), options.name);
}

Layer Activation(const std::string& activation, NameOption options) {
  Json config = Json::object();
  config["activation"] = activation;
  return make("Activation", std::move(config), options.name);
}

Layer Add(NameOption options) { return make("Add", Json::object(), options.name); }

Layer ActivityRegularization(Regularizer regularizer, NameOption options) {
  return make("ActivityRegularization", {{"l1", regularizer.l1}, {"l2", regularizer.l2}},
              options.name);
}

Layer Concatenate(ConcatenateOptions options) {
  Json config = Json::object();
  config["axis"] = options.axis;
  return make("Concatenate", std::move(config), options.name);
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

}  // namespace layers
}  // namespace pronghorn
