#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "pronghorn/explain.h"

// The documents that json() prints and that a page holds (docs/explanation-schema.md).
namespace pronghorn::report {

nlohmann::ordered_json document(const Explanation& explanation,
                                const std::vector<Variant>& variants);
nlohmann::ordered_json document(const Comparison& comparison);

// Text of a JSON document, indented by so many spaces; -1 puts it in one line. What is no UTF-8 in
// names becomes U+FFFD, what is no finite number null.
std::string to_text(const nlohmann::ordered_json& json, int indent);

}  // namespace pronghorn::report
