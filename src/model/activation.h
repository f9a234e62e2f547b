#pragma once

#include <string>
#include <string_view>

#include "graph/builder.h"

namespace pronghorn::model {

// Keras's name of the activation ("swish" is "silu"); throws ArgumentError that lists the known.
std::string canonical_activation(std::string_view name);
std::string activation_names();

// Appends the activation; "linear" is nothing, "softmax" is over the last axis.
graph::ValueId lower_activation(graph::Builder& builder, graph::ValueId src,
                                std::string_view activation);

}  // namespace pronghorn::model
