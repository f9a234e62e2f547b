#pragma once

// The arguments of losses and metrics by Keras's names, to and from JSON.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace pronghorn::model {

// Sets `value` where the JSON has such a value; anything else leaves it as it is. null is none for
// an optional or a list.
inline void read_argument(const nlohmann::ordered_json& json, bool& value) {
  if (json.is_boolean()) value = json.get<bool>();
}
inline void read_argument(const nlohmann::ordered_json& json, double& value) {
  if (json.is_number()) value = json.get<double>();
}
inline void read_argument(const nlohmann::ordered_json& json, int64_t& value) {
  if (json.is_number_integer()) value = json.get<int64_t>();
}
inline void read_argument(const nlohmann::ordered_json& json, std::string& value) {
  if (json.is_string()) value = json.get<std::string>();
  if (json.is_null()) value.clear();
}
template <class T>
void read_argument(const nlohmann::ordered_json& json, std::optional<T>& value) {
  if (json.is_null()) return value.reset();
  T read{};
  if (!json.is_number()) return;
  read_argument(json, read);
  value = read;
}
template <class T>
void read_argument(const nlohmann::ordered_json& json, std::vector<T>& values) {
  if (json.is_null()) return values.clear();
  if (json.is_number()) {
    values.assign(1, T{});
    return read_argument(json, values[0]);
  }
  if (!json.is_array()) return;
  values.clear();
  for (const auto& entry : json) {
    values.emplace_back();
    read_argument(entry, values.back());
  }
}

inline nlohmann::ordered_json to_argument(bool value) { return value; }
inline nlohmann::ordered_json to_argument(double value) { return value; }
inline nlohmann::ordered_json to_argument(int64_t value) { return value; }
inline nlohmann::ordered_json to_argument(const std::string& value) {
  return value.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(value);
}
template <class T>
nlohmann::ordered_json to_argument(const std::optional<T>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}
template <class T>
nlohmann::ordered_json to_argument(const std::vector<T>& values) {
  if (values.empty()) return {};
  if (values.size() == 1) return values[0];
  return values;
}

}  // namespace pronghorn::model
