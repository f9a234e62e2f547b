#include "graph/ops/softmax.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/softmax.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

// Takes the inputs of either op; the forward one has no second.
void softmax_rows(const float* src, const float*, float* dst, int64_t rows, size_t columns) {
  for (int64_t row = 0; row < rows; ++row, src += columns, dst += columns) {
    const V sum = exponentials_of_row(src, max_of_row(src, columns), dst, columns);
    divide_row(dst, sum, columns);
  }
}

// A row that is over its first `reach` elements.
void softmax_part(const float* src, float* dst, size_t reach, size_t columns) {
  softmax_rows(src, nullptr, dst, 1, reach);
  for_parts(
      columns, [&](auto part) HWY_ATTR { part.store(hn::Zero(D()), dst); }, reach);
}

void softmax_backward_rows(const float* dst, const float* diff_dst, float* diff_src, int64_t rows,
                           size_t columns) {
  for (int64_t row = 0; row < rows; ++row) {
    const V dot = sum_of_parts(
        columns, [&](auto part) HWY_ATTR { return hn::Mul(part.load(dst), part.load(diff_dst)); });
    for_parts(columns, [&](auto part) HWY_ATTR {
      part.store(hn::Mul(part.load(dst), hn::Sub(part.load(diff_dst), dot)), diff_src);
    });
    dst += columns;
    diff_dst += columns;
    diff_src += columns;
  }
}

void log_softmax_rows(const float* src, const float*, float* dst, int64_t rows, size_t columns) {
  for (int64_t row = 0; row < rows; ++row, src += columns, dst += columns) {
    const V max = max_of_row(src, columns);
    const V log_sum = log(exponentials_of_row(src, max, dst, columns));
    for_parts(columns, [&](auto part) HWY_ATTR {
      part.store(hn::Sub(hn::Sub(part.load(src), max), log_sum), dst);
    });
  }
}

void log_softmax_backward_rows(const float* dst, const float* diff_dst, float* diff_src,
                               int64_t rows, size_t columns) {
  for (int64_t row = 0; row < rows; ++row) {
    const V sum = sum_of_parts(columns, [&](auto part) HWY_ATTR { return part.load(diff_dst); });
    for_parts(columns, [&](auto part) HWY_ATTR {
      const V probability = exp(D(), part.load(dst));
      part.store(hn::NegMulAdd(probability, sum, part.load(diff_dst)), diff_src);
    });
    dst += columns;
    diff_dst += columns;
    diff_src += columns;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <memory>
#include <vector>

#include "kernels/simd/dispatch.h"
#include "kernels/simd/row_kernel.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(softmax_rows);
HWY_EXPORT(softmax_part);
HWY_EXPORT(softmax_backward_rows);
HWY_EXPORT(log_softmax_rows);
HWY_EXPORT(log_softmax_backward_rows);

using Rows = void (*)(const float* a, const float* b, float* out, int64_t rows, size_t columns);

class SoftmaxKernel final : public Kernel {
 public:
  SoftmaxKernel(const KernelCase& kernel_case, Rows function)
      : geometry_(kernel_case.output(0).shape), function_(function) {}

  void bind(const Buffers& buffers) override {
    a_ = buffers.input(0);
    b_ = buffers.inputs.size() > 1 ? buffers.input(1) : a_;
    out_ = buffers.output(0);
  }

  void run(const RunContext& context) override {
    geometry_.for_rows(context.parallel, [&](int64_t first, int64_t last) {
      const int64_t at = first * geometry_.columns;
      function_(a_ + at, b_ + at, out_ + at, last - first, static_cast<size_t>(geometry_.columns));
    });
  }

 private:
  RowGeometry geometry_;
  Rows function_;
  const float* a_ = nullptr;
  const float* b_ = nullptr;
  float* out_ = nullptr;
};

class CausalSoftmaxKernel final : public Kernel {
 public:
  explicit CausalSoftmaxKernel(const KernelCase& kernel_case)
      : geometry_(kernel_case.output(0).shape) {
    const Shape& shape = kernel_case.output(0).shape;
    // Of one matrix; the others' are the same.
    for (int64_t row = 0; row < shape[shape.rank() - 2]; ++row)
      reach_.push_back(
          static_cast<size_t>(graph::softmax_columns(kernel_case.graph, kernel_case.op, row)));
    choose_target();
    part_ = &HWY_DYNAMIC_DISPATCH(softmax_part);
  }

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    dst_ = buffers.output(0);
  }

  void run(const RunContext& context) override {
    geometry_.for_rows(context.parallel, [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) {
        const int64_t at = row * geometry_.columns;
        part_(src_ + at, dst_ + at, reach_[static_cast<size_t>(row) % reach_.size()],
              static_cast<size_t>(geometry_.columns));
      }
    });
  }

 private:
  RowGeometry geometry_;
  std::vector<size_t> reach_;
  void (*part_)(const float* src, float* dst, size_t reach, size_t columns);
  const float* src_ = nullptr;
  float* dst_ = nullptr;
};

class SoftmaxImplementation final : public Implementation {
 public:
  SoftmaxImplementation(std::string_view name, Rows (*choose)()) : name_(name), choose_(choose) {}
  std::string_view name() const override { return name_; }
  Family family() const override { return Family::kSimd; }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = RowGeometry(kernel_case.output(0).shape).tasks();
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    if (kernel_case.op.attributes.has("causal"))
      return std::make_unique<CausalSoftmaxKernel>(kernel_case);
    choose_target();
    return std::make_unique<SoftmaxKernel>(kernel_case, choose_());
  }

 private:
  std::string_view name_;
  Rows (*choose_)();
};

}  // namespace

const Implementation& softmax() {
  static const SoftmaxImplementation implementation(
      "simd.softmax", []() -> Rows { return &HWY_DYNAMIC_DISPATCH(softmax_rows); });
  return implementation;
}
const Implementation& softmax_backward() {
  static const SoftmaxImplementation implementation("simd.softmax_backward", []() -> Rows {
    return &HWY_DYNAMIC_DISPATCH(softmax_backward_rows);
  });
  return implementation;
}
const Implementation& log_softmax() {
  static const SoftmaxImplementation implementation(
      "simd.log_softmax", []() -> Rows { return &HWY_DYNAMIC_DISPATCH(log_softmax_rows); });
  return implementation;
}
const Implementation& log_softmax_backward() {
  static const SoftmaxImplementation implementation("simd.log_softmax_backward", []() -> Rows {
    return &HWY_DYNAMIC_DISPATCH(log_softmax_backward_rows);
  });
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
