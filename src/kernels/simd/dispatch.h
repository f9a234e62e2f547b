#pragma once

#include <hwy/targets.h>

namespace pronghorn::kernels::simd {

// Looks up what the CPU can do, for the tables of HWY_EXPORT. A kernel calls it when it is made,
// then takes the function's address, so that nothing is dispatched while a step runs:
//   choose_target();
//   function_ = &HWY_DYNAMIC_DISPATCH(function);
inline void choose_target() { hwy::GetChosenTarget().Update(hwy::SupportedTargets()); }

}  // namespace pronghorn::kernels::simd
