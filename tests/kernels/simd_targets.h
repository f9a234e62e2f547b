#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <string>
#include <vector>

namespace pronghorn::test {

// The instruction sets of this CPU that the vectorized kernels are compiled for
// (src/kernels/simd/CMakeLists.txt).
inline std::vector<int64_t> simd_targets() {
  std::vector<int64_t> targets;
  for (int64_t target : {HWY_AVX3, HWY_AVX2, HWY_SSE4, HWY_NEON, HWY_EMU128, HWY_SCALAR})
    if ((hwy::SupportedTargets() & target) != 0) targets.push_back(target);
  return targets;
}

// Tests that inherit from this one run once for each; kernels that they make run on it.
class OnEachTarget : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

inline std::string target_name(const testing::TestParamInfo<int64_t>& info) {
  return hwy::TargetName(info.param);
}

}  // namespace pronghorn::test
