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
    Shape shape;
    AlignedBuffer buffer;
  };

  // The state before the first step.
  OptimizerState(model::Model& model, const Optimizer& optimizer);

  const Optimizer& optimizer() const { return optimizer_; }
  const graph::Attributes& attributes() const { return attributes_; }
  // Of the trainable weight with this number, counted in the order of Model::weights().
  // In Keras's order (graph::optimizer_slots).
  std::vector<Slot>& slots(size_t trainable_weight) { return slots_[trainable_weight]; }
  // The weights' moving averages, where the optimizer has use_ema, and the sums of gradients since
  // the last update, where it has gradient_accumulation_steps; else none. Of a weight as above.
  std::vector<AlignedBuffer>& averages() { return averages_; }
  std::vector<AlignedBuffer>& accumulators() { return accumulators_; }

  // One of Keras's optimizer.variables.
  struct Variable {
    std::string name;
    Shape shape;
    // Null of what a formula gives for any step; its value then is `computed`.
    float* values;
    float computed = 0;
  };
  // After so many steps, in Keras's order, behind iteration and learning rate.
  std::vector<Variable> variables(uint64_t steps);

  // Of all that.
  int64_t bytes() const;

  // The weights become their averages, as at the end of Keras's fit; nothing without use_ema.
  void take_averages(model::Model& model);

 private:
  Optimizer optimizer_;
  graph::Attributes attributes_;
  std::vector<Slot*> slots_in_keras_order();

  std::vector<Shape> shapes_;  // of the trainable weights
  std::vector<std::vector<Slot>> slots_;
  std::vector<AlignedBuffer> averages_, accumulators_;
};

}  // namespace pronghorn::compiler
