#include "graph/ops/l2_normalize.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/l2_normalize.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

HWY_INLINE V factor_of_row(const float* src, float most, size_t columns) {
  const V squares = sum_of_parts(columns, [&](auto part) HWY_ATTR {
    const V x = part.load(src);
    return hn::Mul(x, x);
  });
  return hn::Min(hn::Div(hn::Set(D(), 1.0f), hn::Sqrt(squares)), hn::Set(D(), most));
}

void l2_normalize_rows(const float* src, const float*, float most, float* dst, int64_t rows,
                       size_t columns) {
  for (int64_t row = 0; row < rows; ++row, src += columns, dst += columns) {
    const V r = factor_of_row(src, most, columns);
    for_parts(columns, [&](auto part) HWY_ATTR { part.store(hn::Mul(part.load(src), r), dst); });
  }
}

void l2_normalize_backward_rows(const float* src, const float* diff_dst, float most,
                                float* diff_src, int64_t rows, size_t columns) {
  for (int64_t row = 0; row < rows; ++row) {
    const V r = factor_of_row(src, most, columns);
    const V dot = sum_of_parts(
        columns, [&](auto part) HWY_ATTR { return hn::Mul(part.load(src), part.load(diff_dst)); });
    const V held = hn::IfThenElseZero(hn::Lt(r, hn::Set(D(), most)), hn::Mul(dot, hn::Mul(r, r)));
    for_parts(columns, [&](auto part) HWY_ATTR {
      const V rest = hn::NegMulAdd(part.load(src), held, part.load(diff_dst));
      part.store(hn::Mul(r, rest), diff_src);
    });
    src += columns;
    diff_dst += columns;
    diff_src += columns;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <memory>

#include "kernels/simd/dispatch.h"
#include "kernels/simd/row_kernel.h"
#include "kernels/simd/simd.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(l2_normalize_rows);
HWY_EXPORT(l2_normalize_backward_rows);

using Rows = void (*)(const float* src, const float* diff_dst, float most, float* out, int64_t rows,
                      size_t columns);

class L2Kernel final : public Kernel {
 public:
  L2Kernel(const KernelCase& kernel_case, Rows function)
      : geometry_(kernel_case.output(0).shape),
        most_(static_cast<float>(1 / kernel_case.op.attributes.real("epsilon"))),
        function_(function) {}

  void bind(const Buffers& buffers) override {
    src_ = buffers.input(0);
    diff_dst_ = buffers.inputs.size() > 1 ? buffers.input(1) : src_;
    out_ = buffers.output(0);
  }

  void run(const RunContext& context) override {
    geometry_.for_rows(context.parallel, [&](int64_t first, int64_t last) {
      const int64_t at = first * geometry_.columns;
      function_(src_ + at, diff_dst_ + at, most_, out_ + at, last - first,
                static_cast<size_t>(geometry_.columns));
    });
  }

 private:
  RowGeometry geometry_;
  float most_;
  Rows function_;
  const float* src_ = nullptr;
  const float* diff_dst_ = nullptr;
  float* out_ = nullptr;
};

class L2Implementation final : public Implementation {
 public:
  L2Implementation(std::string_view name, Rows (*choose)()) : name_(name), choose_(choose) {}
  std::string_view name() const override { return name_; }
  Family family() const override { return Family::kSimd; }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = RowGeometry(kernel_case.output(0).shape).tasks();
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    choose_target();
    return std::make_unique<L2Kernel>(kernel_case, choose_());
  }

 private:
  std::string_view name_;
  Rows (*choose_)();
};

}  // namespace

const Implementation& l2_normalize() {
  static const L2Implementation implementation(
      "simd.l2_normalize", []() -> Rows { return &HWY_DYNAMIC_DISPATCH(l2_normalize_rows); });
  return implementation;
}
const Implementation& l2_normalize_backward() {
  static const L2Implementation implementation("simd.l2_normalize_backward", []() -> Rows {
    return &HWY_DYNAMIC_DISPATCH(l2_normalize_backward_rows);
  });
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
