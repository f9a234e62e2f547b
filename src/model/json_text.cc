#include "model/json_text.h"

#include <nlohmann/json.hpp>

namespace pronghorn::model {

std::string excerpt(const nlohmann::ordered_json& json) {
  constexpr size_t kLongest = 60;
  // A name says more than a cut object.
  if (json.is_object() && json.contains("class_name") && json["class_name"].is_string())
    return excerpt(json["class_name"]);
  // Bytes that are no UTF-8 are replaced: a message must never throw.
  std::string text =
      json.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace);
  if (text.size() > kLongest) {
    size_t end = kLongest;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end) + "...";
  }
  return text;
}

}  // namespace pronghorn::model
