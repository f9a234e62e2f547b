#pragma once

#include <string>
#include <string_view>

#include "graph/ops/loss.h"
#include "pronghorn/loss.h"
#include "pronghorn/shape.h"

namespace pronghorn::train {

// In lower case and without underscores, in which "KLDivergence", "kl_divergence" and
// "KL-Divergence" are one.
std::string bare_name(std::string_view name);

// A loss by Keras's name, short ("mse") or long, function or class, in any case. Throws
// ArgumentError that lists the known ones.
graph::LossFunction parse_loss(std::string_view name);

// The formula of a loss of outputs of this shape (without the batch). Throws ArgumentError for an
// argument that the loss hasn't, or that is out of its range.
graph::LossFormula loss_formula(const Loss& loss, const Shape& output);
// Whether it is the sum over the rows. Throws ArgumentError for an unknown reduction.
bool is_sum(const Loss& loss);

}  // namespace pronghorn::train
