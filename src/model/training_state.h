#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pronghorn/compile_config.h"
#include "pronghorn/data.h"

namespace pronghorn::model {

// What a training knows beside the weights, so that it can be taken up again: in Pronghorn with the
// same bits as if it had never stopped, in Keras with its optimizer as it was.
struct TrainingState {
  // Its learning rate is that of the moment.
  Optimizer optimizer;
  // Keras's optimizer.iterations.
  uint64_t steps = 0;
  // Since the model was compiled; decides, with the seed, the next epoch's order. Keras does not
  // know it: 0 in its files.
  uint64_t epochs = 0;
  // What the optimizer remembers of each trainable weight, in Keras's order: its variables behind
  // iteration and learning rate.
  std::vector<NamedArray> variables;
};

}  // namespace pronghorn::model
