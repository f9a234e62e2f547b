// Copies of rows, and sums of them: loops of whole cache lines, which the compiler vectorizes.

#include "graph/ops/embedding.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "kernels/embedding_indices.h"
#include "kernels/simd/simd.h"

namespace pronghorn::kernels::simd {
namespace {

// Floats that a thread copies or clears at a time.
constexpr int64_t kGrain = 16384;

class EmbeddingKernel final : public Kernel {
 public:
  explicit EmbeddingKernel(const KernelCase& kernel_case)
      : count_(kernel_case.input(0).shape.elements()),
        rows_(kernel_case.input(1).shape[0]),
        columns_(kernel_case.input(1).shape[1]),
        element_(kernel_case.input(0).element) {}

  void bind(const Buffers& buffers) override {
    indices_ = buffers.inputs[0];
    table_ = buffers.input(1);
    dst_ = buffers.output(0);
  }

  void run(const RunContext& context) override {
    context.parallel.for_ranges(
        count_, std::max<int64_t>(1, kGrain / columns_), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t row = index_at<float>(indices_, element_, i, rows_);
            float* dst = dst_ + i * columns_;
            if (row < 0)
              std::fill(dst, dst + columns_, std::numeric_limits<float>::quiet_NaN());
            else
              std::memcpy(dst, table_ + row * columns_,
                          static_cast<size_t>(columns_) * sizeof(float));
          }
        });
  }

 private:
  int64_t count_, rows_, columns_;
  graph::ElementType element_;
  const std::byte* indices_ = nullptr;
  const float* table_ = nullptr;
  float* dst_ = nullptr;
};

// A thread has some columns of all rows, so that each sum is in the indices' order whatever the
// number of threads; were the rows shared out, most work would be with the few rows of the
// commonest words.
class EmbeddingBackwardKernel final : public Kernel {
 public:
  explicit EmbeddingBackwardKernel(const KernelCase& kernel_case)
      : count_(kernel_case.input(0).shape.elements()),
        rows_(kernel_case.output(0).shape[0]),
        columns_(kernel_case.output(0).shape[1]),
        element_(kernel_case.input(0).element) {}

  // Four cache lines: fewer have each thread look up more indices than it adds numbers.
  static constexpr int64_t kColumns = 64;

  void bind(const Buffers& buffers) override {
    indices_ = buffers.inputs[0];
    diff_dst_ = buffers.input(1);
    diff_table_ = buffers.output(0);
  }

  void run(const RunContext& context) override {
    context.parallel.for_ranges(rows_ * columns_, kGrain, [&](int64_t begin, int64_t end) {
      std::fill(diff_table_ + begin, diff_table_ + end, 0.0f);
    });
    context.parallel.for_ranges(columns_, kColumns, [&](int64_t first, int64_t last) {
      for (int64_t i = 0; i < count_; ++i) {
        const int64_t row = index_at<float>(indices_, element_, i, rows_);
        if (row < 0) continue;
        const float* from = diff_dst_ + i * columns_;
        float* sum = diff_table_ + row * columns_;
        for (int64_t c = first; c < last; ++c) sum[c] += from[c];
      }
    });
  }

 private:
  int64_t count_, rows_, columns_;
  graph::ElementType element_;
  const std::byte* indices_ = nullptr;
  const float* diff_dst_ = nullptr;
  float* diff_table_ = nullptr;
};

class Embedding final : public Implementation {
 public:
  std::string_view name() const override { return "simd.embedding"; }
  Family family() const override { return Family::kSimd; }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<EmbeddingKernel>(kernel_case);
  }
};

class EmbeddingBackward final : public Implementation {
 public:
  std::string_view name() const override { return "simd.embedding_backward"; }
  Family family() const override { return Family::kSimd; }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    const int64_t columns = kernel_case.output(0).shape[1];
    execution.tasks =
        (columns + EmbeddingBackwardKernel::kColumns - 1) / EmbeddingBackwardKernel::kColumns;
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<EmbeddingBackwardKernel>(kernel_case);
  }
};

}  // namespace

const Implementation& embedding() {
  static const Embedding implementation;
  return implementation;
}
const Implementation& embedding_backward() {
  static const EmbeddingBackward implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd
