#include "model/compile_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <nlohmann/json.hpp>

#include "model/loss_config.h"
#include "pronghorn/error.h"

namespace pronghorn {
namespace {

constexpr std::array<std::string_view, 6> kOptimizers = {"sgd",   "rmsprop",  "adam",
                                                         "adamw", "adadelta", "adagrad"};

// "RMSprop", "rms_prop", Keras's own instance name "rm_sprop" and "rmsprop" are one.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : name)
    if (c != '_' && c != '-')
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return plain;
}

Optimizer keras3_defaults(const std::string& name) {
  Optimizer optimizer;
  optimizer.name = name;
  if (name == "sgd") optimizer.learning_rate = 0.01;
  if (name == "adamw") optimizer.weight_decay = 0.004;
  if (name == "adadelta") optimizer.rho = 0.95;
  return optimizer;
}

// keras/optimizers.py at tag 2.0.2.
Optimizer keras2017_defaults(const std::string& name) {
  Optimizer optimizer = keras3_defaults(name);
  optimizer.epsilon = 1e-8;
  if (name == "rmsprop") optimizer.epsilon_outside_root = true;
  if (name == "adadelta") optimizer.learning_rate = 1.0;
  if (name == "adagrad") {
    optimizer.learning_rate = 0.01;
    optimizer.initial_accumulator_value = 0;
    // 1e-8 stood outside the root; its square inside agrees with it wherever the root is not
    // itself about 1e-8.
    optimizer.epsilon = 1e-16;
  }
  return optimizer;
}

}  // namespace

Optimizer optimizer(std::string_view name, Preset preset) {
  const std::string plain = plain_name(name);
  if (std::find(kOptimizers.begin(), kOptimizers.end(), plain) == kOptimizers.end()) {
    throw ArgumentError(
        fmt::format("unknown optimizer '{}'; known are {}", name, fmt::join(kOptimizers, ", ")));
  }
  if (preset == Preset::kKeras3) return keras3_defaults(plain);
  if (plain == "adamw")
    throw ArgumentError("Keras had no adamw in 2017; use adam, or the preset keras3");
  return keras2017_defaults(plain);
}

std::vector<std::string> optimizer_names() { return {kOptimizers.begin(), kOptimizers.end()}; }

namespace model {
namespace {

using Json = nlohmann::ordered_json;

// Keras writes null for an argument that is off; absent and null both keep the default. What is no
// number (a learning rate schedule) becomes NaN: Model::compile refuses it, and says so.
void read(const Json& config, const char* key, double& value) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return;
  value = found->is_number() ? found->get<double>() : std::numeric_limits<double>::quiet_NaN();
}

void read(const Json& config, const char* key, bool& value) {
  const auto found = config.find(key);
  if (found != config.end() && found->is_boolean()) value = found->get<bool>();
}

// The name in "adam" and in {"class_name": "Adam", ...}; empty where there is neither.
std::string name_in(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_object()) {
    const auto found = json.find("class_name");
    if (found != json.end() && found->is_string()) return found->get<std::string>();
  }
  return {};
}

Optimizer optimizer_from_json(const Json& json) {
  const std::string name = name_in(json);
  Optimizer result;
  const std::string plain = plain_name(name);
  if (std::find(kOptimizers.begin(), kOptimizers.end(), plain) == kOptimizers.end()) {
    if (!name.empty()) result.name = name;
    return result;
  }
  result = optimizer(name);
  const auto config = json.is_object() ? json.find("config") : json.end();
  if (config == json.end() || !config->is_object()) return result;
  read(*config, "lr", result.learning_rate);  // its name before Keras 2.3
  read(*config, "learning_rate", result.learning_rate);
  read(*config, "momentum", result.momentum);
  read(*config, "nesterov", result.nesterov);
  read(*config, "rho", result.rho);
  read(*config, "epsilon", result.epsilon);
  read(*config, "centered", result.centered);
  read(*config, "beta_1", result.beta_1);
  read(*config, "beta_2", result.beta_2);
  read(*config, "amsgrad", result.amsgrad);
  read(*config, "weight_decay", result.weight_decay);
  read(*config, "initial_accumulator_value", result.initial_accumulator_value);
  return result;
}

}  // namespace

std::optional<CompileConfig> compile_config_from_json(const Json& json) {
  if (!json.is_object() || !json.contains("optimizer")) return std::nullopt;
  CompileConfig result;
  result.optimizer = optimizer_from_json(json.at("optimizer"));
  read_losses_and_metrics(json, result);
  return result;
}

}  // namespace model
}  // namespace pronghorn
