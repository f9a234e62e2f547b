#include "graph/ops/loss.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/loss.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/activations-inl.h"
#include "kernels/simd/rows-inl.h"

#ifndef PRONGHORN_KERNELS_SIMD_LOSS_ONCE_
#define PRONGHORN_KERNELS_SIMD_LOSS_ONCE_

namespace pronghorn::kernels::simd {

// The formulas of graph/ops/loss.h over rows of `columns` classes. y_true has one number per row
// where the labels are class numbers. `scale` is that of the gradient; `losses` and `out` are what
// the op computes, one number or one row for each row, where it computes such.
struct LossRows {
  const float* y_pred;
  const float* y_true;
  float* losses;
  float* out;
  int64_t rows;
  size_t columns;
  float scale;
};

}  // namespace pronghorn::kernels::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

using graph::LossFunction;

constexpr float kLowest = static_cast<float>(graph::kProbabilityEpsilon);
constexpr float kHighest = static_cast<float>(1 - graph::kProbabilityEpsilon);

HWY_INLINE V clip(V p) {
  const V clipped = hn::Min(hn::Set(D(), kHighest), hn::Max(hn::Set(D(), kLowest), p));
  return hn::IfThenElse(hn::IsNaN(p), p, clipped);
}
HWY_INLINE auto is_inside(V p) {
  return hn::And(hn::Ge(p, hn::Set(D(), kLowest)), hn::Le(p, hn::Set(D(), kHighest)));
}

// The class that a label names, or `columns` for one that names none: such labels are refused
// where data enters, but must not make a kernel write elsewhere.
HWY_INLINE size_t class_of(float label, size_t columns) {
  return label >= 0 && label < static_cast<float>(columns) ? static_cast<size_t>(label) : columns;
}

// Calls f(y_pred, y_true, index) for every row.
template <class F>
HWY_INLINE void for_rows(const LossRows& r, bool sparse, F f) {
  for (int64_t row = 0; row < r.rows; ++row) {
    const size_t at = static_cast<size_t>(row) * r.columns;
    f(r.y_pred + at, r.y_true + (sparse ? static_cast<size_t>(row) : at), row);
  }
}
HWY_INLINE float* out_row(const LossRows& r, int64_t row) {
  return r.out + static_cast<size_t>(row) * r.columns;
}

// softmax_cross_entropy. With s = sum of exp(x - max), the loss is log s sum(y) - sum of
// y (x - max). A row is read before its place is written, since logits and probabilities may share
// memory. Labels of zero count for nothing even where x is minus infinity.
template <bool kSparse, bool kWithProbabilities>
void cross_entropy_from_logits(const LossRows& r) {
  for_rows(r, kSparse, [&](const float* logits, const float* labels, int64_t row) HWY_ATTR {
    const V max = max_of_row(logits, r.columns);
    V weight = hn::Set(D(), 1.0f);
    V weighted;
    if constexpr (kSparse) {
      const size_t label = class_of(labels[0], r.columns);
      const float x = label < r.columns ? logits[label] : std::numeric_limits<float>::quiet_NaN();
      weighted = hn::Sub(hn::Set(D(), x), max);
    } else {
      weight = sum_of_parts(r.columns, [&](auto part) HWY_ATTR { return part.load(labels); });
      weighted = sum_of_parts(r.columns, [&](auto part) HWY_ATTR {
        const V y = part.load(labels);
        return hn::IfThenElseZero(hn::Ne(y, hn::Zero(D())),
                                  hn::Mul(y, hn::Sub(part.load(logits), max)));
      });
    }
    V sum;
    if constexpr (kWithProbabilities) {
      float* probabilities = out_row(r, row);
      sum = exponentials_of_row(logits, max, probabilities, r.columns);
      divide_row(probabilities, sum, r.columns);
    } else {
      sum = sum_of_parts(
          r.columns, [&](auto part) HWY_ATTR { return exp(D(), hn::Sub(part.load(logits), max)); });
    }
    r.losses[row] = hn::GetLane(hn::MulSub(log(sum), weight, weighted));
  });
}

