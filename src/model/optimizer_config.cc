#include "model/optimizer_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "model/json_text.h"
#include "model/learning_rate_schedule.h"
#include "pronghorn/error.h"

namespace pronghorn {
namespace {

using Json = nlohmann::ordered_json;

struct Known {
  std::string_view name;
  std::string_view class_name;
  // Keras's name of an instance.
  std::string_view instance_name;
  // Those of its arguments that not all optimizers have, separated by spaces.
  std::string_view arguments;
};
constexpr std::array kOptimizers = {
    Known{"sgd", "SGD", "sgd", "momentum nesterov"},
    Known{"rmsprop", "RMSprop", "rm_sprop", "rho momentum epsilon centered"},
    Known{"adam", "Adam", "adam", "beta_1 beta_2 epsilon amsgrad"},
    Known{"adamw", "AdamW", "adam_w", "beta_1 beta_2 epsilon amsgrad"},
    Known{"adadelta", "Adadelta", "adadelta", "rho epsilon"},
    Known{"adagrad", "Adagrad", "adagrad", "initial_accumulator_value epsilon"},
    Known{"adamax", "Adamax", "adamax", "beta_1 beta_2 epsilon"},
    Known{"nadam", "Nadam", "nadam", "beta_1 beta_2 epsilon"},
    Known{"ftrl", "Ftrl", "ftrl",
          "learning_rate_power initial_accumulator_value l1_regularization_strength "
          "l2_regularization_strength l2_shrinkage_regularization_strength beta"},
    Known{"lion", "Lion", "lion", "beta_1 beta_2"},
    Known{"adafactor", "Adafactor", "adafactor",
          "beta_2_decay epsilon_1 epsilon_2 clip_threshold relative_step"},
};

// "RMSprop", "rms_prop", Keras's own instance name "rm_sprop" and "rmsprop" are one.
const Known* find(std::string_view name) {
  std::string plain;
  for (const char c : name)
    if (c != '_' && c != '-')
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto found = std::find_if(kOptimizers.begin(), kOptimizers.end(),
                                  [&](const Known& known) { return known.name == plain; });
  return found == kOptimizers.end() ? nullptr : &*found;
}

Optimizer keras3_defaults(std::string_view name) {
  Optimizer optimizer;
  optimizer.name = name;
  if (name == "sgd") optimizer.learning_rate = 0.01;
  if (name == "adamw") optimizer.weight_decay = 0.004;
  if (name == "adadelta") optimizer.rho = 0.95;
  if (name == "lion") optimizer.beta_2 = 0.99;
  return optimizer;
}

// keras/optimizers.py at tag 2.0.2.
Optimizer keras2017_defaults(std::string_view name) {
  Optimizer optimizer = keras3_defaults(name);
  optimizer.epsilon = 1e-8;
  if (name == "rmsprop") optimizer.epsilon_outside_root = true;
  if (name == "adadelta") optimizer.learning_rate = 1.0;
  if (name == "adamax" || name == "nadam") optimizer.learning_rate = 0.002;
  if (name == "adagrad") {
    optimizer.learning_rate = 0.01;
    optimizer.initial_accumulator_value = 0;
    // 1e-8 stood outside the root; its square inside agrees with it wherever the root is not
    // itself about 1e-8.
    optimizer.epsilon = 1e-16;
  }
  return optimizer;
}

// Every argument that is read from a config and written to one, under Keras's name, in Keras's
// order; null is what Keras writes for one that is off. `visit` is called with each.
template <class Visit>
void visit_arguments(Optimizer& optimizer, Visit&& visit) {
  visit("weight_decay", optimizer.weight_decay);
  visit("clipnorm", optimizer.clipnorm);
  visit("global_clipnorm", optimizer.global_clipnorm);
  visit("clipvalue", optimizer.clipvalue);
  visit("use_ema", optimizer.use_ema);
  visit("ema_momentum", optimizer.ema_momentum);
  visit("ema_overwrite_frequency", optimizer.ema_overwrite_frequency);
  visit("gradient_accumulation_steps", optimizer.gradient_accumulation_steps);
  visit("momentum", optimizer.momentum);
  visit("nesterov", optimizer.nesterov);
  visit("rho", optimizer.rho);
  visit("beta_1", optimizer.beta_1);
  visit("beta_2", optimizer.beta_2);
  visit("epsilon", optimizer.epsilon);
  visit("centered", optimizer.centered);
  visit("amsgrad", optimizer.amsgrad);
  visit("initial_accumulator_value", optimizer.initial_accumulator_value);
  visit("learning_rate_power", optimizer.learning_rate_power);
  visit("l1_regularization_strength", optimizer.l1_regularization_strength);
  visit("l2_regularization_strength", optimizer.l2_regularization_strength);
  visit("l2_shrinkage_regularization_strength", optimizer.l2_shrinkage_regularization_strength);
  visit("beta", optimizer.beta);
  visit("beta_2_decay", optimizer.beta_2_decay);
  visit("epsilon_1", optimizer.epsilon_1);
  visit("epsilon_2", optimizer.epsilon_2);
  visit("clip_threshold", optimizer.clip_threshold);
  visit("relative_step", optimizer.relative_step);
}

// Of every optimizer, and off where it is zero.
constexpr std::array<std::string_view, 6> kNullForZero = {"weight_decay",
                                                          "clipnorm",
                                                          "global_clipnorm",
                                                          "clipvalue",
                                                          "ema_overwrite_frequency",
                                                          "gradient_accumulation_steps"};
constexpr std::array<std::string_view, 2> kOfAll = {"use_ema", "ema_momentum"};

template <size_t N>
bool is_among(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool has_argument(const Known& known, std::string_view name) {
  std::string_view rest = known.arguments;
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    if (word == name) return true;
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  }
  return false;
}

// What is no number becomes NaN.
void read(const Json& value, double& argument) {
  argument = value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}
void read(const Json& value, bool& argument) {
  if (value.is_boolean()) argument = value.get<bool>();
}
void read(const Json& value, int64_t& argument) {
  // -1 is no number of steps.
  argument = value.is_number_integer() && value.get<double>() < 0x1p53 ? value.get<int64_t>() : -1;
}

void check_range(const char* name, double value, double least, double most, bool most_included) {
  if (value >= least && (value < most || (most_included && value == most))) return;
  throw ArgumentError(fmt::format("optimizer argument {} is {}; it must be in [{}, {}{}", name,
                                  value, least, most, most_included ? ']' : ')'));
}

void check_at_least_zero(const char* name, double value) {
  if (std::isfinite(value) && value >= 0) return;
  throw ArgumentError(fmt::format(
      "optimizer argument {} is {}; it must be a finite number, at least 0", name, value));
}

void check_steps(const char* name, int64_t value) {
  if (value >= 0) return;
  throw ArgumentError(fmt::format(
      "optimizer argument {} is {}; it must be a number of steps, 0 for none", name, value));
}

}  // namespace

Optimizer optimizer(std::string_view name, Preset preset) {
  const Known* known = find(name);
  if (known == nullptr) {
    throw ArgumentError(fmt::format("unknown optimizer '{}'; known are {}", name,
                                    fmt::join(optimizer_names(), ", ")));
  }
  if (preset == Preset::kKeras3) return keras3_defaults(known->name);
  constexpr std::array<std::string_view, 4> kLater = {"adamw", "ftrl", "lion", "adafactor"};
  if (is_among(known->name, kLater))
    throw ArgumentError(
        fmt::format("Keras had no {} in 2017; use adam, or the preset keras3", known->name));
  return keras2017_defaults(known->name);
}

std::vector<std::string> optimizer_names() {
  std::vector<std::string> names;
  for (const Known& known : kOptimizers) names.emplace_back(known.name);
  return names;
}

namespace model {

Optimizer optimizer_from_json(const Json& json) {
  std::string name;
  if (json.is_string()) name = json.get<std::string>();
  if (json.is_object() && json.contains("class_name") && json["class_name"].is_string())
    name = json["class_name"].get<std::string>();
  Optimizer result;
  if (find(name) == nullptr) {
    if (!name.empty()) result.name = name;
    return result;
  }
  result = optimizer(name);
  const auto config = json.is_object() ? json.find("config") : json.end();
  if (config == json.end() || !config->is_object()) return result;
  for (const char* key : {"lr", "learning_rate"}) {  // the first is its name before Keras 2.3
    const auto found = config->find(key);
    if (found == config->end() || found->is_null()) continue;
    if (found->is_object()) {
      try {
        result.learning_rate_schedule = learning_rate_schedule_from_json(*found);
        continue;
      } catch (const Error&) {
        // No number, and so NaN.
      }
    }
    read(*found, result.learning_rate);
  }
  visit_arguments(result, [&](const char* key, auto& argument) {
    const auto found = config->find(key);
    if (found == config->end()) return;
    if (!found->is_null())
      read(*found, argument);
    else if (is_among(key, kNullForZero))
      argument = 0;
  });
  const auto scale = config->find("loss_scale_factor");
  if (scale != config->end() && !scale->is_null()) result.loss_scaling = true;
  return result;
}

Json to_json(const Optimizer& optimizer) {
  const Known* known = find(optimizer.name);
  if (known == nullptr) return optimizer.name;
  Json config = {{"name", known->instance_name}};
  if (optimizer.learning_rate_schedule)
    config["learning_rate"] = to_json(*optimizer.learning_rate_schedule);
  else
    // A float32 variable, whose value is printed as a double.
    config["learning_rate"] = static_cast<double>(static_cast<float>(optimizer.learning_rate));
  Optimizer copy = optimizer;
  visit_arguments(copy, [&](const char* key, const auto& argument) {
    if (is_among(key, kNullForZero))
      config[key] = argument == 0 ? Json() : Json(argument);
    else if (is_among(key, kOfAll) || has_argument(*known, key))
      config[key] = argument;
    if (std::string_view(key) == "ema_overwrite_frequency") config["loss_scale_factor"] = nullptr;
  });
  return {{"module", "keras.optimizers"},
          {"class_name", known->class_name},
          {"config", config},
          {"registered_name", nullptr}};
}

Optimizer checked(Optimizer optimizer) {
  optimizer.name = pronghorn::optimizer(optimizer.name).name;
  check_at_least_zero("learning_rate", optimizer.learning_rate);
  check_at_least_zero("epsilon", optimizer.epsilon);
  check_at_least_zero("weight_decay", optimizer.weight_decay);
  check_at_least_zero("initial_accumulator_value", optimizer.initial_accumulator_value);
  check_range("momentum", optimizer.momentum, 0, 1, true);
  check_range("rho", optimizer.rho, 0, 1, true);
  check_range("beta_1", optimizer.beta_1, 0, 1, false);
  check_range("beta_2", optimizer.beta_2, 0, 1, false);
  check_at_least_zero("clipnorm", optimizer.clipnorm);
  check_at_least_zero("global_clipnorm", optimizer.global_clipnorm);
  check_at_least_zero("clipvalue", optimizer.clipvalue);
  const int clips =
      (optimizer.clipnorm > 0) + (optimizer.global_clipnorm > 0) + (optimizer.clipvalue > 0);
  if (clips > 1)
    throw ArgumentError(
        "only one of the optimizer's clipnorm, global_clipnorm and clipvalue may be given");
  check_range("ema_momentum", optimizer.ema_momentum, 0, 1, true);
  check_steps("ema_overwrite_frequency", optimizer.ema_overwrite_frequency);
  check_steps("gradient_accumulation_steps", optimizer.gradient_accumulation_steps);
  // Keras's own bounds.
  if (optimizer.gradient_accumulation_steps == 1)
    throw ArgumentError(
        "optimizer argument gradient_accumulation_steps is 1; it must be 2 or more, or 0 for none");
  if (!(optimizer.learning_rate_power <= 0))
    throw ArgumentError(
        fmt::format("optimizer argument learning_rate_power is {}; it must not be "
                    "above 0",
                    optimizer.learning_rate_power));
  check_at_least_zero("l1_regularization_strength", optimizer.l1_regularization_strength);
  check_at_least_zero("l2_regularization_strength", optimizer.l2_regularization_strength);
  check_at_least_zero("l2_shrinkage_regularization_strength",
                      optimizer.l2_shrinkage_regularization_strength);
  check_at_least_zero("beta", optimizer.beta);
  check_at_least_zero("epsilon_1", optimizer.epsilon_1);
  check_at_least_zero("epsilon_2", optimizer.epsilon_2);
  if (!(optimizer.beta_2_decay <= 0))
    throw ArgumentError(fmt::format("optimizer argument beta_2_decay is {}; it must not be above 0",
                                    optimizer.beta_2_decay));
  if (!(optimizer.clip_threshold > 0))
    throw ArgumentError(fmt::format("optimizer argument clip_threshold is {}; it must be above 0",
                                    optimizer.clip_threshold));
  if (optimizer.loss_scaling)
    throw UnsupportedError(
        "optimizer argument loss_scale_factor: Pronghorn computes in float32, whose losses need no "
        "scale; leave it out");
  if (optimizer.learning_rate_schedule) check(*optimizer.learning_rate_schedule);
  return optimizer;
}

}  // namespace model
}  // namespace pronghorn
