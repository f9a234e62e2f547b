#include "graph/ops/pad.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "kernels/simd/simd.h"

namespace pronghorn::kernels::simd {
namespace {

// Elements that a thread takes at a time.
constexpr int64_t kGrainElements = 16384;

// Both kinds go through the rows of what they write, along its last axis; memcpy and memset are
// the vectorized part.
class BlockCopy {
 public:
  BlockCopy(const KernelCase& kernel_case, bool pads)
      : g_(graph::block_geometry(
            kernel_case.graph.value((pads ? kernel_case.op.outputs : kernel_case.op.inputs)[0])
                .shape,
            kernel_case.graph.value((pads ? kernel_case.op.inputs : kernel_case.op.outputs)[0])
                .shape,
            kernel_case.op.attributes.integers("before"))),
        pads_(pads) {}

  const std::vector<int64_t>& written() const { return pads_ ? g_.large : g_.small; }
  int64_t rows() const {
    int64_t rows = 1;
    for (size_t axis = 0; axis + 1 < written().size(); ++axis) rows *= written()[axis];
    return rows;
  }
  int64_t grain() const { return std::max<int64_t>(1, kGrainElements / written().back()); }

  // Row `row` of dst.
  void write_row(int64_t row, const float* src, float* dst) const {
    const auto& read = pads_ ? g_.small : g_.large;
    int64_t src_row = 0, stride = 1, rest = row;
    bool inside = true;
    for (size_t axis = written().size() - 1; axis-- > 0;) {
      const int64_t index = rest % written()[axis] + (pads_ ? -g_.before[axis] : g_.before[axis]);
      rest /= written()[axis];
      inside = inside && index >= 0 && index < read[axis];
      src_row += index * stride;
      stride *= read[axis];
    }
    const int64_t width = written().back(), run = g_.small.back(), before = g_.before.back();
    dst += row * width;
    if (!inside) {
      std::fill_n(dst, width, 0.0f);
      return;
    }
    const auto bytes = static_cast<size_t>(run) * sizeof(float);
    if (!pads_) {
      std::memcpy(dst, src + src_row * read.back() + before, bytes);
      return;
    }
    std::fill_n(dst, before, 0.0f);
    std::memcpy(dst + before, src + src_row * run, bytes);
    std::fill_n(dst + before + run, width - before - run, 0.0f);
  }

 private:
  graph::BlockGeometry g_;
  bool pads_;
};

class BlockKernel final : public Kernel {
 public:
  explicit BlockKernel(BlockCopy copy) : copy_(std::move(copy)) {}

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    dst_ = buffers.output(0);
  }
  void run(const RunContext& context) override {
    context.parallel.for_ranges(copy_.rows(), copy_.grain(), [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) copy_.write_row(row, src_, dst_);
    });
  }

 private:
  BlockCopy copy_;
  const float* src_ = nullptr;
  float* dst_ = nullptr;
};

class BlockImplementation final : public Implementation {
 public:
  BlockImplementation(std::string_view name, bool pads) : name_(name), pads_(pads) {}
  std::string_view name() const override { return name_; }
  Family family() const override { return Family::kSimd; }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    const BlockCopy copy(kernel_case, pads_);
    execution.tasks = (copy.rows() + copy.grain() - 1) / copy.grain();
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<BlockKernel>(BlockCopy(kernel_case, pads_));
  }

 private:
  std::string_view name_;
  bool pads_;
};

}  // namespace

const Implementation& pad() {
  static const BlockImplementation implementation("simd.pad", /*pads=*/true);
  return implementation;
}
const Implementation& crop() {
  static const BlockImplementation implementation("simd.crop", /*pads=*/false);
  return implementation;
}

}  // namespace pronghorn::kernels::simd
