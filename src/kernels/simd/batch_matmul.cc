// Products of many pairs of matrices: a thread takes a pair, packs its second matrix and multiplies
// (packed_matrix.h). The first is transposed before, where it is to be.

#include "graph/ops/batch_matmul.h"

#include <memory>

#include "kernels/simd/packed_matrix.h"
#include "kernels/simd/simd.h"
#include "kernels/simd/workspace.h"

namespace pronghorn::kernels::simd {
namespace {

class BatchMatmulKernel final : public Kernel {
 public:
  explicit BatchMatmulKernel(const KernelCase& kernel_case)
      : g_(graph::batch_matmul_geometry(kernel_case.graph, kernel_case.op)),
        code_(panel_code()),
        matrix_(g_.k, g_.n),
        threads_(kernel_case.threads) {}

  size_t workspace_bytes() const override {
    return static_cast<size_t>(threads_ * thread_floats()) * sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    a_ = buffers.input(0);
    b_ = buffers.input(1);
    dst_ = buffers.output(0);
    space_ = reinterpret_cast<float*>(buffers.workspace);
  }

  void run(const RunContext& context) override {
    context.parallel.for_each(g_.batch * g_.heads, [&](int64_t pair, int thread) {
      const int64_t batch = pair / g_.heads, head = pair % g_.heads;
      float* const packed = space_ + thread * thread_floats();
      const float* b = b_ + g_.b.offset(batch, head);
      for (int64_t panel = 0; panel < matrix_.panels(); ++panel)
        matrix_.pack(panel, b, g_.b.row_distance, g_.transpose_b, packed);
      const float* a = a_ + g_.a.offset(batch, head);
      int64_t a_distance = g_.a.row_distance;
      if (g_.transpose_a) {
        float* const transposed = packed + matrix_.floats();
        code_.transpose(a, a_distance, g_.m, g_.k, transposed, transposed_distance());
        a = transposed;
        a_distance = transposed_distance();
      }
      matrix_.multiply(packed, a, a_distance, g_.m, dst_ + g_.dst.offset(batch, head),
                       g_.dst.row_distance, /*add=*/false);
    });
  }

 private:
  // Of a transposed, whose rows have zeros behind up to a whole vector.
  int64_t transposed_distance() const { return whole_lines(g_.k); }
  int64_t thread_floats() const {
    return matrix_.floats() + (g_.transpose_a ? whole_lines(g_.m * transposed_distance()) : 0);
  }

  graph::BatchMatmulGeometry g_;
  PanelCode code_;
  PackedMatrix matrix_;
  int64_t threads_;
  const float* a_ = nullptr;
  const float* b_ = nullptr;
  float* dst_ = nullptr;
  float* space_ = nullptr;
};

class BatchMatmul final : public Implementation {
 public:
  std::string_view name() const override { return "simd.batch_matmul"; }
  Family family() const override { return Family::kSimd; }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    const graph::BatchMatmulGeometry g =
        graph::batch_matmul_geometry(kernel_case.graph, kernel_case.op);
    execution.tasks = g.batch * g.heads;
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<BatchMatmulKernel>(kernel_case);
  }
};

}  // namespace

const Implementation& batch_matmul() {
  static const BatchMatmul implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd
