#include "model/initializer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "base/normal_quantile.h"
#include "base/philox.h"
#include "model/config_reader.h"
#include "model/json_text.h"
#include "pronghorn/error.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;

// Keras's initializers and what they are in terms of a few distributions
// (keras/src/initializers/random_initializers.py).
enum class Family : uint8_t {
  kConstant,
  kUniform,
  kNormal,
  kTruncatedNormal,
  kVarianceScaling,
  kOrthogonal
};

struct Known {
  std::string_view class_name;
  std::string_view name;
  Family family;
  // Fixed arguments of VarianceScaling; of constants the value.
  double scale = 1;
  std::string_view mode = "";
  std::string_view distribution = "";
};

constexpr std::array kKnown = {
    Known{"Zeros", "zeros", Family::kConstant, 0},
    Known{"Ones", "ones", Family::kConstant, 1},
    Known{"Constant", "constant", Family::kConstant, 0},
    Known{"RandomUniform", "random_uniform", Family::kUniform},
    Known{"RandomNormal", "random_normal", Family::kNormal},
    Known{"TruncatedNormal", "truncated_normal", Family::kTruncatedNormal},
    Known{"VarianceScaling", "variance_scaling", Family::kVarianceScaling},
    Known{"GlorotUniform", "glorot_uniform", Family::kVarianceScaling, 1, "fan_avg", "uniform"},
    Known{"GlorotNormal", "glorot_normal", Family::kVarianceScaling, 1, "fan_avg",
          "truncated_normal"},
    Known{"HeUniform", "he_uniform", Family::kVarianceScaling, 2, "fan_in", "uniform"},
    Known{"HeNormal", "he_normal", Family::kVarianceScaling, 2, "fan_in", "truncated_normal"},
    Known{"LecunUniform", "lecun_uniform", Family::kVarianceScaling, 1, "fan_in", "uniform"},
    Known{"LecunNormal", "lecun_normal", Family::kVarianceScaling, 1, "fan_in", "truncated_normal"},
    Known{"Orthogonal", "orthogonal", Family::kOrthogonal},
};

const Known& find(std::string_view name) {
  // Keras's short names of the two.
  if (name == "uniform") name = "random_uniform";
  if (name == "normal") name = "random_normal";
  if (name == "OrthogonalInitializer") name = "Orthogonal";
  for (const Known& known : kKnown)
    if (name == known.class_name || name == known.name) return known;
  std::string names;
  for (const Known& known : kKnown)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", known.name);
  throw ArgumentError(fmt::format("unknown initializer '{}'; known are {}", name, names));
}

bool is_general(const Known& known) { return known.class_name == "VarianceScaling"; }

struct Fans {
  double in, out;
};

// Keras's compute_fans: the last two axes are channels in and out, those before them the window.
Fans fans(const Shape& shape) {
  if (shape.rank() == 0) return {1, 1};
  if (shape.rank() == 1) return {static_cast<double>(shape[0]), static_cast<double>(shape[0])};
  double window = 1;
  for (int axis = 0; axis < shape.rank() - 2; ++axis) window *= static_cast<double>(shape[axis]);
  return {window * static_cast<double>(shape[shape.rank() - 2]),
          window * static_cast<double>(shape[shape.rank() - 1])};
}

// In (0, 1): the middle of one of 2^32 equal parts, so that its quantile is finite.
double open_uniform(const RandomStream& random, uint64_t element) {
  return (static_cast<double>(random.word(element)) + 0.5) * 0x1p-32;
}

void fill_uniform(const RandomStream& random, double low, double high, std::span<float> values) {
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(low + (high - low) * static_cast<double>(random.uniform(i)));
}

void fill_normal(const RandomStream& random, double mean, double stddev, std::span<float> values) {
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(mean + stddev * normal_quantile(open_uniform(random, i)));
}

// Normal, cut at two standard deviations. By the quantile, not by drawing again, so that an
// element needs one random word wherever it stands.
void fill_truncated_normal(const RandomStream& random, double mean, double stddev,
                           std::span<float> values) {
  const double below = std::erfc(std::sqrt(2.0)) / 2;  // P(x < -2)
  for (size_t i = 0; i < values.size(); ++i) {
    const double p = below + (1 - 2 * below) * open_uniform(random, i);
    values[i] = static_cast<float>(mean + stddev * normal_quantile(p));
  }
}

