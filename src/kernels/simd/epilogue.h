#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/stage.h"
#include "kernels/kernel.h"

namespace pronghorn::kernels::simd {

// A list of elementwise stages (graph/stage.h), compiled for an op and bound to its operands. The
// kernel of `elementwise` is one loop over it; other kernels apply it to the part of their output
// that is still hot in cache. The instruction set is chosen when it is made. apply() is const, so
// any number of threads may apply one epilogue to ranges of their own.
class Epilogue {
 public:
  // The stages of the case's op.
  explicit Epilogue(const KernelCase& kernel_case);
  // Some of them, in their order: for a kernel whose library does the others.
  Epilogue(const KernelCase& kernel_case, std::span<const graph::Stage> stages);

  bool empty() const { return steps_.empty(); }

  // Whether no stage asks for an element's place. Such an epilogue is the same in every layout that
  // its operands share with output 0; all others need plain tensors.
  bool any_layout() const { return any_layout_; }

  // Takes the operands' addresses. Call it in Kernel::bind.
  void bind(const Buffers& buffers);

  // Applies the stages to elements [begin, begin + count) of output 0, counted in its row-major
  // order. `src` holds the values before, `dst` gets those after; both point to element `begin`
  // and may be the same. No alignment is asked for; whole rows, and `begin` a multiple of 4 where
  // there is a dropout, save a little work.
  void apply(const float* src, float* dst, int64_t begin, int64_t count,
             const RunContext& context) const;

  // What a step of the epilogue does with its numbers; one or two stages.
  struct Step {
    graph::StageFunction function;
    // Position of the operand in the op's inputs, -1 for none.
    int operand_index = -1;
    const float* operand = nullptr;
    // The stage's; of dropout alpha is 1 / (1 - rate).
    float alpha = 0, beta = 0, gamma = 0;
    // Dropout keeps where the upper 24 bits of an element's random word reach it: rate 2^24,
    // rounded up, so that this is the comparison of uniform and rate as real numbers.
    int32_t keep_from = 0;
    uint64_t stream = 0;
    int64_t shared = 1;
    // Of bias_add: a relu follows, in the same pass. After every layer with a bias it does.
    bool then_relu = false;
  };

 private:
  using Apply = void (*)(std::span<const Step> steps, int64_t channels, const float* src,
                         float* dst, int64_t begin, int64_t count, const RunContext& context);

  std::vector<Step> steps_;
  int64_t channels_ = 1;
  bool any_layout_ = true;
  Apply apply_;
};

}  // namespace pronghorn::kernels::simd
