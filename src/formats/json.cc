#include "formats/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDeepest = 100;

void check_depth(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDeepest)
        throw FileError(fmt::format("the JSON is nested more than {} deep", kDeepest));
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
}

}  // namespace

Json parse_json(std::string_view text) {
  check_depth(text);
  std::vector<std::set<std::string>> keys_at_depth;
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) keys_at_depth.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_at_depth.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (!keys_at_depth.back().insert(key).second)
        throw FileError(fmt::format("no valid JSON: an object has the key '{}' twice", key));
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), watch);
  } catch (const Json::parse_error& error) {
    // The library's message says the place in bytes or in its own words; ours is like a compiler's.
    const std::string_view before = text.substr(0, std::max<size_t>(error.byte, 1) - 1);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const size_t column = before.size() - (before.rfind('\n') + 1) + 1;
    std::string_view what = error.what();
    if (const size_t at = what.rfind("; last read"); at != std::string_view::npos)
      what = what.substr(0, at);
    if (const size_t at = what.find(" - "); at != std::string_view::npos)
      what = what.substr(at + 3);
    throw FileError(fmt::format("line {}, column {}: no valid JSON: {}", line, column, what));
  } catch (const Json::out_of_range& error) {
    // A number beyond a double's range; the library does not say where.
    const std::string_view what = error.what();
    throw FileError(fmt::format("no valid JSON: {}", what.substr(what.find("] ") + 2)));
  }
}

}  // namespace pronghorn::formats
