#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "pronghorn/callbacks.h"
#include "pronghorn/data.h"
#include "pronghorn/profile.h"

namespace pronghorn {

// How progress is shown. kAuto: a bar if standard output is a terminal, else a line per epoch.
enum class Verbose : int8_t { kAuto = -1, kSilent = 0, kProgressBar = 1, kLinePerEpoch = 2 };

// Arguments of Model::fit, with Keras's names and defaults.
struct FitOptions {
  int64_t batch_size = 32;
  int epochs = 1;
  Verbose verbose = Verbose::kAuto;
  std::vector<Callback*> callbacks = {};
  // The last fraction of the samples, taken before shuffling, is kept for validation.
  double validation_split = 0;
  // Takes precedence over validation_split. With weights of its own, or none.
  const Dataset* validation_data = nullptr;
  // What the loss of a sample of a class is multiplied by; 1 for a class that isn't there. For a
  // model with one output, and not together with sample_weight.
  std::map<int64_t, double> class_weight = {};
  // What the loss of a sample is multiplied by: (n), or a number for each row of the output. One
  // array is for all outputs. As in Keras the weighted sum is divided by the number of rows, not by
  // the sum of the weights. The arrays must live until fit returns.
  Arrays sample_weight = {};
  bool shuffle = true;
  int initial_epoch = 0;
  // Filled when fit returns, where given: each op timed in the training's own steps. Of the steps
  // of full batch size (a last short batch runs another step), the first two left out, the latest
  // 1000.
  StepProfile* profile = nullptr;
  // Of the first so many profiled steps, the profile says which thread ran what.
  int64_t trace_steps = 0;
};

struct EvaluateOptions {
  int64_t batch_size = 32;
  Verbose verbose = Verbose::kAuto;
  // As in FitOptions; predict has no use for it.
  Arrays sample_weight = {};
};

}  // namespace pronghorn
