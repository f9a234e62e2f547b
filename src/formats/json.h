#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace pronghorn::formats {

// JSON of a file. Throws FileError, with line and column where it has them, for what is no JSON, is
// nested more than 100 deep (Keras nests some ten deep; the JSON library recurses when it writes),
// or has a key twice in one object: most readers take such, and each picks another of the two.
nlohmann::ordered_json parse_json(std::string_view text);

}  // namespace pronghorn::formats
