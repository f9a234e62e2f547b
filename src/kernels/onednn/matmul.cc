#include "graph/ops/matmul.h"

#include <dnnl.h>

#include <algorithm>
#include <cassert>

#include "kernels/onednn/onednn.h"
#include "kernels/onednn/primitive.h"
#include "kernels/simd/bfloat16.h"
#include "kernels/simd/epilogue.h"
#include "platform/cpu_info.h"

namespace pronghorn::kernels::onednn {
namespace {

using dnnl::memory;
using graph::MatmulGeometry;

// A product is cut into blocks of its result, each computed by one thread over the whole of K, so
// every element is summed in one fixed order. A weight gradient's K is the batch: summing it in
// slices through oneDNN, partial products of K = 16 and their tree, takes twice the time (1.32 +
// 0.46 ms against 0.90 for 784 x 512 x 128 on one Zen 4 core).
struct Blocks {
  int64_t rows, columns;              // of a block
  int64_t row_blocks, column_blocks;  // how many

  Blocks(const MatmulGeometry& g, int64_t most_rows, int64_t most_columns)
      : row_blocks((g.m + most_rows - 1) / most_rows),
        column_blocks((g.n + most_columns - 1) / most_columns) {
    rows = (g.m + row_blocks - 1) / row_blocks;
    columns = (g.n + column_blocks - 1) / column_blocks;
    // Evened out, there may be fewer.
    row_blocks = (g.m + rows - 1) / rows;
    column_blocks = (g.n + columns - 1) / columns;
  }
  int64_t count() const { return row_blocks * column_blocks; }
};

// Below 112 rows or 128 columns a block of sgemm loses more than a percent of its speed (measured
// on 784 x 512 and 512 x 512 on Zen 4; 64 columns cost 10 %).
constexpr int64_t kSgemmBlock = 128;
// With b transposed, sgemm packs b anew for each block of rows; oneDNN's matmul primitive reads it
// in place and keeps 91-96 % of its speed in blocks of 32 rows.
constexpr int64_t kPrimitiveRows = 32;
// Results of few columns (a net's last layer) take the primitive too: .33 ms against .48 for
// 128 x 10 x 9216.
constexpr int64_t kFewColumns = 64;

bool by_primitive(const MatmulGeometry& g) {
  return !g.transpose_a && (g.transpose_b || g.n < kFewColumns);
}

Blocks blocks_of(const MatmulGeometry& g) {
  return by_primitive(g) ? Blocks(g, kPrimitiveRows, g.n) : Blocks(g, kSgemmBlock, kSgemmBlock);
}

void apply_to_block(const simd::Epilogue& epilogue, float* dst, const MatmulGeometry& g,
                    int64_t row, int64_t column, int64_t rows, int64_t columns,
                    const RunContext& context) {
  if (epilogue.empty()) return;
  if (columns == g.n) {
    epilogue.apply(dst + row * g.n, dst + row * g.n, row * g.n, rows * g.n, context);
    return;
  }
  for (int64_t r = row; r < row + rows; ++r) {
    const int64_t begin = r * g.n + column;
    epilogue.apply(dst + begin, dst + begin, begin, columns, context);
  }
}

class SgemmKernel final : public Kernel {
 public:
  explicit SgemmKernel(const KernelCase& kernel_case)
      : geometry_(matmul_geometry(kernel_case.graph, kernel_case.op)),
        blocks_(blocks_of(geometry_)),
        epilogue_(kernel_case) {}

  void bind(const Buffers& buffers) override {
    a_ = buffers.input(0);
    b_ = buffers.input(1);
    dst_ = buffers.output(0);
    epilogue_.bind(buffers);
  }

