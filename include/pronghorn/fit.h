#pragma once

#include <cstdint>
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
  // Takes precedence over validation_split.
  const Dataset* validation_data = nullptr;
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
};

}  // namespace pronghorn
