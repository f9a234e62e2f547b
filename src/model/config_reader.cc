#include "model/config_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "model/activation.h"
#include "model/json_text.h"
#include "pronghorn/error.h"

namespace pronghorn::model {

using Json = nlohmann::ordered_json;

ConfigReader::ConfigReader(const Json& json, std::string layer)
    : json_(json), layer_(std::move(layer)) {
  if (!json.is_object())
    throw ArgumentError(fmt::format("{}: its config is {}, not an object", layer_, excerpt(json)));
}

void ConfigReader::fail(std::string_view name, std::string_view what) const {
  throw ArgumentError(fmt::format("{}: argument '{}' {}", layer_, name, what));
}

void ConfigReader::note(std::string_view name, std::string supported) {
  if (used_.emplace(name).second) arguments_.push_back({std::string(name), ""});
  if (supported.empty()) return;
  for (KerasArgument& argument : arguments_)
    if (argument.name == name) argument.supported = std::move(supported);
}

const Json& ConfigReader::get(std::string_view name) {
  static const Json null;
  note(name);
  const auto found = json_.find(name);
  return found == json_.end() ? null : *found;
}

bool ConfigReader::has(std::string_view name) const { return json_.contains(name); }

int64_t ConfigReader::to_integer(std::string_view name, const Json& value) const {
  // What exceeds 32 bits is no extent of a tensor that could be computed with. As a double, since
  // the JSON library compares unsigned with signed numbers modulo 2^64.
  const double number = value.is_number_integer() ? value.get<double>() : 0x1p63;
  if (std::abs(number) >= 0x1p31)
    fail(name, fmt::format("is {}; it must be an integer below 2^31", excerpt(value)));
  return value.get<int64_t>();
}

int64_t ConfigReader::positive(std::string_view name) {
  const Json& value = get(name);
  if (value.is_null()) fail(name, "is missing");
  const int64_t number = to_integer(name, value);
  if (number < 1) fail(name, fmt::format("is {}; it must be positive", number));
  return number;
}

std::optional<int64_t> ConfigReader::optional_integer(std::string_view name) {
  const Json& value = get(name);
  if (value.is_null()) return std::nullopt;
  return to_integer(name, value);
}

int64_t ConfigReader::integer(std::string_view name, int64_t missing) {
  return optional_integer(name).value_or(missing);
}

const Json& ConfigReader::object(std::string_view name) {
  const Json& value = get(name);
  if (!value.is_null() && !value.is_object())
    fail(name, fmt::format("is {}; it must be an object", excerpt(value)));
  return value;
}

double ConfigReader::real(std::string_view name, double missing) {
  return optional_real(name).value_or(missing);
}

std::optional<double> ConfigReader::optional_real(std::string_view name) {
  const Json& value = get(name);
  if (value.is_null()) return std::nullopt;
  if (!value.is_number() || !std::isfinite(value.get<double>()))
    fail(name, fmt::format("is {}; it must be a number", excerpt(value)));
  return value.get<double>();
}

bool ConfigReader::boolean(std::string_view name, bool missing) {
  const Json& value = get(name);
  if (value.is_null()) return missing;
  if (!value.is_boolean())
    fail(name, fmt::format("is {}; it must be true or false", excerpt(value)));
  return value.get<bool>();
}

std::string ConfigReader::text(std::string_view name, std::string_view missing) {
  const Json& value = get(name);
  if (value.is_null()) return std::string(missing);
  if (!value.is_string()) fail(name, fmt::format("is {}; it must be a string", excerpt(value)));
  return value.get<std::string>();
}

std::vector<int64_t> ConfigReader::integers(std::string_view name, std::vector<int64_t> missing,
                                            bool& one) {
  const Json& value = get(name);
  one = !value.is_array();
  if (value.is_null()) return missing;
  if (one) return {to_integer(name, value)};
  std::vector<int64_t> numbers;
  for (const Json& number : value) numbers.push_back(to_integer(name, number));
  return numbers;
}

std::vector<double> ConfigReader::reals(std::string_view name) {
  const Json& value = get(name);
  if (!value.is_array())
    fail(name, value.is_null()
                   ? "is missing"
                   : fmt::format("is {}; it must be a list of numbers", excerpt(value)));
  std::vector<double> numbers;
  for (const Json& number : value) {
    if (!number.is_number())
      fail(name, fmt::format("is {}; it must be a list of numbers", excerpt(value)));
    numbers.push_back(number.get<double>());
  }
  return numbers;
}

std::optional<std::vector<int64_t>> ConfigReader::extents(std::string_view name, size_t count,
                                                          int64_t least) {
  const Json& value = get(name);
  if (value.is_null()) return std::nullopt;
  std::vector<int64_t> numbers;
  if (value.is_number()) {
    numbers.assign(count, to_integer(name, value));
  } else if (value.is_array() && value.size() == count) {
    for (const Json& number : value) numbers.push_back(to_integer(name, number));
  } else {
    fail(name, fmt::format("is {}; it must be an integer or a list of {}", excerpt(value), count));
  }
  for (const int64_t number : numbers)
    if (number < least)
      fail(name, fmt::format("is {}; it must {}", excerpt(value),
                             least == 0 ? "not be negative" : "be positive"));
  return numbers;
}

std::string ConfigReader::one_of(std::string_view name, std::string_view missing,
                                 std::initializer_list<std::string_view> supported) {
  note(name, fmt::format("{}", fmt::join(supported, ", ")));
  std::string value = text(name, missing);
  if (std::find(supported.begin(), supported.end(), value) == supported.end())
    throw UnsupportedError(fmt::format("{}: argument '{}' is '{}'; Pronghorn supports {}", layer_,
                                       name, value, fmt::join(supported, ", ")));
  return value;
}

EdgePadding ConfigReader::edge_padding(std::string_view name, bool allow_causal) {
  std::string padding = text(name, "valid");
  for (char& c : padding) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const EdgePadding edges : {EdgePadding::kValid, EdgePadding::kSame, EdgePadding::kCausal})
    if (padding == to_string(edges) && (edges != EdgePadding::kCausal || allow_causal))
      return edges;
  fail(name, fmt::format("is '{}'; it must be {}", padding,
                         allow_causal ? "'valid', 'same' or 'causal'" : "'valid' or 'same'"));
}