// VarianceScaling: variance scale / fan. A truncated normal of deviation 1 has the deviation below,
// so it is stretched by the inverse.
constexpr double kTruncatedDeviation = 0.87962566103423978;

void fill_variance_scaling(const RandomStream& random, double scale, std::string_view mode,
                           std::string_view distribution, const Shape& shape,
                           std::span<float> values) {
  const Fans fan = fans(shape);
  const double divisor = mode == "fan_in"    ? fan.in
                         : mode == "fan_out" ? fan.out
                                             : (fan.in + fan.out) / 2;
  const double variance = scale / std::max(1.0, divisor);
  if (distribution == "uniform") {
    const double limit = std::sqrt(3 * variance);
    fill_uniform(random, -limit, limit, values);
  } else if (distribution == "untruncated_normal") {
    fill_normal(random, 0, std::sqrt(variance), values);
  } else {
    fill_truncated_normal(random, 0, std::sqrt(variance) / kTruncatedDeviation, values);
  }
}

// The matrix of all axes but the last times the last, whose rows or columns, whichever are fewer,
// are orthonormal: those of a normal matrix after Gram and Schmidt's process, which is the Q of a
// QR decomposition whose R has a positive diagonal. Saxe, McClelland and Ganguli, ICLR 2014.
void fill_orthogonal(const RandomStream& random, double gain, const Shape& shape,
                     std::span<float> values) {
  const auto columns = static_cast<size_t>(shape.rank() == 0 ? 1 : shape.back());
  const size_t rows = values.size() / columns;
  const size_t count = std::min(rows, columns), length = std::max(rows, columns);
  std::vector<double> vectors(values.size());
  for (size_t i = 0; i < vectors.size(); ++i) vectors[i] = normal_quantile(open_uniform(random, i));
  for (size_t i = 0; i < count; ++i) {
    double* vector = &vectors[i * length];
    // Twice, since what rounding leaves of the others is not small where little of it is left.
    for (int pass = 0; pass < 2; ++pass)
      for (size_t before = 0; before < i; ++before) {
        const double* other = &vectors[before * length];
        const double dot = std::inner_product(vector, vector + length, other, 0.0);
        for (size_t j = 0; j < length; ++j) vector[j] -= dot * other[j];
      }
    const double norm = std::sqrt(std::inner_product(vector, vector + length, vector, 0.0));
    for (size_t j = 0; j < length; ++j) vector[j] /= norm;
  }
  for (size_t row = 0; row < rows; ++row)
    for (size_t column = 0; column < columns; ++column)
      values[row * columns + column] =
          static_cast<float>(gain * (rows <= columns ? vectors[row * length + column]
                                                     : vectors[column * length + row]));
}

void check_one_of(ConfigReader& reader, std::string_view argument, const std::string& value,
                  std::initializer_list<std::string_view> allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
  std::string names;
  for (std::string_view name : allowed)
    names += fmt::format("{}'{}'", names.empty() ? "" : ", ", name);
  reader.fail(argument, fmt::format("is '{}'; it must be one of {}", value, names));
}

}  // namespace

std::vector<std::string> known_initializers() {
  std::vector<std::string> names;
  for (const Known& known : kKnown) names.emplace_back(known.name);
  return names;
}

Initializer initializer_from_name(std::string_view name) {
  const Known& known = find(name);
  Initializer initializer;
  initializer.class_name = known.class_name;
  if (known.family == Family::kConstant) initializer.value = known.scale;
  if (known.family == Family::kVarianceScaling && !is_general(known)) {
    initializer.scale = known.scale;
    initializer.mode = known.mode;
    initializer.distribution = known.distribution;
  }
  return initializer;
}

