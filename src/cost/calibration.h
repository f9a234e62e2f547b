#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "pronghorn/machine.h"

namespace pronghorn::cost {

// The shapes at which kernels are measured: a grid over what image and table models use, chosen
// without looking at any model, so that a prediction for one is an interpolation. Each graph holds
// ops to be timed, one by one.
std::vector<graph::Graph> calibration_graphs();

// The names of all kernels, as one number in text: a machine whose numbers were taken with others
// has to be measured anew.
std::string kernel_set();

// Times every op of those graphs by every kernel that accepts it, alone, on one thread.
std::vector<Machine::KernelSample> measure_kernels();

}  // namespace pronghorn::cost
