#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace pronghorn::model {

// A Keras regularizer with its arguments: a penalty that joins the loss
// (keras/src/regularizers/regularizers.py, Keras 3.15):
//
//   l1 sum |x| + l2 sum x^2
//
// Of a layer's output ("activity") it is divided by the batch size.
struct Regularizer {
  // Keras's class name: "L1", "L2" or "L1L2".
  std::string class_name = "L2";
  double l1 = 0, l2 = 0;
};

// By Keras's name in either form ("l2", "L2"), with Keras's default factors (0.01; "l1_l2" has 0.01
// for both). Throws ArgumentError that lists the known ones.
Regularizer regularizer_from_name(std::string_view name);
// From a string or Keras's object {class_name, config}.
Regularizer regularizer_from_json(const nlohmann::ordered_json& json);
// null for none.
nlohmann::ordered_json to_json(const std::optional<Regularizer>& regularizer);

}  // namespace pronghorn::model
