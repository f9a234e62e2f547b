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

}  // namespace pronghorn::model
