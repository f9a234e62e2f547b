#include "model/regularizer.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "model/config_reader.h"
#include "model/json_text.h"
#include "pronghorn/error.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kDefaultFactor = 0.01;

double factor(ConfigReader& reader, std::string_view name, double missing) {
  const double value = reader.real(name, missing);
  if (value < 0) reader.fail(name, fmt::format("is {}; it must not be negative", value));
  return value;
}

}  // namespace

Regularizer regularizer_from_name(std::string_view name) {
  if (name == "l1" || name == "L1") return {"L1", kDefaultFactor, 0};
  if (name == "l2" || name == "L2") return {"L2", 0, kDefaultFactor};
  // As a class its defaults are zero; by the old name both are 0.01.
  if (name == "L1L2") return {"L1L2", 0, 0};
  if (name == "l1_l2") return {"L1L2", kDefaultFactor, kDefaultFactor};
  throw UnsupportedError(
      fmt::format("Pronghorn has no regularizer '{}'; it has l1, l2, l1_l2", name));
}

Regularizer regularizer_from_json(const Json& json) {
  if (json.is_string()) return regularizer_from_name(json.get<std::string>());
  if (!json.is_object() || !json.contains("class_name") || !json["class_name"].is_string())
    throw ArgumentError(fmt::format(
        "{} is no regularizer; it must be a name or {{class_name, config}}", excerpt(json)));
  Regularizer regularizer = regularizer_from_name(json["class_name"].get<std::string>());
  static const Json empty = Json::object();
  const bool has_config = json.contains("config") && !json["config"].is_null();
  ConfigReader reader(has_config ? json["config"] : empty,
                      fmt::format("regularizer {}", regularizer.class_name));
  if (regularizer.class_name != "L2") regularizer.l1 = factor(reader, "l1", regularizer.l1);
  if (regularizer.class_name != "L1") regularizer.l2 = factor(reader, "l2", regularizer.l2);
  reader.finish();
  return regularizer;
}

Json to_json(const std::optional<Regularizer>& regularizer) {
  if (!regularizer) return nullptr;
  Json config = Json::object();
  if (regularizer->class_name != "L2") config["l1"] = regularizer->l1;
  if (regularizer->class_name != "L1") config["l2"] = regularizer->l2;
  return {{"module", "keras.regularizers"},
          {"class_name", regularizer->class_name},
          {"config", config},
          {"registered_name", nullptr}};
}

}  // namespace pronghorn::model
