#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/builder.h"

namespace pronghorn::model {

// Keras's name of the activation ("swish" is "silu"); throws ArgumentError that lists the known.
std::string canonical_activation(std::string_view name);
std::vector<std::string_view> activation_list();
std::string activation_names();

// All do but glu, which halves the last axis.
bool keeps_shape(std::string_view activation);

// Appends the activation of this canonical name; "linear" is nothing, softmax, log_softmax and glu
// are over the last axis.
graph::ValueId lower_activation(graph::Builder& builder, graph::ValueId src,
                                std::string_view activation);

}  // namespace pronghorn::model
