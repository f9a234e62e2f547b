#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pronghorn/shape.h"

namespace pronghorn::model {

// A Keras constraint with its arguments: what a weight is made to be after each update
// (keras/src/constraints/constraints.py, Keras 3.15; formulas in graph/ops/constrain.h).
struct Constraint {
  // Keras's class name: "MaxNorm", "MinMaxNorm", "NonNeg" or "UnitNorm".
  std::string class_name = "NonNeg";
  double min_value = 0, max_value = 0, rate = 1;
  // Along which norms are taken, as Keras has them: negative ones count from the end.
  std::vector<int64_t> axes = {0};
  // Whether the axes were one number, which is written back as such.
  bool one_axis = true;

  // The axes of a weight of this shape, from 0 and in order. Throws ArgumentError for those that it
  // has not.
  std::vector<int64_t> axes_of(const Shape& shape) const;
};

// By Keras's name in either form ("max_norm", "MaxNorm"), with Keras's defaults. Throws
// UnsupportedError that lists the known ones.
Constraint constraint_from_name(std::string_view name);
// From a string or Keras's object {class_name, config}.
Constraint constraint_from_json(const nlohmann::ordered_json& json);
// null for none.
nlohmann::ordered_json to_json(const std::optional<Constraint>& constraint);

}  // namespace pronghorn::model