  void run(const RunContext& context) override {
    const MatmulGeometry& g = geometry_;
    const int64_t lda = g.transpose_a ? g.m : g.k;
    const int64_t ldb = g.transpose_b ? g.k : g.n;
    context.parallel.for_each(blocks_.count(), [&](int64_t block, int) {
      const OneThread one_thread;
      const int64_t row = block / blocks_.column_blocks * blocks_.rows;
      const int64_t column = block % blocks_.column_blocks * blocks_.columns;
      const int64_t rows = std::min(blocks_.rows, g.m - row);
      const int64_t columns = std::min(blocks_.columns, g.n - column);
      [[maybe_unused]] const dnnl_status_t status = dnnl_sgemm(
          g.transpose_a ? 'T' : 'N', g.transpose_b ? 'T' : 'N', rows, columns, g.k, 1.0f,
          a_ + (g.transpose_a ? row : row * lda), lda, b_ + (g.transpose_b ? column * ldb : column),
          ldb, 0.0f, dst_ + row * g.n + column, g.n);
      assert(status == dnnl_success);
      apply_to_block(epilogue_, dst_, g, row, column, rows, columns, context);
    });
  }

 private:
  MatmulGeometry geometry_;
  Blocks blocks_;
  simd::Epilogue epilogue_;
  const float* a_ = nullptr;
  const float* b_ = nullptr;
  float* dst_ = nullptr;
};

// A matrix that is rounded to bfloat16 before a product.
class RoundedMatrix {
 public:
  explicit RoundedMatrix(int64_t elements) : elements_(elements) {}

  size_t workspace_bytes() const {
    return (static_cast<size_t>(elements_) * sizeof(uint16_t) + 63) / 64 * 64;
  }
  std::byte* bind(const float* matrix, std::byte* workspace) {
    matrix_ = matrix;
    rounded_ = reinterpret_cast<uint16_t*>(workspace);
    return workspace;
  }
  void prepare(const Parallel& parallel) const {
    constexpr int64_t kElementsAtOnce = 16384;
    parallel.for_ranges(elements_, kElementsAtOnce, [&](int64_t begin, int64_t end) {
      simd::round_to_bfloat16(matrix_ + begin, end - begin, rounded_ + begin);
    });
  }

 private:
  int64_t elements_;
  const float* matrix_ = nullptr;
  uint16_t* rounded_ = nullptr;
};

// Blocks of whole rows by oneDNN's matmul primitive, in float32 or of matrices rounded to bfloat16.
class PrimitiveKernel final : public Kernel {
 public:
  PrimitiveKernel(const KernelCase& kernel_case, memory::data_type operands, const Blocks& blocks)
      : geometry_(matmul_geometry(kernel_case.graph, kernel_case.op)),
        operands_(operands),
        blocks_(blocks),
        rounded_a_(geometry_.m * geometry_.k),
        rounded_b_(geometry_.k * geometry_.n),
        epilogue_(kernel_case),
        sliced_(blocks_.row_blocks, blocks_.rows,
                geometry_.m - (blocks_.row_blocks - 1) * blocks_.rows, kernel_case.threads,
                [this](int64_t rows) { return describe(rows); }) {}

  size_t workspace_bytes() const override {
    return sliced_.workspace_bytes() +
           (rounds() ? rounded_a_.workspace_bytes() + rounded_b_.workspace_bytes() : 0);
  }

  void bind(const Buffers& buffers) override {
    const int64_t floats = sizeof(float);
    dst_ = buffers.output(0);
    std::byte *a = buffers.inputs[0], *b = buffers.inputs[1];
    if (rounds()) {
      std::byte* const own = buffers.workspace + sliced_.workspace_bytes();
      a = rounded_a_.bind(buffers.input(0), own);
      b = rounded_b_.bind(buffers.input(1), own + rounded_a_.workspace_bytes());
    }
    const int64_t bytes_of_operand = rounds() ? sizeof(uint16_t) : sizeof(float);
    const int64_t row_of_a = geometry_.transpose_a ? 1 : geometry_.k;
    sliced_.bind({{DNNL_ARG_SRC, a, blocks_.rows * row_of_a * bytes_of_operand},
                  {DNNL_ARG_WEIGHTS, b, 0},
                  {DNNL_ARG_DST, buffers.outputs[0], blocks_.rows * geometry_.n * floats}},
                 buffers.workspace);
    epilogue_.bind(buffers);
  }

