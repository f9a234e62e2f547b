#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace pronghorn::model {

// The value as it may stand in a one-line message: at most some 60 characters, objects and lists
// cut short.
std::string excerpt(const nlohmann::ordered_json& json);

}  // namespace pronghorn::model
