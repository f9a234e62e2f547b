#pragma once

#include <nlohmann/json_fwd.hpp>

#include "pronghorn/compile_config.h"

namespace pronghorn::model {

// Keras's optimizer, a name or an object {class_name, config}. A name that Pronghorn doesn't know
// is kept as it is, and so is NaN for a number that is none, so that such a model can still be
// looked at; checked() refuses both.
Optimizer optimizer_from_json(const nlohmann::ordered_json& json);

// Keras's object, with all arguments that its get_config() has.
nlohmann::ordered_json to_json(const Optimizer& optimizer);

// The optimizer under its plain name, its arguments checked (all of them: which are used depends on
// the optimizer, but none makes sense outside of its range). Throws ArgumentError.
Optimizer checked(Optimizer optimizer);

}  // namespace pronghorn::model
