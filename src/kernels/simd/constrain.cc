#include "graph/ops/constrain.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/constrain.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/rows-inl.h"

#ifndef PRONGHORN_KERNELS_SIMD_CONSTRAIN_ONCE_
#define PRONGHORN_KERNELS_SIMD_CONSTRAIN_ONCE_

namespace pronghorn::kernels::simd {

// All constraints of norms are of one form: unit_norm is min_max_norm with both bounds 1, rate 1,
// and max_norm is it with the lower bound 0.
struct NormBounds {
  float min_value, max_value, rate;
};

}  // namespace pronghorn::kernels::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

void non_negative(float* w, size_t count) {
  // NaN stays NaN.
  map(w, w, count,
      [](V x) HWY_ATTR { return hn::IfThenElse(hn::Lt(x, hn::Zero(D())), hn::Zero(D()), x); });
}

// sums[i] += row[i]^2
void add_squares(const float* row, float* sums, size_t count) {
  map(sums, row, sums, count, [](V sum, V x) HWY_ATTR { return hn::MulAdd(x, x, sum); });
}

float squares_of_row(const float* row, size_t count) {
  return hn::GetLane(sum_of_parts(count, [&](auto part) HWY_ATTR {
    const V x = part.load(row);
    return hn::Mul(x, x);
  }));
}

// What weights are multiplied with, of sums of squares, in their place.
void factors_of_sums(const NormBounds& bounds, float* sums, size_t count) {
  const D d;
  const V least = hn::Set(d, bounds.min_value), most = hn::Set(d, bounds.max_value);
  const V rate = hn::Set(d, bounds.rate), rest = hn::Set(d, 1 - bounds.rate);
  const V epsilon = hn::Set(d, static_cast<float>(graph::kConstraintEpsilon));
  map(sums, sums, count, [=](V sum) HWY_ATTR {
    const V norm = hn::Sqrt(sum);
    const V clipped = hn::Min(hn::Max(norm, least), most);
    const V desired = hn::MulAdd(rate, clipped, hn::Mul(rest, norm));
    return hn::Div(desired, hn::Add(epsilon, norm));
  });
}

void multiply(float* row, const float* factors, size_t count) {
  map(row, factors, row, count, [](V x, V f) HWY_ATTR { return hn::Mul(x, f); });
}

