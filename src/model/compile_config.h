#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "pronghorn/compile_config.h"

namespace pronghorn::model {

// Keras's compile_config, as config.json and model.to_json() hold it: optimizer, loss and metrics,
// each a name or an object {class_name, config}. None for null or for a model that was never
// compiled. Names that Pronghorn doesn't know are kept as they are, so that such a model can still
// be looked at, and so is NaN for a number that is none; Model::compile refuses both.
std::optional<CompileConfig> compile_config_from_json(const nlohmann::ordered_json& json);

// The same for a file that Keras is to read.
nlohmann::ordered_json compile_config_to_json(const CompileConfig& config);
// Sets the learning rate in Keras's compile_config where it is a number there.
void set_learning_rate(nlohmann::ordered_json& compile_config, double learning_rate);

}  // namespace pronghorn::model
