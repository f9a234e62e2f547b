#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "pronghorn/callbacks.h"
#include "pronghorn/profile.h"
#include "pronghorn/shape.h"

namespace pronghorn::cli {

// "669,706"
std::string with_commas(int64_t number);

// "accuracy 0.9713, loss 0.0921"
std::string to_text(const Logs& logs);
nlohmann::ordered_json to_json(const Logs& logs);
nlohmann::ordered_json to_json(const Shape& shape);
// Its fields under their names, without the trace.
nlohmann::ordered_json to_json(const StepProfile& profile);

// The text of a command's one JSON document. A number that is none is null.
std::string to_text(const nlohmann::ordered_json& json);
void print_json(const nlohmann::ordered_json& json);

}  // namespace pronghorn::cli