// out = (p sum(y) - y) scale from probabilities p; the rows of p and out may be the same.
template <bool kSparse>
HWY_INLINE void subtract_labels(const LossRows& r, const float* p, const float* labels,
                                float* out) {
  const V scale = hn::Set(D(), r.scale);
  if constexpr (kSparse) {
    const size_t label = class_of(labels[0], r.columns);
    const float own = label < r.columns ? (p[label] - 1) * r.scale : 0;
    for_parts(r.columns,
              [&](auto part) HWY_ATTR { part.store(hn::Mul(part.load(p), scale), out); });
    if (label < r.columns) out[label] = own;
  } else {
    const V weight = sum_of_parts(r.columns, [&](auto part) HWY_ATTR { return part.load(labels); });
    for_parts(r.columns, [&](auto part) HWY_ATTR {
      const V difference = hn::MulSub(part.load(p), weight, part.load(labels));
      part.store(hn::Mul(difference, scale), out);
    });
  }
}

template <bool kSparse>
void softmax_cross_entropy_backward_rows(const LossRows& r) {
  for_rows(r, kSparse, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    subtract_labels<kSparse>(r, p, labels, out_row(r, row));
  });
}

template <bool kSparse>
void cross_entropy_from_logits_backward(const LossRows& r) {
  for_rows(r, kSparse, [&](const float* logits, const float* labels, int64_t row) HWY_ATTR {
    float* out = out_row(r, row);
    const V sum = exponentials_of_row(logits, max_of_row(logits, r.columns), out, r.columns);
    divide_row(out, sum, r.columns);
    subtract_labels<kSparse>(r, out, labels, out);
  });
}

void sparse_from_probabilities(const LossRows& r) {
  for_rows(r, true, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    const V total = sum_of_parts(r.columns, [&](auto part) HWY_ATTR { return part.load(p); });
    const size_t label = class_of(labels[0], r.columns);
    const float own = label < r.columns ? p[label] : std::numeric_limits<float>::quiet_NaN();
    r.losses[row] = -hn::GetLane(log(clip(hn::Div(hn::Set(D(), own), total))));
  });
}
void sparse_from_probabilities_backward(const LossRows& r) {
  for_rows(r, true, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    float* out = out_row(r, row);
    const float total =
        hn::GetLane(sum_of_parts(r.columns, [&](auto part) HWY_ATTR { return part.load(p); }));
    const size_t label = class_of(labels[0], r.columns);
    const float own = label < r.columns ? p[label] / total : 0.0f;
    const bool pulls = own >= kLowest && own <= kHighest;
    const V common = hn::Set(D(), pulls ? r.scale / total : 0.0f);
    for_parts(r.columns, [&](auto part) HWY_ATTR { part.store(common, out); });
    if (pulls) out[label] = (1.0f / total - 1.0f / p[label]) * r.scale;
  });
}

void categorical_from_probabilities(const LossRows& r) {
  for_rows(r, false, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    const V total = sum_of_parts(r.columns, [&](auto part) HWY_ATTR { return part.load(p); });
    const V sum = sum_of_parts(r.columns, [&](auto part) HWY_ATTR {
      const V y = part.load(labels);
      const V logarithm = log(clip(hn::Div(part.load(p), total)));
      return hn::IfThenElseZero(hn::Ne(y, hn::Zero(D())), hn::Mul(y, logarithm));
    });
    r.losses[row] = -hn::GetLane(sum);
  });
}
// Each label pulls at its own p and, through the total, at all; a clipped one at none.
void categorical_from_probabilities_backward(const LossRows& r) {
  for_rows(r, false, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    float* out = out_row(r, row);
    const V scale = hn::Set(D(), r.scale);
    const V total = sum_of_parts(r.columns, [&](auto part) HWY_ATTR { return part.load(p); });
    const V pulling = sum_of_parts(r.columns, [&](auto part) HWY_ATTR {
      return hn::IfThenElseZero(is_inside(hn::Div(part.load(p), total)), part.load(labels));
    });
    const V common = hn::Div(pulling, total);
    for_parts(r.columns, [&](auto part) HWY_ATTR {
      const V x = part.load(p);
      const V own = hn::IfThenElseZero(is_inside(hn::Div(x, total)), hn::Div(part.load(labels), x));
      part.store(hn::Mul(hn::Sub(common, own), scale), out);
    });
  });
}