Initializer initializer_from_json(const Json& json) {
  if (json.is_string()) return initializer_from_name(json.get<std::string>());
  if (!json.is_object() || !json.contains("class_name") || !json["class_name"].is_string())
    throw ArgumentError(fmt::format(
        "{} is no initializer; it must be a name or {{class_name, config}}", excerpt(json)));
  Initializer initializer = initializer_from_name(json["class_name"].get<std::string>());
  const Known& known = find(initializer.class_name);
  static const Json empty = Json::object();
  const bool has_config = json.contains("config") && !json["config"].is_null();
  ConfigReader reader(has_config ? json["config"] : empty,
                      fmt::format("initializer {}", initializer.class_name));
  if (known.family != Family::kConstant) initializer.seed = reader.integer("seed", -1);
  switch (known.family) {
    case Family::kConstant:
      if (known.class_name == "Constant") initializer.value = reader.real("value", 0);
      break;
    case Family::kUniform:
      initializer.minval = reader.real("minval", -0.05);
      initializer.maxval = reader.real("maxval", 0.05);
      break;
    case Family::kOrthogonal:
      initializer.gain = reader.real("gain", 1);
      break;
    case Family::kNormal:
    case Family::kTruncatedNormal:
      initializer.mean = reader.real("mean", 0);
      initializer.stddev = reader.real("stddev", 0.05);
      break;
    case Family::kVarianceScaling:
      // Which axes are in and out; null is what fans() takes.
      reader.only_default("input_axes", nullptr);
      reader.only_default("output_axes", nullptr);
      if (!is_general(known)) break;
      initializer.scale = reader.real("scale", 1);
      if (initializer.scale <= 0) reader.fail("scale", "must be positive");
      initializer.mode = reader.text("mode", "fan_in");
      check_one_of(reader, "mode", initializer.mode, {"fan_in", "fan_out", "fan_avg"});
      initializer.distribution = reader.text("distribution", "truncated_normal");
      // Keras 2's name of the same.
      if (initializer.distribution == "normal") initializer.distribution = "truncated_normal";
      check_one_of(reader, "distribution", initializer.distribution,
                   {"truncated_normal", "untruncated_normal", "uniform"});
      break;
  }
  reader.finish();
  return initializer;
}

// Arguments that only newer versions of Keras 3 know (input_axes, output_axes) are left out, so
// that older ones can read what is written.
Json to_json(const Initializer& initializer) {
  const Known& known = find(initializer.class_name);
  const Json seed = initializer.seed < 0 ? Json() : Json(initializer.seed);
  Json config = Json::object();
  switch (known.family) {
    case Family::kConstant:
      if (known.class_name == "Constant") config["value"] = initializer.value;
      break;
    case Family::kUniform:
      config = {{"seed", seed}, {"minval", initializer.minval}, {"maxval", initializer.maxval}};
      break;
    case Family::kOrthogonal:
      config = {{"seed", seed}, {"gain", initializer.gain}};
      break;
    case Family::kNormal:
    case Family::kTruncatedNormal:
      config = {{"seed", seed}, {"mean", initializer.mean}, {"stddev", initializer.stddev}};
      break;
    case Family::kVarianceScaling:
      if (is_general(known))
        config = {{"scale", initializer.scale},
                  {"mode", initializer.mode},
                  {"distribution", initializer.distribution}};
      config["seed"] = seed;
      break;
  }
  return {{"module", "keras.initializers"},
          {"class_name", initializer.class_name},
          {"config", config},
          {"registered_name", nullptr}};
}

void initialize(const Initializer& initializer, const Shape& shape, uint64_t seed, uint64_t stream,
                std::span<float> values) {
  const Known& known = find(initializer.class_name);
  // As in Keras, an initializer with a seed of its own gives the same values wherever it stands.
  const bool own_seed = initializer.seed >= 0;
  const RandomStream random(own_seed ? static_cast<uint64_t>(initializer.seed) : seed,
                            own_seed ? 0 : stream, 0);
  switch (known.family) {
    case Family::kConstant:
      std::fill(values.begin(), values.end(), static_cast<float>(initializer.value));
      break;
    case Family::kUniform:
      fill_uniform(random, initializer.minval, initializer.maxval, values);
      break;
    case Family::kOrthogonal:
      fill_orthogonal(random, initializer.gain, shape, values);
      break;
    case Family::kNormal:
      fill_normal(random, initializer.mean, initializer.stddev, values);
      break;
    case Family::kTruncatedNormal:
      fill_truncated_normal(random, initializer.mean, initializer.stddev, values);
      break;
    case Family::kVarianceScaling:
      fill_variance_scaling(random, initializer.scale, initializer.mode, initializer.distribution,
                            shape, values);
      break;
  }
}

}  // namespace pronghorn::model
