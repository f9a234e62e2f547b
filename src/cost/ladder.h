#pragma once

#include <vector>

#include "cost/model_step.h"
#include "cost/prediction.h"
#include "pronghorn/explain.h"

namespace pronghorn::cost {

// What a step takes when better kernels are put in one after the other: textbook loops, vectors,
// blocking, less arithmetic, threads. Foreseen; with `measure` the first, if it isn't too long, and
// the last two are run as well.
std::vector<LadderRung> ladder(const ModelStep& step, const Explanation& explanation,
                               const Machine& machine, const Reach& reach, bool measure);

}  // namespace pronghorn::cost
