#pragma once

#include <cstdint>
#include <vector>

#include "graph/stage.h"
#include "kernels/kernel.h"

namespace pronghorn::kernels::reference {

// The stages that an op ends in, applied to outputs[0] element by element. Those of an
// `elementwise` op start from its input, all others from what the op's loops left in the output.
class Stages {
 public:
  explicit Stages(const KernelCase& kernel_case);

  // Every tensor of floats holds elements of T; float and double are instantiated.
  template <class T>
  void apply(const Buffers& buffers, const RunContext& context) const;

 private:
  std::vector<graph::Stage> stages_;
  int64_t elements_;
  int64_t channels_;
  bool from_input_;
};

// y = f(x, operand): the formulas of graph/stage.h, all but dropout's, which needs to know where it
// is.
template <class T>
T apply_stage(const graph::Stage& stage, T x, T operand);

}  // namespace pronghorn::kernels::reference
