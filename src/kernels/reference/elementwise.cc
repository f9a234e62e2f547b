#include "graph/ops/elementwise.h"

#include <algorithm>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

// Stages are all that the op does (stages.h).
struct Loops {
  explicit Loops(const KernelCase&) {}
  int64_t workspace_elements() const { return 0; }
  template <class T>
  void run(const Buffers&, const RunContext&) const {}
};

class Elementwise final : public LoopImplementation<Loops> {
 public:
  using LoopImplementation::LoopImplementation;

  // Any layout will do, the same for all tensors; but a bias needs to know the channel and dropout
  // an element's number, which the loops tell from the plain order.
  OpLayouts layouts(const KernelCase& kernel_case,
                    std::span<const graph::Layout> arriving) const override {
    const bool needs_plain =
        std::any_of(kernel_case.op.epilogue.begin(), kernel_case.op.epilogue.end(),
                    [](const graph::Stage& stage) {
                      return stage.function == graph::StageFunction::kBiasAdd ||
                             stage.function == graph::StageFunction::kDropout;
                    });
    const graph::Layout layout = needs_plain ? graph::Layout::kPlain : arriving[0];
    return {std::vector(kernel_case.op.inputs.size(), layout), {layout}};
  }
};

}  // namespace

const ReferenceImplementation& elementwise() {
  static const Elementwise implementation("reference.elementwise");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
