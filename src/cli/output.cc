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

static nlohmann::ordered_json to_json(const Spread& spread) {
  return {{"median", spread.median}, {"low", spread.low}, {"high", spread.high}};
}

nlohmann::ordered_json to_json(const StepProfile& profile) {
  nlohmann::ordered_json json;
  json["batch_size"] = profile.batch_size;
  json["threads"] = profile.threads;
  json["steps"] = profile.steps;
  json["step_seconds"] = to_json(profile.step_seconds);
  json["coverage"] = profile.coverage;
  nlohmann::ordered_json& ops = json["ops"] = nlohmann::ordered_json::array();
  for (const OpTime& op : profile.ops) {
    ops.push_back({{"kind", op.kind},
                   {"layer", op.layer},
                   {"phase", op.phase},
                   {"kernel", op.kernel},
                   {"seconds", to_json(op.seconds)}});
  }
  nlohmann::ordered_json& counters = json["counters"] = nlohmann::ordered_json::object();
  for (const auto& [name, per_step] : profile.counters) counters[name] = per_step;
  return json;
}

std::string to_text(const nlohmann::ordered_json& json) {
  // Names from files may be no UTF-8; they are no reason to fail.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

void print_json(const nlohmann::ordered_json& json) { fmt::print("{}", to_text(json)); }

}  // namespace pronghorn::cli
