#include "model/constraint.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "model/config_reader.h"
#include "model/json_text.h"
#include "pronghorn/error.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;

void read_axis(ConfigReader& reader, Constraint& constraint) {
  constraint.axes = reader.integers("axis", {0}, constraint.one_axis);
  if (constraint.axes.empty()) reader.fail("axis", "names no axis");
}

}  // namespace

std::vector<int64_t> Constraint::axes_of(const Shape& shape) const {
  std::vector<int64_t> from_zero;
  for (const int64_t axis : axes) {
    if (axis >= shape.rank() || axis < -shape.rank())
      throw ArgumentError(fmt::format("constraint {}: axis {} is none of a weight of shape {}",
                                      class_name, axis, shape.to_string()));
    from_zero.push_back(axis < 0 ? axis + shape.rank() : axis);
  }
  std::sort(from_zero.begin(), from_zero.end());
  if (std::adjacent_find(from_zero.begin(), from_zero.end()) != from_zero.end())
    throw ArgumentError(fmt::format("constraint {}: an axis is named twice", class_name));
  return from_zero;
}

Constraint constraint_from_name(std::string_view name) {
  if (name == "max_norm" || name == "MaxNorm") return {"MaxNorm", 0, 2};
  if (name == "min_max_norm" || name == "MinMaxNorm") return {"MinMaxNorm", 0, 1};
  if (name == "non_neg" || name == "NonNeg") return {"NonNeg"};
  if (name == "unit_norm" || name == "UnitNorm") return {"UnitNorm"};
  throw UnsupportedError(fmt::format(
      "Pronghorn has no constraint '{}'; it has max_norm, min_max_norm, non_neg, unit_norm", name));
}

Constraint constraint_from_json(const Json& json) {
  if (json.is_string()) return constraint_from_name(json.get<std::string>());
  if (!json.is_object() || !json.contains("class_name") || !json["class_name"].is_string())
    throw ArgumentError(fmt::format(
        "{} is no constraint; it must be a name or {{class_name, config}}", excerpt(json)));
  Constraint constraint = constraint_from_name(json["class_name"].get<std::string>());
  static const Json empty = Json::object();
  const bool has_config = json.contains("config") && !json["config"].is_null();
  ConfigReader reader(has_config ? json["config"] : empty,
                      fmt::format("constraint {}", constraint.class_name));
  if (constraint.class_name == "MaxNorm")
    constraint.max_value = reader.real("max_value", constraint.max_value);
  if (constraint.class_name == "MinMaxNorm") {
    constraint.min_value = reader.real("min_value", constraint.min_value);
    constraint.max_value = reader.real("max_value", constraint.max_value);
    constraint.rate = reader.real("rate", constraint.rate);
  }
  if (constraint.class_name != "NonNeg") read_axis(reader, constraint);
  reader.finish();
  return constraint;
}

Json to_json(const std::optional<Constraint>& constraint) {
  if (!constraint) return nullptr;
  Json config = Json::object();
  if (constraint->class_name == "MinMaxNorm") config["min_value"] = constraint->min_value;
  if (constraint->class_name == "MinMaxNorm" || constraint->class_name == "MaxNorm")
    config["max_value"] = constraint->max_value;
  if (constraint->class_name == "MinMaxNorm") config["rate"] = constraint->rate;
  if (constraint->class_name != "NonNeg")
    config["axis"] = constraint->one_axis ? Json(constraint->axes[0]) : Json(constraint->axes);
  return {{"module", "keras.constraints"},
          {"class_name", constraint->class_name},
          {"config", config},
          {"registered_name", nullptr}};
}

}  // namespace pronghorn::model
