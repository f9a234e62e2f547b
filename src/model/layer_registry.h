#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "model/layer.h"

namespace pronghorn::model {

class ConfigReader;

// The layer of this Keras class with these arguments: Keras's get_config(), with name, trainable
// and dtype or without. Throws UnsupportedError for a class that Pronghorn has not, listing those
// it has, and for arguments that it doesn't support; ArgumentError for wrong ones.
std::shared_ptr<Layer> layer_from_config(std::string_view class_name,
                                         const nlohmann::ordered_json& config);

// Keras's get_config() in full: name, trainable, dtype, then the layer's own.
nlohmann::ordered_json full_config(const Layer& layer);

std::vector<std::string_view> layer_class_names();

// One maker per layer class, in the class's file in layers/.
using LayerFactory = std::shared_ptr<Layer> (*)(ConfigReader&);
std::shared_ptr<Layer> make_input(ConfigReader&);
std::shared_ptr<Layer> make_dense(ConfigReader&);
std::shared_ptr<Layer> make_conv2d(ConfigReader&);
std::shared_ptr<Layer> make_max_pooling2d(ConfigReader&);
std::shared_ptr<Layer> make_average_pooling2d(ConfigReader&);
std::shared_ptr<Layer> make_global_average_pooling2d(ConfigReader&);
std::shared_ptr<Layer> make_flatten(ConfigReader&);
std::shared_ptr<Layer> make_reshape(ConfigReader&);
std::shared_ptr<Layer> make_dropout(ConfigReader&);
std::shared_ptr<Layer> make_activation(ConfigReader&);
std::shared_ptr<Layer> make_activity_regularization(ConfigReader&);
std::shared_ptr<Layer> make_relu(ConfigReader&);
std::shared_ptr<Layer> make_leaky_relu(ConfigReader&);
std::shared_ptr<Layer> make_elu(ConfigReader&);
std::shared_ptr<Layer> make_softmax(ConfigReader&);
std::shared_ptr<Layer> make_batch_normalization(ConfigReader&);
std::shared_ptr<Layer> make_add(ConfigReader&);
std::shared_ptr<Layer> make_concatenate(ConfigReader&);

}  // namespace pronghorn::model
