#include "cli/output.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace pronghorn::cli {

std::string with_commas(int64_t number) {
  std::string text = std::to_string(number);
  const size_t first = number < 0 ? 1 : 0;
  for (size_t place = text.size(); place > first + 3;) {
    place -= 3;
    text.insert(place, 1, ',');
  }
  return text;
}

std::string to_text(const Logs& logs) {
  std::string text;
  for (const auto& [name, value] : logs) {
    if (!text.empty()) text += ", ";
    text += std::abs(value) > 1e-3 || value == 0 ? fmt::format("{} {:.4f}", name, value)
                                                 : fmt::format("{} {:.4e}", name, value);
  }
  return text;
}

nlohmann::ordered_json to_json(const Logs& logs) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [name, value] : logs) json[name] = value;
  return json;
}

nlohmann::ordered_json to_json(const Shape& shape) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const int64_t extent : shape.extents()) json.push_back(extent);
  return json;
}

std::string to_text(const nlohmann::ordered_json& json) {
  // Names from files may be no UTF-8; they are no reason to fail.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

void print_json(const nlohmann::ordered_json& json) { fmt::print("{}", to_text(json)); }

}  // namespace pronghorn::cli
