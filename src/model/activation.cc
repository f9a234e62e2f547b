#include "model/activation.h"

#include <fmt/format.h>

#include <array>

#include "graph/ops/elementwise.h"
#include "graph/ops/softmax.h"
#include "graph/stage.h"
#include "pronghorn/error.h"

namespace pronghorn::model {

std::string activation_names() {
  return "elu, gelu, leaky_relu, linear, relu, sigmoid, silu, softmax, softplus, tanh";
}

std::string canonical_activation(std::string_view name) {
  if (name == "swish") return "silu";
  if (name == "linear" || name == "softmax" || graph::activation_stage(name))
    return std::string(name);
  throw ArgumentError(
      fmt::format("unknown activation '{}'; known are {}", name, activation_names()));
}

graph::ValueId lower_activation(graph::Builder& builder, graph::ValueId src,
                                std::string_view activation) {
  if (activation == "linear") return src;
  if (activation == "softmax") return graph::softmax(builder, src);
  return graph::elementwise(builder, src, *graph::activation_stage(activation));
}

}  // namespace pronghorn::model