// The losses that are a mean over the row of a term of each class.
template <class Term>
HWY_INLINE void mean_of_terms(const LossRows& r, Term term) {
  const float columns = static_cast<float>(r.columns);
  for_rows(r, false, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    const V sum = sum_of_parts(
        r.columns, [&](auto part) HWY_ATTR { return term(part.load(p), part.load(labels)); });
    r.losses[row] = hn::GetLane(sum) / columns;
  });
}
template <class Term>
HWY_INLINE void map_terms(const LossRows& r, Term term) {
  const V scale = hn::Set(D(), r.scale / static_cast<float>(r.columns));
  map(r.y_pred, r.y_true, r.out, static_cast<size_t>(r.rows) * r.columns,
      [&](V p, V y) HWY_ATTR { return hn::Mul(term(p, y), scale); });
}

void binary_from_probabilities(const LossRows& r) {
  mean_of_terms(r, [](V x, V y) HWY_ATTR {
    const V one = hn::Set(D(), 1.0f);
    const V p = clip(x);
    return hn::Neg(hn::MulAdd(y, log(p), hn::Mul(hn::Sub(one, y), log(hn::Sub(one, p)))));
  });
}
void binary_from_probabilities_backward(const LossRows& r) {
  map_terms(r, [](V p, V y) HWY_ATTR {
    const V slope = hn::Div(hn::Sub(p, y), hn::Mul(p, hn::Sub(hn::Set(D(), 1.0f), p)));
    return hn::IfThenElseZero(is_inside(p), slope);
  });
}

// max(x, 0) - x y + log(1 + exp(-|x|)), in which nothing overflows.
void binary_from_logits(const LossRows& r) {
  mean_of_terms(r, [](V x, V y) HWY_ATTR { return hn::NegMulAdd(x, y, softplus(D(), x)); });
}
void binary_from_logits_backward(const LossRows& r) {
  map_terms(r, [](V x, V y) HWY_ATTR { return hn::Sub(sigmoid(D(), x), y); });
}

void mean_squared_error(const LossRows& r) {
  mean_of_terms(r, [](V p, V y) HWY_ATTR {
    const V difference = hn::Sub(p, y);
    return hn::Mul(difference, difference);
  });
}
void mean_squared_error_backward(const LossRows& r) {
  map_terms(r, [](V p, V y) HWY_ATTR {
    const V difference = hn::Sub(p, y);
    return hn::Add(difference, difference);
  });
}

void mean_absolute_error(const LossRows& r) {
  mean_of_terms(r, [](V p, V y) HWY_ATTR { return hn::Abs(hn::Sub(p, y)); });
}
void mean_absolute_error_backward(const LossRows& r) {
  map_terms(r, [](V p, V y) HWY_ATTR {
    const V difference = hn::Sub(p, y);
    const V sign = hn::CopySign(hn::Set(D(), 1.0f), difference);
    return hn::IfThenElseZero(hn::Ne(difference, hn::Zero(D())), sign);
  });
}

// The functions of loss and loss_backward.
using Rows = void (*)(const LossRows&);
Rows choose_loss(LossFunction function, bool from_logits) {
  switch (function) {
    case LossFunction::kCategoricalCrossentropy:
      return from_logits ? &cross_entropy_from_logits<false, false>
                         : &categorical_from_probabilities;
    case LossFunction::kSparseCategoricalCrossentropy:
      return from_logits ? &cross_entropy_from_logits<true, false> : &sparse_from_probabilities;
    case LossFunction::kBinaryCrossentropy:
      return from_logits ? &binary_from_logits : &binary_from_probabilities;
    case LossFunction::kMeanSquaredError:
      return &mean_squared_error;
    case LossFunction::kMeanAbsoluteError:
      return &mean_absolute_error;
  }
  return nullptr;
}
Rows choose_loss_backward(LossFunction function, bool from_logits) {
  switch (function) {
    case LossFunction::kCategoricalCrossentropy:
      return from_logits ? &cross_entropy_from_logits_backward<false>
                         : &categorical_from_probabilities_backward;
    case LossFunction::kSparseCategoricalCrossentropy:
      return from_logits ? &cross_entropy_from_logits_backward<true>
                         : &sparse_from_probabilities_backward;
    case LossFunction::kBinaryCrossentropy:
      return from_logits ? &binary_from_logits_backward : &binary_from_probabilities_backward;
    case LossFunction::kMeanSquaredError:
      return &mean_squared_error_backward;
    case LossFunction::kMeanAbsoluteError:
      return &mean_absolute_error_backward;
  }
  return nullptr;
}

