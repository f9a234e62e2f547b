#include <algorithm>
#include <memory>

#include "kernels/simd/epilogue.h"
#include "kernels/simd/simd.h"
#include "kernels/sliced_kernel.h"

namespace pronghorn::kernels::simd {
namespace {

// Elements that a thread takes at a time: enough that the start of a team of threads, a
// microsecond or two, pays; a multiple of 4, dropout's blocks of random words.
constexpr int64_t kGrain = 16384;

class ElementwiseKernel final : public SlicedKernel {
 public:
  explicit ElementwiseKernel(const KernelCase& kernel_case)
      : SlicedKernel(kernel_case, BatchSlices(rows_of(kernel_case.output(0).shape)),
                     {.inputs = 1, .outputs = 1}),
        stages_(kernel_case),
        elements_(kernel_case.output(0).shape.elements()),
        row_elements_(elements_ / slices().batch()) {}

  void bind(const Buffers& buffers) override {
    stages_.bind(buffers);
    src_ = buffers.input(0);
    dst_ = buffers.output(0);
  }

  void run_slice(const RunContext& context, int64_t slice, int) override {
    const int64_t begin = slices().begin(slice) * row_elements_;
    stages_.apply(src_ + begin, dst_ + begin, begin, slices().rows(slice) * row_elements_, context);
  }

  // Alone, it need not know of rows.
  void run(const RunContext& context) override {
    context.parallel.for_ranges(elements_, kGrain, [&](int64_t begin, int64_t end) {
      stages_.apply(src_ + begin, dst_ + begin, begin, end - begin, context);
    });
  }

 private:
  // A number is a row; so is nothing.
  static int64_t rows_of(const Shape& shape) {
    return shape.rank() == 0 ? 1 : std::max<int64_t>(1, shape[0]);
  }

  Epilogue stages_;
  int64_t elements_, row_elements_;
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
