#include <memory>

#include "kernels/simd/epilogue.h"
#include "kernels/simd/matmul_panels.h"
#include "kernels/simd/simd.h"

namespace pronghorn::kernels::simd {
namespace {

using graph::MatmulGeometry;

// With ten columns to ten thousand, the stages of an epilogue, which are applied tile by tile, take
// longer than the products, and longer than row by row.
constexpr int64_t kFewestDepth = 32;

// Where it is faster than oneDNN's code (docs/kernels.md): where it can hope for zeros, and with b
// transposed, which it packs faster.
constexpr int64_t kFewestDenseImages = 64;

class MatmulKernel final : public Kernel {
 public:
  explicit MatmulKernel(const KernelCase& kernel_case)
      : columns_(kernel_case.output(0).shape[1]),
        product_(matmul_geometry(kernel_case.graph, kernel_case.op), kernel_case.threads,
                 may_hold_zeros(kernel_case.graph, kernel_case.op.inputs[0])),
        epilogue_(kernel_case) {}

  size_t workspace_bytes() const override { return product_.workspace_bytes(); }

  void bind(const Buffers& buffers) override {
    product_.bind(buffers.input(0), buffers.input(1), buffers.workspace);
    dst_ = buffers.output(0);
    epilogue_.bind(buffers);
  }

  void run(const RunContext& context) override {
    product_.run(
        context,
        [&](PanelRows& part, int64_t row, int64_t column, int) {
          part.dst = dst_ + row * columns_ + column;
          part.dst_stride = columns_;
        },
        [&](int64_t row, int64_t rows, int64_t column, int64_t columns, int) {
          if (epilogue_.empty()) return;
          for (int64_t r = row; r < row + rows; ++r) {
            const int64_t begin = r * columns_ + column;
            epilogue_.apply(dst_ + begin, dst_ + begin, begin, columns, context);
          }
        });
  }

 private:
  int64_t columns_;
  PanelProduct product_;
  Epilogue epilogue_;
  float* dst_ = nullptr;
};

class Matmul final : public Implementation {
 public:
  std::string_view name() const override { return "simd.matmul"; }
  Family family() const override { return Family::kSimd; }
  bool takes_epilogue() const override { return true; }

  std::optional<std::string> refuse(const KernelCase& kernel_case) const override {
    const MatmulGeometry g = matmul_geometry(kernel_case.graph, kernel_case.op);
    if (g.transpose_a && g.transpose_b) return "it transposes one of its matrices at most";
    if (g.n < kFewestPanelColumns) return "it needs columns for a tile";
    const bool zeros = may_hold_zeros(kernel_case.graph, kernel_case.op.inputs[0]);
    if (!zeros && !g.transpose_b) return "its first matrix isn't one that may be full of zeros";
    if (!zeros && g.k < kFewestDepth) return "it needs products to hide its tiles' stages behind";
    const int64_t batch = g.transpose_a ? g.k : g.m;
    if (batch < (zeros ? kFewestImages : kFewestDenseImages))
      return "packing takes longer than so few images save";
    return std::nullopt;
  }

  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = PanelProduct::tasks(matmul_geometry(kernel_case.graph, kernel_case.op));
    return execution;
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<MatmulKernel>(kernel_case);
  }
};

}  // namespace

const Implementation& matmul() {
  static const Matmul implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd
