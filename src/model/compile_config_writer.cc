#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "model/compile_config.h"

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

// "categorical_crossentropy" -> "CategoricalCrossentropy"
std::string camel_case(std::string_view name) {
  std::string result;
  bool upper = true;
  for (const char c : name) {
    if (c == '_') {
      upper = true;
      continue;
    }
    result += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return result;
}

Json loss_to_json(const CompileConfig& config) {
  if (!config.from_logits) return config.loss;
  return keras_object("keras.losses", camel_case(config.loss),
                      {{"name", config.loss}, {"from_logits", true}});
}

// "top_3_categorical_accuracy" is Pronghorn's; Keras has an object with k for it.
Json metric_to_json(const std::string& name) {
  for (const std::string_view prefix : {"sparse_top_", "top_"}) {
    if (!name.starts_with(prefix)) continue;
    int k = 0;
    const char* begin = name.data() + prefix.size();
    const auto [end, error] = std::from_chars(begin, name.data() + name.size(), k);
    if (error != std::errc() || std::string_view(end) != "_categorical_accuracy") continue;
    return keras_object(
        "keras.metrics",
        prefix == "top_" ? "TopKCategoricalAccuracy" : "SparseTopKCategoricalAccuracy",
        {{"name", name}, {"dtype", "float32"}, {"k", k}});
  }
  return name;
}

}  // namespace

Json compile_config_to_json(const CompileConfig& config) {
  Json metrics = Json::array();
  for (const std::string& metric : config.metrics) metrics.push_back(metric_to_json(metric));
  return {{"optimizer", optimizer_to_json(config.optimizer)},
          {"loss", loss_to_json(config)},
          {"loss_weights", nullptr},
          {"metrics", metrics.empty() ? Json(nullptr) : metrics},
          {"weighted_metrics", nullptr},
          {"run_eagerly", false},
          {"steps_per_execution", 1},
          {"jit_compile", false}};
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