  void run(const RunContext& context) override {
    if (rounds()) {
      rounded_a_.prepare(context.parallel);
      rounded_b_.prepare(context.parallel);
    }
    context.parallel.for_each(blocks_.row_blocks, [&](int64_t block, int thread) {
      sliced_.run(block, thread);
      const int64_t row = block * blocks_.rows;
      apply_to_block(epilogue_, dst_, geometry_, row, 0, std::min(blocks_.rows, geometry_.m - row),
                     geometry_.n, context);
    });
  }

 private:
  SlicedPrimitive::Variant describe(int64_t rows) const {
    const OneThread one_thread;
    const MatmulGeometry& g = geometry_;
    const auto f32 = memory::data_type::f32;
    const memory::desc src({rows, g.k}, operands_,
                           g.transpose_a ? memory::dims{1, g.m} : memory::dims{g.k, 1});
    const memory::desc weights({g.k, g.n}, operands_,
                               g.transpose_b ? memory::format_tag::ba : memory::format_tag::ab);
    const memory::desc dst({rows, g.n}, f32, memory::format_tag::ab);
    const dnnl::matmul::primitive_desc pd(dnnl::matmul::desc(src, weights, dst), user_scratchpad(),
                                          cpu_engine());
    return {dnnl::matmul(pd), {src, weights, dst}, pd.scratchpad_desc().get_size()};
  }

  bool rounds() const { return operands_ == memory::data_type::bf16; }

  MatmulGeometry geometry_;
  memory::data_type operands_;
  Blocks blocks_;
  RoundedMatrix rounded_a_, rounded_b_;
  simd::Epilogue epilogue_;
  SlicedPrimitive sliced_;
  float* dst_ = nullptr;
};

class Matmul final : public Implementation {
 public:
  std::string_view name() const override { return "onednn.matmul"; }
  Family family() const override { return Family::kOnednn; }
  bool takes_epilogue() const override { return true; }

  Execution execution(const KernelCase& kernel_case) const override {
    const MatmulGeometry g = matmul_geometry(kernel_case.graph, kernel_case.op);
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = blocks_of(g).count();
    return execution;
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    if (by_primitive(matmul_geometry(kernel_case.graph, kernel_case.op)))
      return std::make_unique<PrimitiveKernel>(
          kernel_case, memory::data_type::f32,
          blocks_of(matmul_geometry(kernel_case.graph, kernel_case.op)));
    return std::make_unique<SgemmKernel>(kernel_case);
  }
};

// Rounding reads and writes each matrix once more: what many rows and columns repay.
constexpr int64_t kFewestRoundedRows = 16;
constexpr int64_t kFewestRoundedDepth = 16;
// Of a weight's gradient, whose rows are features; its blocks pack b anew.
constexpr int64_t kTransposedRows = 128;

Blocks bfloat16_blocks(const MatmulGeometry& g) {
  return Blocks(g, g.transpose_a ? kTransposedRows : kPrimitiveRows, g.n);
}

class Bfloat16Matmul final : public Implementation {
 public:
  std::string_view name() const override { return "onednn.matmul.bfloat16"; }
  Family family() const override { return Family::kOnednn; }
  Arithmetic arithmetic() const override { return Arithmetic::kBfloat16; }
  bool takes_epilogue() const override { return true; }

  std::optional<std::string> refuse(const KernelCase& kernel_case) const override {
    const MatmulGeometry g = matmul_geometry(kernel_case.graph, kernel_case.op);
    if (!has_bfloat16_dot_product()) return "this CPU has no dot product of bfloat16s";
    if (g.transpose_a && g.transpose_b) return "it transposes one of its matrices at most";
    if (g.m < kFewestRoundedRows || g.n < kFewColumns || g.k < kFewestRoundedDepth)
      return "rounding takes longer than so few products save";
    return std::nullopt;
  }

  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks =
        bfloat16_blocks(matmul_geometry(kernel_case.graph, kernel_case.op)).row_blocks;
    return execution;
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<PrimitiveKernel>(
        kernel_case, memory::data_type::bf16,
        bfloat16_blocks(matmul_geometry(kernel_case.graph, kernel_case.op)));
  }
};

}  // namespace

const Implementation& matmul() {
  static const Matmul implementation;
  return implementation;
}
const Implementation& matmul_bfloat16() {
  static const Bfloat16Matmul implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::onednn
