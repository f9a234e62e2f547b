#include <nlohmann/json.hpp>

#include "model/compile_config.h"
#include "model/loss_config.h"
#include "model/optimizer_config.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;

// As Keras says it: its variable is a float32.
double rate(double learning_rate) { return static_cast<double>(static_cast<float>(learning_rate)); }

}  // namespace

Json compile_config_to_json(const CompileConfig& config) {
  Json json = {{"optimizer", to_json(config.optimizer)}};
  write_losses_and_metrics(config, json);
  json["run_eagerly"] = false;
  json["steps_per_execution"] = 1;
  json["jit_compile"] = false;
  return json;
}

void set_learning_rate(Json& compile_config, double learning_rate) {
  const auto optimizer = compile_config.find("optimizer");
  if (optimizer == compile_config.end() || !optimizer->is_object()) return;
  const auto config = optimizer->find("config");
  if (config == optimizer->end() || !config->is_object()) return;
  for (const char* key : {"learning_rate", "lr"})
    if (const auto found = config->find(key); found != config->end() && found->is_number())
      *found = rate(learning_rate);
}

}  // namespace pronghorn::model
