#include "model/compile_config.h"

#include <nlohmann/json.hpp>

#include "model/loss_config.h"
#include "model/optimizer_config.h"

namespace pronghorn::model {

using Json = nlohmann::ordered_json;

std::optional<CompileConfig> compile_config_from_json(const Json& json) {
  if (!json.is_object() || !json.contains("optimizer")) return std::nullopt;
  CompileConfig result;
  result.optimizer = optimizer_from_json(json.at("optimizer"));
  read_losses_and_metrics(json, result);
  return result;
}

}  // namespace pronghorn::model
