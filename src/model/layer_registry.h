#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "model/layer.h"
#include "pronghorn/keras_support.h"

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

// The arguments that this class's maker asks for, and what it supports of each.
std::vector<KerasArgument> layer_arguments(std::string_view class_name);

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
std::shared_ptr<Layer> make_prelu(ConfigReader&);
std::shared_ptr<Layer> make_softmax(ConfigReader&);
std::shared_ptr<Layer> make_batch_normalization(ConfigReader&);
std::shared_ptr<Layer> make_layer_normalization(ConfigReader&);
std::shared_ptr<Layer> make_group_normalization(ConfigReader&);
std::shared_ptr<Layer> make_embedding(ConfigReader&);
std::shared_ptr<Layer> make_gaussian_noise(ConfigReader&);
std::shared_ptr<Layer> make_gaussian_dropout(ConfigReader&);
std::shared_ptr<Layer> make_alpha_dropout(ConfigReader&);
std::shared_ptr<Layer> make_attention(ConfigReader&);
std::shared_ptr<Layer> make_multi_head_attention(ConfigReader&);
std::shared_ptr<Layer> make_simple_rnn(ConfigReader&);
std::shared_ptr<Layer> make_lstm(ConfigReader&);
std::shared_ptr<Layer> make_gru(ConfigReader&);
std::shared_ptr<Layer> make_bidirectional(ConfigReader&);
std::shared_ptr<Layer> make_time_distributed(ConfigReader&);
std::shared_ptr<Layer> make_add(ConfigReader&);
std::shared_ptr<Layer> make_unit_normalization(ConfigReader&);
std::shared_ptr<Layer> make_discretization(ConfigReader&);
std::shared_ptr<Layer> make_category_encoding(ConfigReader&);
std::shared_ptr<Layer> make_normalization(ConfigReader&);
std::shared_ptr<Layer> make_rescaling(ConfigReader&);
std::shared_ptr<Layer> make_spatial_dropout2d(ConfigReader&);
std::shared_ptr<Layer> make_spatial_dropout1d(ConfigReader&);
std::shared_ptr<Layer> make_minimum(ConfigReader&);
std::shared_ptr<Layer> make_maximum(ConfigReader&);
std::shared_ptr<Layer> make_multiply(ConfigReader&);
std::shared_ptr<Layer> make_subtract(ConfigReader&);
std::shared_ptr<Layer> make_dot(ConfigReader&);
std::shared_ptr<Layer> make_average(ConfigReader&);
std::shared_ptr<Layer> make_concatenate(ConfigReader&);
std::shared_ptr<Layer> make_average_pooling1d(ConfigReader&);
std::shared_ptr<Layer> make_conv1d(ConfigReader&);
std::shared_ptr<Layer> make_conv1d_transpose(ConfigReader&);
std::shared_ptr<Layer> make_conv2d_transpose(ConfigReader&);
std::shared_ptr<Layer> make_cropping1d(ConfigReader&);
std::shared_ptr<Layer> make_cropping2d(ConfigReader&);
std::shared_ptr<Layer> make_depthwise_conv1d(ConfigReader&);
std::shared_ptr<Layer> make_depthwise_conv2d(ConfigReader&);
std::shared_ptr<Layer> make_global_average_pooling1d(ConfigReader&);
std::shared_ptr<Layer> make_global_max_pooling1d(ConfigReader&);
std::shared_ptr<Layer> make_global_max_pooling2d(ConfigReader&);
std::shared_ptr<Layer> make_identity(ConfigReader&);
std::shared_ptr<Layer> make_max_pooling1d(ConfigReader&);
std::shared_ptr<Layer> make_permute(ConfigReader&);
std::shared_ptr<Layer> make_repeat_vector(ConfigReader&);
std::shared_ptr<Layer> make_separable_conv1d(ConfigReader&);
std::shared_ptr<Layer> make_separable_conv2d(ConfigReader&);
std::shared_ptr<Layer> make_up_sampling1d(ConfigReader&);
std::shared_ptr<Layer> make_up_sampling2d(ConfigReader&);
std::shared_ptr<Layer> make_zero_padding1d(ConfigReader&);
std::shared_ptr<Layer> make_zero_padding2d(ConfigReader&);

}  // namespace pronghorn::model
