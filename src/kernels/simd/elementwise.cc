#include <algorithm>
#include <memory>

#include "kernels/simd/epilogue.h"
#include "kernels/simd/simd.h"

namespace pronghorn::kernels::simd {
namespace {

// Elements that a thread takes at a time: enough that the start of a team of threads, a
// microsecond or two, pays; a multiple of 4, dropout's blocks of random words.
constexpr int64_t kGrain = 16384;

class ElementwiseKernel final : public Kernel {
 public:
  explicit ElementwiseKernel(const KernelCase& kernel_case)
      : stages_(kernel_case), elements_(kernel_case.output(0).shape.elements()) {}

  void bind(const Buffers& buffers) override {
    stages_.bind(buffers);
    src_ = buffers.input(0);
    dst_ = buffers.output(0);
  }

  void run(const RunContext& context) override {
    context.parallel.for_ranges(elements_, kGrain, [&](int64_t begin, int64_t end) {
      stages_.apply(src_ + begin, dst_ + begin, begin, end - begin, context);
    });
  }

 private:
  Epilogue stages_;
  int64_t elements_;
  const float* src_ = nullptr;
  float* dst_ = nullptr;
};

class Elementwise final : public Implementation {
 public:
  std::string_view name() const override { return "simd.elementwise"; }
  Family family() const override { return Family::kSimd; }
  bool takes_epilogue() const override { return true; }

  OpLayouts layouts(const KernelCase& kernel_case,
                    std::span<const graph::Layout> arriving) const override {
    // A blocked operand stays as it is: it came from a convolution, and goes to one.
    graph::Layout layout = graph::Layout::kPlain;
    if (Epilogue(kernel_case).any_layout())
      for (const graph::Layout arrives : arriving)
        if (arrives != graph::Layout::kPlain) layout = arrives;
    return {std::vector(kernel_case.op.inputs.size(), layout), {layout}};
  }

  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = (kernel_case.output(0).shape.elements() + kGrain - 1) / kGrain;
    return execution;
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<ElementwiseKernel>(kernel_case);
  }
};

}  // namespace

const Implementation& elementwise() {
  static const Elementwise implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd
