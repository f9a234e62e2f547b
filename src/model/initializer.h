#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pronghorn/shape.h"

namespace pronghorn::model {

// A Keras initializer with its arguments.
struct Initializer {
  // Keras's class name: "GlorotUniform", "HeNormal", "RandomUniform", "Zeros", "Constant", ...
  std::string class_name = "GlorotUniform";
  // VarianceScaling's scale; Random*'s arguments; Constant's value.
  double scale = 1, mean = 0, stddev = 0.05, minval = -0.05, maxval = 0.05, value = 0;
  // VarianceScaling only.
  std::string mode = "fan_in", distribution = "truncated_normal";
  // Orthogonal only.
  double gain = 1;
  // Keras's seed argument; -1 for none.
  int64_t seed = -1;
};

// By Keras's name in either form ("glorot_uniform", "GlorotUniform"); throws ArgumentError that
// lists the known ones.
Initializer initializer_from_name(std::string_view name);
std::vector<std::string> known_initializers();
// From a string or Keras's object {class_name, config}.
Initializer initializer_from_json(const nlohmann::ordered_json& json);
nlohmann::ordered_json to_json(const Initializer& initializer);

// Fills `values` for a weight of this shape. Element e depends on (seed, stream, e) alone.
void initialize(const Initializer& initializer, const Shape& shape, uint64_t seed, uint64_t stream,
                std::span<float> values);

}  // namespace pronghorn::model
