#include "graph/ops/concatenate.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "kernels/simd/simd.h"

namespace pronghorn::kernels::simd {
namespace {

// Both kinds copy runs of consecutive floats between tensors in which they stand at other
// distances. memcpy is the vectorized part: it has its own versions for each instruction set.
struct Runs {
  const float* src;
  int64_t src_distance;
  float* dst;
  int64_t dst_distance;
  int64_t run;  // floats
};

void copy_runs(const Runs& runs, int64_t count, const Parallel& parallel) {
  const int64_t grain = std::max<int64_t>(1, 16384 / runs.run);
  parallel.for_ranges(count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      std::memcpy(runs.dst + i * runs.dst_distance, runs.src + i * runs.src_distance,
                  static_cast<size_t>(runs.run) * sizeof(float));
  });
}

class ConcatenateKernel final : public Kernel {
 public:
  explicit ConcatenateKernel(const KernelCase& kernel_case) {
    const int64_t axis = kernel_case.op.attributes.integer("axis");
    for (graph::ValueId id : kernel_case.op.inputs)
      inputs_.push_back(graph::axis_geometry(kernel_case.graph.value(id).shape, axis));
    dst_ = graph::axis_geometry(kernel_case.output(0).shape, axis);
  }

  void bind(const Buffers& buffers) override { buffers_ = buffers; }

  void run(const RunContext& context) override {
    const int64_t dst_distance = dst_.extent * dst_.inner;
    float* dst = buffers_.output(0);
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const int64_t run = inputs_[i].extent * inputs_[i].inner;
      copy_runs({buffers_.input(static_cast<int>(i)), run, dst, dst_distance, run}, dst_.outer,
                context.parallel);
      dst += run;
    }
  }

 private:
  std::vector<graph::AxisGeometry> inputs_;
  graph::AxisGeometry dst_;
  Buffers buffers_;
};

class SliceKernel final : public Kernel {
 public:
  explicit SliceKernel(const KernelCase& kernel_case)
      : src_(graph::axis_geometry(kernel_case.input(0).shape,
                                  kernel_case.op.attributes.integer("axis"))),
        begin_(kernel_case.op.attributes.integer("begin")),
        size_(kernel_case.op.attributes.integer("size")) {}

  void bind(const Buffers& buffers) override { buffers_ = buffers; }

  void run(const RunContext& context) override {
    const int64_t run = size_ * src_.inner;
    copy_runs({buffers_.input(0) + begin_ * src_.inner, src_.extent * src_.inner,
               buffers_.output(0), run, run},
              src_.outer, context.parallel);
  }

 private:
  graph::AxisGeometry src_;
  int64_t begin_, size_;
  Buffers buffers_;
};

template <class KernelType>
class CopyImplementation final : public Implementation {
 public:
  explicit CopyImplementation(std::string_view name) : name_(name) {}
  std::string_view name() const override { return name_; }
  Family family() const override { return Family::kSimd; }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<KernelType>(kernel_case);
  }

 private:
  std::string_view name_;
};

}  // namespace

const Implementation& concatenate() {
  static const CopyImplementation<ConcatenateKernel> implementation("simd.concatenate");
  return implementation;
}
const Implementation& slice() {
  static const CopyImplementation<SliceKernel> implementation("simd.slice");
  return implementation;
}

}  // namespace pronghorn::kernels::simd