// Those of softmax_cross_entropy and its backward op.
Rows choose_softmax_loss(LossFunction function, bool) {
  return function == LossFunction::kSparseCategoricalCrossentropy
             ? &cross_entropy_from_logits<true, true>
             : &cross_entropy_from_logits<false, true>;
}
Rows choose_softmax_loss_backward(LossFunction function, bool) {
  return function == LossFunction::kSparseCategoricalCrossentropy
             ? &softmax_cross_entropy_backward_rows<true>
             : &softmax_cross_entropy_backward_rows<false>;
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <memory>

#include "kernels/simd/dispatch.h"
#include "kernels/simd/row_kernel.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(choose_loss);
HWY_EXPORT(choose_loss_backward);
HWY_EXPORT(choose_softmax_loss);
HWY_EXPORT(choose_softmax_loss_backward);

using Rows = void (*)(const LossRows&);
using Choose = Rows (*)(graph::LossFunction, bool from_logits);

class LossKernel final : public Kernel {
 public:
  // `losses` and `out` are the outputs that hold these, -1 for none.
  LossKernel(const KernelCase& kernel_case, Choose choose, int losses, int out)
      : geometry_(kernel_case.input(0).shape),
        function_(choose(graph::loss_function(kernel_case.op), graph::from_logits(kernel_case.op))),
        sparse_(graph::loss_function(kernel_case.op) ==
                graph::LossFunction::kSparseCategoricalCrossentropy),
        losses_index_(losses),
        out_index_(out) {
    const graph::Attributes& attributes = kernel_case.op.attributes;
    if (attributes.has("scale")) scale_ = static_cast<float>(attributes.real("scale"));
  }

  void bind(const Buffers& buffers) override {
    y_pred_ = buffers.input(0);
    y_true_ = buffers.input(1);
    if (losses_index_ >= 0) losses_ = buffers.output(losses_index_);
    if (out_index_ >= 0) out_ = buffers.output(out_index_);
  }

  void run(const RunContext& context) override {
    geometry_.for_rows(context.parallel, [&](int64_t first, int64_t last) {
      const int64_t at = first * geometry_.columns;
      function_({y_pred_ + at, y_true_ + (sparse_ ? first : at),
                 losses_ == nullptr ? nullptr : losses_ + first,
                 out_ == nullptr ? nullptr : out_ + at, last - first,
                 static_cast<size_t>(geometry_.columns), scale_});
    });
  }

 private:
  RowGeometry geometry_;
  Rows function_;
  bool sparse_;
  int losses_index_, out_index_;
  float scale_ = 1;
  const float* y_pred_ = nullptr;
  const float* y_true_ = nullptr;
  float* losses_ = nullptr;
  float* out_ = nullptr;
};

class LossImplementation final : public Implementation {
 public:
  LossImplementation(std::string_view name, Choose (*choose)(), int losses, int out)
      : name_(name), choose_(choose), losses_(losses), out_(out) {}

  std::string_view name() const override { return name_; }
  Family family() const override { return Family::kSimd; }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = RowGeometry(kernel_case.input(0).shape).tasks();
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    choose_target();
    return std::make_unique<LossKernel>(kernel_case, choose_(), losses_, out_);
  }

 private:
  std::string_view name_;
  Choose (*choose_)();  // the choosing function for the CPU
  int losses_, out_;
};

}  // namespace

const Implementation& loss() {
  static const LossImplementation implementation(
      "simd.loss", [] { return Choose{&HWY_DYNAMIC_DISPATCH(choose_loss)}; }, 0, -1);
  return implementation;
}
const Implementation& loss_backward() {
  static const LossImplementation implementation(
      "simd.loss_backward", [] { return Choose{&HWY_DYNAMIC_DISPATCH(choose_loss_backward)}; }, -1,
      0);
  return implementation;
}
const Implementation& softmax_cross_entropy() {
  static const LossImplementation implementation(
      "simd.softmax_cross_entropy",
      [] { return Choose{&HWY_DYNAMIC_DISPATCH(choose_softmax_loss)}; }, 0, 1);
  return implementation;
}
const Implementation& softmax_cross_entropy_backward() {
  static const LossImplementation implementation(
      "simd.softmax_cross_entropy_backward",
      [] { return Choose{&HWY_DYNAMIC_DISPATCH(choose_softmax_loss_backward)}; }, -1, 0);
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
