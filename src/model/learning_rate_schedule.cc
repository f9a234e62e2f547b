#include "model/learning_rate_schedule.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "model/config_reader.h"
#include "model/functional.h"
#include "model/json_text.h"
#include "pronghorn/error.h"

namespace pronghorn {
namespace {

using Json = nlohmann::ordered_json;

// In the order of the variant.
constexpr std::array<std::string_view, std::variant_size_v<LearningRateSchedule>> kClasses = {
    "ExponentialDecay", "PiecewiseConstantDecay", "PolynomialDecay", "InverseTimeDecay",
    "CosineDecay",      "CosineDecayRestarts"};
// Keras's defaults of the argument `name`.
constexpr std::array<std::string_view, kClasses.size()> kNames = {
    "ExponentialDecay", "PiecewiseConstant", "PolynomialDecay",
    "InverseTimeDecay", "CosineDecay",       "SGDRDecay"};

size_t class_of(std::string_view name) {
  for (size_t i = 0; i < kClasses.size(); ++i)
    if (name == kClasses[i] || name == model::snake_case(kClasses[i])) return i;
  throw ArgumentError(fmt::format("unknown learning rate schedule '{}'; known are {}", name,
                                  fmt::join(learning_rate_schedule_names(), ", ")));
}

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

double cosine_decay(double completed) { return 0.5 * (1 + std::cos(std::numbers::pi * completed)); }

double rate_at(const CosineDecay& schedule, double s) {
  double from = schedule.initial_learning_rate;
  if (schedule.warmup_target) {
    if (s < schedule.warmup_steps)
      return from + (*schedule.warmup_target - from) * (s / schedule.warmup_steps);
    from = *schedule.warmup_target;
    s -= schedule.warmup_steps;
  }
  const double completed = std::min(s, schedule.decay_steps) / schedule.decay_steps;
  return from * ((1 - schedule.alpha) * cosine_decay(completed) + schedule.alpha);
}

double rate_at(const CosineDecayRestarts& schedule, double s) {
  double completed = s / schedule.first_decay_steps;
  double restarts = std::floor(completed);
  if (schedule.t_mul == 1) {
    completed -= restarts;
  } else {
    // The periods last t_mul^i: so many are over when their sum, a geometric one, is reached.
    const double ratio = schedule.t_mul;
    restarts = std::floor(std::log(1 - completed * (1 - ratio)) / std::log(ratio) + 1e-9);
    const double period = std::pow(ratio, restarts);
    completed = (completed - (1 - period) / (1 - ratio)) / period;
  }
  const double factor = std::pow(schedule.m_mul, restarts);
  return schedule.initial_learning_rate *
         ((1 - schedule.alpha) * factor * cosine_decay(completed) + schedule.alpha);
}

double rate_at(const PolynomialDecay& schedule, double s) {
  double steps = schedule.decay_steps;
  if (schedule.cycle)
    steps *= s == 0 ? 1 : std::ceil(s / steps);
  else
    s = std::min(s, steps);
  return (schedule.initial_learning_rate - schedule.end_learning_rate) *
             std::pow(1 - s / steps, schedule.power) +
         schedule.end_learning_rate;
}

[[noreturn]] void fail(const LearningRateSchedule& schedule, std::string_view what) {
  throw ArgumentError(
      fmt::format("learning rate schedule {}: {}", kClasses[schedule.index()], what));
}

}  // namespace

double learning_rate_at(const LearningRateSchedule& schedule, uint64_t steps) {
  const auto s = static_cast<double>(steps);
  return std::visit(
      Overloaded{[&](const ExponentialDecay& decay) {
                   const double p = s / decay.decay_steps;
                   return decay.initial_learning_rate *
                          std::pow(decay.decay_rate, decay.staircase ? std::floor(p) : p);
                 },
                 [&](const PiecewiseConstantDecay& decay) {
                   const auto bound =
                       std::lower_bound(decay.boundaries.begin(), decay.boundaries.end(), s);
                   return decay.values[static_cast<size_t>(bound - decay.boundaries.begin())];
                 },
                 [&](const InverseTimeDecay& decay) {
                   const double p = s / decay.decay_steps;
                   return decay.initial_learning_rate /
                          (1 + decay.decay_rate * (decay.staircase ? std::floor(p) : p));
                 },
                 [&](const auto& decay) { return rate_at(decay, s); }},
      schedule);
}

LearningRateSchedule parse_learning_rate_schedule(std::string_view text,
                                                  double initial_learning_rate) {
  if (text.starts_with("{")) {
    const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded())
      throw ArgumentError("the learning rate schedule begins with '{' but is no JSON");
    return model::learning_rate_schedule_from_json(json, initial_learning_rate);
  }
  const size_t colon = std::min(text.find(':'), text.size());
  const size_t known = class_of(text.substr(0, colon));
  Json config = Json::object();
  const auto scalar = [&](std::string_view word, std::string_view name) -> Json {
    if (word == "true" || word == "false") return word == "true";
    const Json number = Json::parse(word, nullptr, /*allow_exceptions=*/false);
    if (!number.is_number())
      throw ArgumentError(
          fmt::format("learning rate schedule {}: argument '{}' is '{}'; it must "
                      "be a number, true or false",
                      kClasses[known], name, word));
    return number;
  };
  for (std::string_view rest = text.substr(std::min(colon + 1, text.size())); !rest.empty();) {
    const std::string_view argument = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(argument.size() + 1, rest.size()));
    const size_t equals = argument.find('=');
    if (equals == std::string_view::npos)
      throw ArgumentError(
          fmt::format("learning rate schedule {}: '{}' is no argument; write name=value, as in "
                      "cosine_decay:decay_steps=1000,alpha=0.1",
                      kClasses[known], argument));
    const std::string name(argument.substr(0, equals));
    std::string_view value = argument.substr(equals + 1);
    if (name == "boundaries" || name == "values") {
      Json list = Json::array();
      while (!value.empty()) {
        const std::string_view word = value.substr(0, value.find('/'));
        value.remove_prefix(std::min(word.size() + 1, value.size()));
        list.push_back(scalar(word, name));
      }
      config[name] = list;
    } else {
      config[name] = scalar(value, name);
    }
  }
  return model::learning_rate_schedule_from_json(
      {{"class_name", kClasses[known]}, {"config", config}}, initial_learning_rate);
}

