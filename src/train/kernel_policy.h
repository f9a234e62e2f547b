#pragma once

#include "kernels/policy.h"
#include "pronghorn/compile_config.h"

namespace pronghorn::train {

// Which kernels a compile configuration, or where it says nothing the environment, lets a step use.
// Throws ArgumentError where it names what there isn't, FileError where its
// file of choices is none.
kernels::Policy kernel_policy(const CompileConfig& config);

}  // namespace pronghorn::train
