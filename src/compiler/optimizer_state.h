#pragma once

#include <string>
#include <vector>

#include "graph/attributes.h"
#include "model/model.h"
#include "platform/aligned_buffer.h"
#include "pronghorn/compile_config.h"

namespace pronghorn::compiler {

// The attributes of the optimizer_update ops of this optimizer. The learning rate is none of them:
// it is given anew for each step.
graph::Attributes update_attributes(const Optimizer& optimizer);

// What an optimizer remembers of each trainable weight from step to step. Compiled steps read and
// write it in place.
class OptimizerState {
 public:
  struct Slot {
    std::string name;  // "velocity"
    Shape shape;       // the weight's
    AlignedBuffer buffer;
  };

  // The state before the first step.
  OptimizerState(model::Model& model, const Optimizer& optimizer);

  const graph::Attributes& attributes() const { return attributes_; }
  // Of the trainable weight with this number, counted in the order of Model::weights().
  std::vector<Slot>& slots(size_t trainable_weight) { return slots_[trainable_weight]; }
  // All of them in the order of Keras's optimizer.variables, behind iteration and learning rate.
  std::vector<Slot*> in_keras_order();

 private:
  graph::Attributes attributes_;
  std::vector<std::vector<Slot>> slots_;
};

}  // namespace pronghorn::compiler
