#pragma once

#include <string_view>

#include "graph/ops/loss.h"

namespace pronghorn::train {

// A loss by Keras's name, short ("mse") or long, in any case. Throws ArgumentError that lists the
// known ones.
graph::LossFunction parse_loss(std::string_view name);

}  // namespace pronghorn::train
