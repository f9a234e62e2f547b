#pragma once

#include <cstddef>
#include <span>

#include "graph/stage.h"
#include "kernels/kernel.h"

namespace pronghorn::kernels::simd {

// The leading stages of a convolution's epilogue that its kernel applies to the sums while they are
// in registers: a bias, then a (leaky) relu. The others are left to simd::Epilogue.
struct RegisterStages {
  size_t count = 0;
  int bias_operand = -1;
  const float* bias = nullptr;  // after bind()
  bool relu = false;
  float slope = 0;

  RegisterStages() = default;
  explicit RegisterStages(std::span<const graph::Stage> epilogue) {
    using graph::StageFunction;
    if (count < epilogue.size() && epilogue[count].function == StageFunction::kBiasAdd)
      bias_operand = epilogue[count++].operand;
    if (count == epilogue.size()) return;
    const graph::Stage& stage = epilogue[count];
    if (stage.function != StageFunction::kRelu && stage.function != StageFunction::kLeakyRelu)
      return;
    relu = true;
    slope = stage.function == StageFunction::kRelu ? 0.0f : static_cast<float>(stage.alpha);
    ++count;
  }

  void bind(const Buffers& buffers) {
    if (bias_operand >= 0) bias = buffers.input(bias_operand);
  }
};

}  // namespace pronghorn::kernels::simd
