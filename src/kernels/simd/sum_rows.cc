#include "graph/ops/sum_rows.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/sum_rows.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/panels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

void add_panel_rows(const float* src, int64_t rows, size_t channels, float* sums) {
  add_rows(src, rows, channels, sums);
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <memory>

#include "kernels/simd/channel_panels.h"
#include "kernels/simd/dispatch.h"
#include "kernels/sliced_kernel.h"
#include "platform/reduction_tree.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(add_panel_rows);

class SumRowsKernel final : public SlicedKernel {
 public:
  explicit SumRowsKernel(const KernelCase& kernel_case)
      : SlicedKernel(kernel_case, BatchSlices(kernel_case.input(0).shape[0]),
                     {.inputs = 1, .outputs = 0}),
        panels_(kernel_case.input(0)) {
    choose_target();
    add_rows_ = &HWY_DYNAMIC_DISPATCH(add_panel_rows);
  }

  size_t workspace_bytes() const override {
    return static_cast<size_t>(slices().count() * panels_.channels()) * sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    dst_ = buffers.output(0);
    partials_ = reinterpret_cast<float*>(buffers.workspace);
  }

  void run_slice(const RunContext&, int64_t slice, int) override {
    float* sums = partials_ + slice * panels_.channels();
    std::fill(sums, sums + panels_.channels(), 0.0f);
    panels_.for_panels(slices().begin(slice), slices().end(slice), [&](const ChannelPanel& panel) {
      add_rows_(src_ + panel.offset, panel.rows, static_cast<size_t>(panel.channels),
                sums + panel.first_channel);
    });
  }

  void end(const RunContext& context) override {
    const int64_t channels = panels_.channels();
    tree_sum(context.parallel, partials_, slices().count(), channels, channels, dst_);
  }

 private:
  ChannelPanels panels_;
  void (*add_rows_)(const float* src, int64_t rows, size_t channels, float* sums);
  const float* src_ = nullptr;
  float* dst_ = nullptr;
  float* partials_ = nullptr;
};

class SumRows final : public Implementation {
 public:
  std::string_view name() const override { return "simd.sum_rows"; }
  Family family() const override { return Family::kSimd; }
  OpLayouts layouts(const KernelCase&, std::span<const graph::Layout> arriving) const override {
    return {{arriving[0]}, {graph::Layout::kPlain}};
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<SumRowsKernel>(kernel_case);
  }
};

}  // namespace

const Implementation& sum_rows() {
  static const SumRows implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
