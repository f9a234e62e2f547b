#pragma once

#include <nlohmann/json_fwd.hpp>

#include "pronghorn/compile_config.h"

namespace pronghorn::model {

// Reads what a Keras compile_config says of losses and metrics: "loss", "loss_weights", "metrics"
// and "weighted_metrics", each for all outputs, as a list in their order or by their names. Names
// that aren't known are kept, for Model::compile to refuse; so are the defaults of arguments that
// are of another type than theirs.
void read_losses_and_metrics(const nlohmann::ordered_json& json, CompileConfig& config);

// Writes the same: a name where all arguments are Keras's defaults, else {module, class_name,
// config}.
void write_losses_and_metrics(const CompileConfig& config, nlohmann::ordered_json& json);

}  // namespace pronghorn::model
