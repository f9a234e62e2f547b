#pragma once

#include <nlohmann/json_fwd.hpp>

namespace pronghorn::formats {

// JSON as Keras 1 and 2 wrote it, in the words of Keras 3: class and argument names, calls, and
// configs that are lists. What is Keras 3's already stays as it is.
//
// A model of Keras 1 or 2 whose layers are channels-first (dim_ordering "th", data_format
// "channels_first") becomes the channels-last model that computes the same, with images as all of
// Pronghorn's data sets have them: input shapes, axes and data formats are turned, and
// `channels_first` is set, since its weights have to be turned too
// (formats/keras_legacy_weights.h).
//
// Throws UnsupportedError for layers of such models that can't be turned, FileError for what is no
// such JSON.
nlohmann::ordered_json modern_config(const nlohmann::ordered_json& legacy, bool& channels_first);

// Keras 1's and 2's training_config as Keras 3's compile_config.
nlohmann::ordered_json modern_compile_config(const nlohmann::ordered_json& training_config);

}  // namespace pronghorn::formats
