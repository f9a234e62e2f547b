#include <fmt/format.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "model/compile_config.h"
#include "model/loss_config.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;

Json keras_object(const char* module, std::string class_name, Json config) {
  return {{"module", module},
          {"class_name", std::move(class_name)},
          {"config", std::move(config)},
          {"registered_name", nullptr}};
}

// As Keras says it: its variable is a float32.
double rate(double learning_rate) { return static_cast<double>(static_cast<float>(learning_rate)); }

// null where it is off.
Json or_null(double number) { return number == 0 ? Json(nullptr) : Json(number); }

// Class, and the name that Keras's first instance of it has.
std::pair<const char*, const char*> optimizer_class(const std::string& name) {
  static constexpr std::array<std::array<const char*, 3>, 6> kClasses = {
      {{"sgd", "SGD", "sgd"},
       {"rmsprop", "RMSprop", "rmsprop"},
       {"adam", "Adam", "adam"},
       {"adamw", "AdamW", "adamw"},
       {"adadelta", "Adadelta", "adadelta"},
       {"adagrad", "Adagrad", "adagrad"}}};
  for (const auto& [plain, class_name, instance] : kClasses)
    if (name == plain) return {class_name, instance};
  return {name.c_str(), name.c_str()};
}

Json optimizer_to_json(const Optimizer& optimizer) {
  const std::string& name = optimizer.name;
  const auto [class_name, instance] = optimizer_class(name);
  Json config = {{"name", instance},
                 {"learning_rate", rate(optimizer.learning_rate)},
                 {"weight_decay", or_null(optimizer.weight_decay)},
                 {"clipnorm", nullptr},
                 {"global_clipnorm", nullptr},
                 {"clipvalue", nullptr},
                 {"use_ema", false},
                 {"ema_momentum", 0.99},
                 {"ema_overwrite_frequency", nullptr},
                 {"loss_scale_factor", nullptr},
                 {"gradient_accumulation_steps", nullptr}};
  if (name == "sgd") {
    config["momentum"] = optimizer.momentum;
    config["nesterov"] = optimizer.nesterov;
  } else if (name == "rmsprop") {
    config["rho"] = optimizer.rho;
    config["momentum"] = optimizer.momentum;
    config["epsilon"] = optimizer.epsilon;
    config["centered"] = optimizer.centered;
  } else if (name == "adam" || name == "adamw") {
    config["beta_1"] = optimizer.beta_1;
    config["beta_2"] = optimizer.beta_2;
    config["epsilon"] = optimizer.epsilon;
    config["amsgrad"] = optimizer.amsgrad;
  } else if (name == "adadelta") {
    config["rho"] = optimizer.rho;
    config["epsilon"] = optimizer.epsilon;
  } else if (name == "adagrad") {
    config["initial_accumulator_value"] = optimizer.initial_accumulator_value;
    config["epsilon"] = optimizer.epsilon;
  }
  return keras_object("keras.optimizers", class_name, std::move(config));
}

}  // namespace

Json compile_config_to_json(const CompileConfig& config) {
  Json json = {{"optimizer", optimizer_to_json(config.optimizer)}};
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
