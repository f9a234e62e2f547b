#include "graph/ops/matmul_update.h"

#include <algorithm>
#include <memory>

#include "kernels/simd/matmul_panels.h"
#include "kernels/simd/simd.h"
#include "kernels/simd/weight_update.h"

namespace pronghorn::kernels::simd {
namespace {

using graph::MatmulGeometry;

// The more images, the less an update's share, and the longer its loads are in the way of those of
// the product, which for zeros that it skips must have all that an L2 delivers (docs/kernels.md).
constexpr int64_t kMostFusedImages = 64;
static_assert(kMostFusedImages <= PanelProduct::kMostDepth);

// Where in the op's inputs the gradient's matrices stand.
constexpr int kA = 1, kDiffDst = 2;

class MatmulUpdateKernel final : public Kernel {
 public:
  explicit MatmulUpdateKernel(const KernelCase& kernel_case)
      : rows_(kernel_case.output(0).shape[0]),
        columns_(kernel_case.output(0).shape[1]),
        slots_count_(static_cast<int>(kernel_case.op.inputs.size()) -
                     graph::kFirstSlotOfMatmulUpdate),
        product_(gradient_geometry(kernel_case.graph, kernel_case.op), kernel_case.threads,
                 may_hold_zeros(kernel_case.graph, kernel_case.op.inputs[kA])),
        update_(kernel_case.op.attributes),
        threads_(kernel_case.threads) {}

  size_t workspace_bytes() const override {
    return static_cast<size_t>(threads_ * gradient_floats()) * sizeof(float) +
           product_.workspace_bytes();
  }

  void bind(const Buffers& buffers) override {
    gradients_ = reinterpret_cast<float*>(buffers.workspace);
    product_.bind(buffers.input(kA), buffers.input(kDiffDst),
                  buffers.workspace + threads_ * gradient_floats() * sizeof(float));
    weights_ = buffers.output(0);
    for (int slot = 0; slot < slots_count_; ++slot) slots_[slot] = buffers.output(slot + 1);
  }

  // A thread's block of the gradient is never anywhere but in its L1.
  void run(const RunContext& context) override {
    const WeightUpdate::Constants constants = update_.constants(context);
    const int64_t stride = product_.panel_columns();
    product_.run(
        context,
        [&](PanelRows& part, int64_t row, int64_t column, int thread) {
          part.dst = gradients_ + thread * gradient_floats();
          part.dst_stride = stride;
          fetch(row, part.rows, column, part.columns);
        },
        [&](int64_t row, int64_t rows, int64_t column, int64_t columns, int thread) {
          const float* gradient = gradients_ + thread * gradient_floats();
          for (int64_t r = row; r < row + rows; ++r, gradient += stride) {
            const int64_t begin = r * columns_ + column;
            float* slots[WeightUpdate::kMostSlots];
            for (int slot = 0; slot < slots_count_; ++slot) slots[slot] = slots_[slot] + begin;
            update_.apply(constants, weights_ + begin, gradient, slots, columns);
          }
        });
  }

 private:
  int64_t gradient_floats() const { return product_.most_rows() * product_.panel_columns(); }

  // Weights and slots come from far away, and are fetched, to be written, some blocks before their
  // gradient is there.
  void fetch(int64_t row, int64_t rows, int64_t column, int64_t columns) const {
    constexpr int64_t kBlocksAhead = 4, kLine = 16;
    row = std::min(row + kBlocksAhead * rows, rows_ - rows);
    for (int64_t r = row; r < row + rows; ++r)
      for (int64_t c = column; c < column + columns; c += kLine) {
        __builtin_prefetch(weights_ + r * columns_ + c, /*to write=*/1);
        for (int slot = 0; slot < slots_count_; ++slot)
          __builtin_prefetch(slots_[slot] + r * columns_ + c, /*to write=*/1);
      }
  }

  int64_t rows_, columns_;
  int slots_count_;
  PanelProduct product_;
  WeightUpdate update_;
  int threads_;
  float* gradients_ = nullptr;
  float* weights_ = nullptr;
  float* slots_[WeightUpdate::kMostSlots] = {};
};

class MatmulUpdate final : public Implementation {
 public:
  std::string_view name() const override { return "simd.matmul_update"; }
  Family family() const override { return Family::kSimd; }

  std::optional<std::string> refuse(const KernelCase& kernel_case) const override {
    const MatmulGeometry g = gradient_geometry(kernel_case.graph, kernel_case.op);
    if (g.n < kFewestPanelColumns) return "it needs columns for a tile";
    if (g.k < kFewestImages) return "packing takes longer than so few images save";
    if (g.k > kMostFusedImages) return "of so many images the product is quicker alone";
    return std::nullopt;
  }

  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = PanelProduct::tasks(gradient_geometry(kernel_case.graph, kernel_case.op));
    return execution;
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<MatmulUpdateKernel>(kernel_case);
  }
};

}  // namespace

const Implementation& matmul_update() {
  static const MatmulUpdate implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd
