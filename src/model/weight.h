#pragma once

#include <optional>
#include <string>

#include "model/constraint.h"
#include "model/initializer.h"
#include "model/regularizer.h"
#include "platform/aligned_buffer.h"
#include "pronghorn/shape.h"

namespace pronghorn::model {

// What a layer's arguments say of a weight that it has; ConfigReader::weight reads them.
struct WeightArguments {
  Initializer initializer;
  // Of trainable weights only.
  std::optional<Regularizer> regularizer = {};
  std::optional<Constraint> constraint = {};
};

// One array of a layer's parameters or state. Compiled steps read and write its memory in place.
class Weight {
 public:
  // Within its layer, Keras's: "kernel", "bias", "gamma", "moving_mean".
  std::string name;
  Shape shape;
  bool trainable = true;
  Initializer initializer;
  std::optional<Regularizer> regularizer;
  std::optional<Constraint> constraint;
  // Elements [begin, end) that begin as ones, whatever the initializer says.
  struct Range {
    int64_t begin = 0, end = 0;
  } ones;

  // Made, zeroed, when first asked for, and never moved from then on: a model that is only printed
  // costs no memory, however large.
  float* values() const;

 private:
  mutable AlignedBuffer buffer_;
};

}  // namespace pronghorn::model