void multiply_by(float* row, float factor, size_t count) {
  const V f = hn::Set(D(), factor);
  map(row, row, count, [=](V x) HWY_ATTR { return hn::Mul(x, f); });
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/simd/dispatch.h"

namespace pronghorn::kernels::simd {
namespace {

using graph::ConstraintFunction;

HWY_EXPORT(non_negative);
HWY_EXPORT(add_squares);
HWY_EXPORT(squares_of_row);
HWY_EXPORT(factors_of_sums);
HWY_EXPORT(multiply);
HWY_EXPORT(multiply_by);

// Weights that a thread takes at a time, as in elementwise.cc.
constexpr int64_t kGrain = 16384;
// Columns that a thread takes at a time: whole cache lines.
constexpr int64_t kColumns = 64;

NormBounds bounds_of(const graph::Op& op) {
  const auto real = [&](const char* name) { return static_cast<float>(op.attributes.real(name)); };
  switch (graph::constraint_function(op)) {
    case ConstraintFunction::kUnitNorm:
      return {1, 1, 1};
    case ConstraintFunction::kMaxNorm:
      return {0, real("max_value"), 1};
    default:
      return {real("min_value"), real("max_value"), real("rate")};
  }
}

graph::NormGeometry geometry_of(const KernelCase& kernel_case) {
  return graph::norm_geometry(kernel_case.output(0).shape,
                              kernel_case.op.attributes.integers("axes"));
}

int64_t tasks_of(const KernelCase& kernel_case) {
  const graph::NormGeometry geometry = geometry_of(kernel_case);
  if (graph::constraint_function(kernel_case.op) == ConstraintFunction::kNonNeg)
    return (geometry.rows * geometry.columns + kGrain - 1) / kGrain;
  return geometry.by_column ? (geometry.columns + kColumns - 1) / kColumns : geometry.norms;
}

class ConstrainKernel final : public Kernel {
 public:
  explicit ConstrainKernel(const KernelCase& kernel_case)
      : non_neg_(graph::constraint_function(kernel_case.op) == ConstraintFunction::kNonNeg),
        bounds_(bounds_of(kernel_case.op)),
        geometry_(geometry_of(kernel_case)) {
    choose_target();
    non_negative_ = &HWY_DYNAMIC_DISPATCH(non_negative);
    add_squares_ = &HWY_DYNAMIC_DISPATCH(add_squares);
    squares_of_row_ = &HWY_DYNAMIC_DISPATCH(squares_of_row);
    factors_of_sums_ = &HWY_DYNAMIC_DISPATCH(factors_of_sums);
    multiply_ = &HWY_DYNAMIC_DISPATCH(multiply);
    multiply_by_ = &HWY_DYNAMIC_DISPATCH(multiply_by);
    if (non_neg_ || geometry_.by_column) return;
    rows_of_norm_.resize(static_cast<size_t>(geometry_.norms));
    for (int64_t row = 0; row < geometry_.rows; ++row) rows_of_norm_[norm_of(row)].push_back(row);
  }

  size_t workspace_bytes() const override {
    return non_neg_ ? 0 : static_cast<size_t>(geometry_.norms) * sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    weights_ = buffers.output(0);
    norms_ = reinterpret_cast<float*>(buffers.workspace);
  }

  void run(const RunContext& context) override {
    const Parallel& parallel = context.parallel;
    if (non_neg_) {
      parallel.for_ranges(geometry_.rows * geometry_.columns, kGrain,
                          [&](int64_t begin, int64_t end) {
                            non_negative_(weights_ + begin, static_cast<size_t>(end - begin));
                          });
    } else if (geometry_.by_column) {
      parallel.for_ranges(geometry_.columns, kColumns,
                          [&](int64_t begin, int64_t end) { constrain_columns(begin, end); });
    } else {
      parallel.for_each(geometry_.norms,
                        [&](int64_t norm, int) { constrain_rows(static_cast<size_t>(norm)); });
    }
  }

 private:
  size_t norm_of(int64_t row) const {
    return static_cast<size_t>(geometry_.norm_of_row[static_cast<size_t>(row)]);
  }
  float* row_at(int64_t row) const { return weights_ + row * geometry_.columns; }

  // The norms that these columns have, whatever the row.
  void constrain_columns(int64_t begin, int64_t end) const {
    const auto count = static_cast<size_t>(end - begin);
    for (int64_t first = 0; first < geometry_.norms; first += geometry_.columns)
      std::fill_n(norms_ + first + begin, count, 0.0f);
    for (int64_t row = 0; row < geometry_.rows; ++row)
      add_squares_(row_at(row) + begin, norms_ + norm_of(row) + begin, count);
    for (int64_t first = 0; first < geometry_.norms; first += geometry_.columns)
      factors_of_sums_(bounds_, norms_ + first + begin, count);
    for (int64_t row = 0; row < geometry_.rows; ++row)
      multiply_(row_at(row) + begin, norms_ + norm_of(row) + begin, count);
  }

  // A norm that whole rows have.
  void constrain_rows(size_t norm) const {
    const auto columns = static_cast<size_t>(geometry_.columns);
    float sum = 0;
    for (const int64_t row : rows_of_norm_[norm]) sum += squares_of_row_(row_at(row), columns);
    factors_of_sums_(bounds_, &sum, 1);
    for (const int64_t row : rows_of_norm_[norm]) multiply_by_(row_at(row), sum, columns);
  }

  bool non_neg_;
  NormBounds bounds_;
  graph::NormGeometry geometry_;
  std::vector<std::vector<int64_t>> rows_of_norm_;
  void (*non_negative_)(float* w, size_t count);
  void (*add_squares_)(const float* row, float* sums, size_t count);
  float (*squares_of_row_)(const float* row, size_t count);
  void (*factors_of_sums_)(const NormBounds& bounds, float* sums, size_t count);
  void (*multiply_)(float* row, const float* factors, size_t count);
  void (*multiply_by_)(float* row, float factor, size_t count);
  float* weights_ = nullptr;
  float* norms_ = nullptr;
};

class Constrain final : public Implementation {
 public:
  std::string_view name() const override { return "simd.constrain"; }
  Family family() const override { return Family::kSimd; }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = tasks_of(kernel_case);
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<ConstrainKernel>(kernel_case);
  }
};

}  // namespace

const Implementation& constrain() {
  static const Constrain implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
