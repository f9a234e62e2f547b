#include "graph/attributes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

namespace pronghorn::graph {

const Attributes::Value* Attributes::find(std::string_view name) const {
  for (const auto& [entry_name, value] : entries_)
    if (entry_name == name) return &value;
  return nullptr;
}

void Attributes::set(std::string_view name, Value value) {
  for (auto& [entry_name, entry_value] : entries_) {
    if (entry_name == name) {
      entry_value = std::move(value);
      return;
    }
  }
  entries_.emplace_back(name, std::move(value));
}

template <class T>
const T& Attributes::get(std::string_view name) const {
  const Value* value = find(name);
  if (value == nullptr || !std::holds_alternative<T>(*value))
    throw std::logic_error(fmt::format("op attribute '{}' is missing or of another type", name));
  return std::get<T>(*value);
}

int64_t Attributes::integer(std::string_view name) const { return get<int64_t>(name); }
double Attributes::real(std::string_view name) const { return get<double>(name); }
const std::string& Attributes::text(std::string_view name) const { return get<std::string>(name); }
const std::vector<int64_t>& Attributes::integers(std::string_view name) const {
  return get<std::vector<int64_t>>(name);
}

std::string Attributes::to_string() const {
  std::string text;
  for (const auto& [name, value] : entries_) {
    if (!text.empty()) text += ", ";
    text += name + "=";
    if (const auto* list = std::get_if<std::vector<int64_t>>(&value))
      text += fmt::format("[{}]", fmt::join(*list, ", "));
    else
      std::visit(
          [&](const auto& v) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(v)>, std::vector<int64_t>>)
              text += fmt::format("{}", v);
          },
          value);
  }
  return text;
}

}  // namespace pronghorn::graph