std::string to_text(const LearningRateSchedule& schedule) {
  std::string text = model::snake_case(kClasses[schedule.index()]);
  char separator = ':';
  const Json arguments = model::to_json(schedule)["config"];
  for (const auto& [name, value] : arguments.items()) {
    if (value.is_null() || name == "name") continue;
    text += separator + name + '=';
    separator = ',';
    if (!value.is_array()) {
      text += value.dump();
      continue;
    }
    for (size_t i = 0; i < value.size(); ++i) text += (i == 0 ? "" : "/") + value[i].dump();
  }
  return text;
}

std::vector<std::string> learning_rate_schedule_names() {
  std::vector<std::string> names;
  for (const std::string_view name : kClasses) names.push_back(model::snake_case(name));
  return names;
}

namespace model {

void check(const LearningRateSchedule& schedule) {
  // Every number by its JSON: what is none, or negative, makes no learning rate.
  const Json arguments = to_json(schedule)["config"];
  for (const auto& [name, value] : arguments.items()) {
    const Json list = value.is_array() ? value : Json::array({value});
    for (const Json& number : list)
      if (number.is_number() && !(number.get<double>() >= 0))
        fail(schedule,
             fmt::format("{} is {}; it must be a number, at least 0", name, number.get<double>()));
    if (name.ends_with("decay_steps") && !(value.get<double>() > 0))
      fail(schedule, fmt::format("{} is {}; it must be above 0", name, value.get<double>()));
  }
  if (const auto* restarts = std::get_if<CosineDecayRestarts>(&schedule);
      restarts != nullptr && restarts->t_mul < 1)
    fail(schedule, fmt::format("t_mul is {}; it must be 1 or more", restarts->t_mul));
  if (const auto* pieces = std::get_if<PiecewiseConstantDecay>(&schedule); pieces != nullptr) {
    if (pieces->values.size() != pieces->boundaries.size() + 1)
      fail(schedule, fmt::format("there are {} boundaries and {} values; there must be one value "
                                 "more than boundaries",
                                 pieces->boundaries.size(), pieces->values.size()));
    if (!std::is_sorted(pieces->boundaries.begin(), pieces->boundaries.end()))
      fail(schedule, "boundaries must rise");
  }
}

LearningRateSchedule learning_rate_schedule_from_json(const Json& json, double initial) {
  if (!json.is_object() || !json.contains("class_name") || !json["class_name"].is_string())
    throw ArgumentError(fmt::format(
        "{} is no learning rate schedule; it must be {{class_name, config}}", excerpt(json)));
  const size_t known = class_of(json["class_name"].get<std::string>());
  static const Json empty = Json::object();
  const bool has_config = json.contains("config") && !json["config"].is_null();
  ConfigReader reader(has_config ? json["config"] : empty,
                      fmt::format("learning rate schedule {}", kClasses[known]));
  reader.ignore("name");
  const auto required = [&](std::string_view name) {
    const double missing = std::nan("");
    const double value = reader.real(name, missing);
    if (std::isnan(value)) reader.fail(name, "is missing");
    return value;
  };
  const double rate = kClasses[known] == "PiecewiseConstantDecay"
                          ? 0
                          : reader.real("initial_learning_rate", initial);
  LearningRateSchedule schedule;
  switch (known) {
    case 0:
      schedule = ExponentialDecay{rate, required("decay_steps"), required("decay_rate"),
                                  reader.boolean("staircase", false)};
      break;
    case 1:
      schedule = PiecewiseConstantDecay{reader.reals("boundaries"), reader.reals("values")};
      break;
    case 2:
      schedule =
          PolynomialDecay{rate, required("decay_steps"), reader.real("end_learning_rate", 0.0001),
                          reader.real("power", 1), reader.boolean("cycle", false)};
      break;
    case 3:
      schedule = InverseTimeDecay{rate, required("decay_steps"), required("decay_rate"),
                                  reader.boolean("staircase", false)};
      break;
    case 4: {
      CosineDecay decay{rate, required("decay_steps"), reader.real("alpha", 0), std::nullopt,
                        reader.real("warmup_steps", 0)};
      const double target = reader.real("warmup_target", std::nan(""));
      if (!std::isnan(target)) decay.warmup_target = target;
      schedule = decay;
      break;
    }
    default:
      schedule = CosineDecayRestarts{rate, required("first_decay_steps"), reader.real("t_mul", 2),
                                     reader.real("m_mul", 1), reader.real("alpha", 0)};
  }
  reader.finish();
  check(schedule);
  return schedule;
}

Json to_json(const LearningRateSchedule& schedule) {
  // Whole numbers of steps are integers in Keras.
  const auto steps = [](double number) {
    return std::floor(number) == number && std::abs(number) < 0x1p53
               ? Json(static_cast<int64_t>(number))
               : Json(number);
  };
  Json config =
      std::visit(Overloaded{[&](const ExponentialDecay& decay) -> Json {
                              return {{"initial_learning_rate", decay.initial_learning_rate},
                                      {"decay_steps", steps(decay.decay_steps)},
                                      {"decay_rate", decay.decay_rate},
                                      {"staircase", decay.staircase}};
                            },
                            [&](const PiecewiseConstantDecay& decay) -> Json {
                              Json boundaries = Json::array();
                              for (const double boundary : decay.boundaries)
                                boundaries.push_back(steps(boundary));
                              return {{"boundaries", boundaries}, {"values", decay.values}};
                            },
                            [&](const PolynomialDecay& decay) -> Json {
                              return {{"initial_learning_rate", decay.initial_learning_rate},
                                      {"decay_steps", steps(decay.decay_steps)},
                                      {"end_learning_rate", decay.end_learning_rate},
                                      {"power", decay.power},
                                      {"cycle", decay.cycle}};
                            },
                            [&](const InverseTimeDecay& decay) -> Json {
                              return {{"initial_learning_rate", decay.initial_learning_rate},
                                      {"decay_steps", steps(decay.decay_steps)},
                                      {"decay_rate", decay.decay_rate},
                                      {"staircase", decay.staircase}};
                            },
                            [&](const CosineDecay& decay) -> Json {
                              Json target;
                              if (decay.warmup_target) target = *decay.warmup_target;
                              return {{"initial_learning_rate", decay.initial_learning_rate},
                                      {"decay_steps", steps(decay.decay_steps)},
                                      {"alpha", decay.alpha},
                                      {"warmup_target", target},
                                      {"warmup_steps", steps(decay.warmup_steps)}};
                            },
                            [&](const CosineDecayRestarts& decay) -> Json {
                              return {{"initial_learning_rate", decay.initial_learning_rate},
                                      {"first_decay_steps", steps(decay.first_decay_steps)},
                                      {"t_mul", decay.t_mul},
                                      {"m_mul", decay.m_mul},
                                      {"alpha", decay.alpha}};
                            }},
                 schedule);
  config["name"] = kNames[schedule.index()];
  return {{"module", "keras.optimizers.schedules"},
          {"class_name", kClasses[schedule.index()]},
          {"config", config},
          {"registered_name", nullptr}};
}

}  // namespace model
}  // namespace pronghorn