std::string ConfigReader::activation(std::string_view name, std::string_view missing,
                                     bool any_shape) {
  const Json& value = get(name);
  if (value.is_null()) return std::string(missing);
  const Json* text = &value;
  // Keras also writes a function as {module, class_name "function", config "relu"}.
  if (value.is_object() && value.contains("config") &&
      value.value("class_name", Json()) == "function")
    text = &value["config"];
  if (!text->is_string())
    throw UnsupportedError(
        fmt::format("{}: argument '{}' is {}; Pronghorn knows activations by name: {}", layer_,
                    name, excerpt(value), activation_names()));
  try {
    std::string activation = canonical_activation(text->get<std::string>());
    if (!any_shape && !keeps_shape(activation))
      throw UnsupportedError(fmt::format(
          "{}: argument '{}' is {}; Pronghorn supports it as an Activation layer of its own",
          layer_, name, activation));
    return activation;
  } catch (const ArgumentError& error) {
    throw ArgumentError(fmt::format("{}: {}", layer_, error.what()));
  }
}

template <class FromJson>
auto ConfigReader::read(std::string_view name, const Json& value, FromJson from_json) const {
  try {
    return from_json(value);
  } catch (const UnsupportedError& error) {
    throw UnsupportedError(fmt::format("{}: argument '{}': {}", layer_, name, error.what()));
  } catch (const ArgumentError& error) {
    throw ArgumentError(fmt::format("{}: argument '{}': {}", layer_, name, error.what()));
  }
}

Initializer ConfigReader::initializer(std::string_view name, std::string_view missing) {
  return read(name, get(name), [&](const Json& value) {
    return value.is_null() ? initializer_from_name(missing) : initializer_from_json(value);
  });
}

std::optional<Regularizer> ConfigReader::regularizer(std::string_view name) {
  const Json& value = get(name);
  if (value.is_null()) return std::nullopt;
  return read(name, value, regularizer_from_json);
}

std::optional<Constraint> ConfigReader::constraint(std::string_view name) {
  const Json& value = get(name);
  if (value.is_null()) return std::nullopt;
  return read(name, value, constraint_from_json);
}

WeightArguments ConfigReader::weight(const std::string& name, std::string_view initializer_name) {
  return {initializer(name + "_initializer", initializer_name), regularizer(name + "_regularizer"),
          constraint(name + "_constraint")};
}

Shape ConfigReader::shape(std::string_view name, bool allow_unknown) {
  const Json& value = get(name);
  if (value.is_null()) fail(name, "is missing");
  if (!value.is_array()) fail(name, fmt::format("is {}; it must be a list", excerpt(value)));
  std::vector<int64_t> extents;
  for (const Json& extent : value) {
    extents.push_back(to_integer(name, extent));
    if (extents.back() < 1 && !(allow_unknown && extents.back() == -1))
      fail(name, fmt::format("is {}; extents must be positive", excerpt(value)));
  }
  return Shape(std::move(extents));
}

Shape ConfigReader::batch_shape(std::string_view name) {
  const Json& value = get(name);
  if (value.is_null()) fail(name, "is missing");
  if (!value.is_array() || value.empty())
    fail(name, fmt::format("is {}; it must be a list like [null, 28, 28, 1]", excerpt(value)));
  const auto refuse = [&](std::string_view why) {
    throw UnsupportedError(
        fmt::format("{}: argument '{}' is {}; {}", layer_, name, excerpt(value), why));
  };
  if (!value[0].is_null()) refuse("Pronghorn takes any batch size, the first entry must be null");
  std::vector<int64_t> extents;
  for (size_t i = 1; i < value.size(); ++i) {
    if (value[i].is_null()) refuse("Pronghorn needs every extent but the batch's");
    extents.push_back(to_integer(name, value[i]));
    if (extents.back() < 1)
      fail(name, fmt::format("is {}; extents must be positive", excerpt(value)));
  }
  return Shape(std::move(extents));
}

void ConfigReader::only_default(std::string_view name, const Json& expected) {
  note(name, fmt::format("only {}", excerpt(expected)));
  const Json& value = get(name);
  if (value.is_null() || value == expected) return;
  throw UnsupportedError(fmt::format("{}: argument '{}' is {}; Pronghorn supports only {}", layer_,
                                     name, excerpt(value), excerpt(expected)));
}

void ConfigReader::finish() {
  for (const auto& [name, value] : json_.items()) {
    if (value.is_null() || used_.contains(name)) continue;
    throw UnsupportedError(fmt::format("{}: argument '{}' is {}; Pronghorn does not support it",
                                       layer_, name, excerpt(value)));
  }
}

}  // namespace pronghorn::model
