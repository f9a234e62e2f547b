// The losses of the categorical crossentropies, and softmax joined with them.
#include "graph/ops/loss.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/crossentropy_loss.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/loss-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

using graph::LossFunction;

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
      const size_t number = class_of(labels[0], r.columns);
      const float x = number < r.columns ? logits[number] : std::numeric_limits<float>::quiet_NaN();
      weighted = hn::Sub(hn::Set(D(), x), max);
    } else {
      weight = sum_of_parts(r.columns, [&](auto part) HWY_ATTR { return label(r, part, labels); });
      weighted = sum_of_parts(r.columns, [&](auto part) HWY_ATTR {
        const V y = label(r, part, labels);
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
    const size_t number = class_of(labels[0], r.columns);
    const float own = number < r.columns ? (p[number] - 1) * r.scale : 0;
    for_parts(r.columns,
              [&](auto part) HWY_ATTR { part.store(hn::Mul(part.load(p), scale), out); });
    if (number < r.columns) out[number] = own;
  } else {
    const V weight =
        sum_of_parts(r.columns, [&](auto part) HWY_ATTR { return label(r, part, labels); });
    for_parts(r.columns, [&](auto part) HWY_ATTR {
      const V difference = hn::MulSub(part.load(p), weight, label(r, part, labels));
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
    const size_t number = class_of(labels[0], r.columns);
    const float own = number < r.columns ? p[number] : std::numeric_limits<float>::quiet_NaN();
    r.losses[row] = -hn::GetLane(log(clip(hn::Div(hn::Set(D(), own), total))));
  });
}
void sparse_from_probabilities_backward(const LossRows& r) {
  for_rows(r, true, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    float* out = out_row(r, row);
    const float total =
        hn::GetLane(sum_of_parts(r.columns, [&](auto part) HWY_ATTR { return part.load(p); }));
    const size_t number = class_of(labels[0], r.columns);
    const float own = number < r.columns ? p[number] / total : 0.0f;
    const bool pulls = own >= kLowest && own <= kHighest;
    const V common = hn::Set(D(), pulls ? r.scale / total : 0.0f);
    for_parts(r.columns, [&](auto part) HWY_ATTR { part.store(common, out); });
    if (pulls) out[number] = (1.0f / total - 1.0f / p[number]) * r.scale;
  });
}

void categorical_from_probabilities(const LossRows& r) {
  for_rows(r, false, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    const V total = sum_of_parts(r.columns, [&](auto part) HWY_ATTR { return part.load(p); });
    const V sum = sum_of_parts(r.columns, [&](auto part) HWY_ATTR {
      const V y = label(r, part, labels);
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
      return hn::IfThenElseZero(is_inside(hn::Div(part.load(p), total)), label(r, part, labels));
    });
    const V common = hn::Div(pulling, total);
    for_parts(r.columns, [&](auto part) HWY_ATTR {
      const V x = part.load(p);
      const V own =
          hn::IfThenElseZero(is_inside(hn::Div(x, total)), hn::Div(label(r, part, labels), x));
      part.store(hn::Mul(hn::Sub(common, own), scale), out);
    });
  });
}

LossFunctions choose_crossentropy(const graph::LossFormula& formula) {
  if (formula.function == LossFunction::kCategoricalCrossentropy) {
    if (formula.from_logits)
      return {&cross_entropy_from_logits<false, false>, &cross_entropy_from_logits_backward<false>};
    return {&categorical_from_probabilities, &categorical_from_probabilities_backward};
  }
  if (formula.function == LossFunction::kSparseCategoricalCrossentropy) {
    if (formula.from_logits)
      return {&cross_entropy_from_logits<true, false>, &cross_entropy_from_logits_backward<true>};
    return {&sparse_from_probabilities, &sparse_from_probabilities_backward};
  }
  return {nullptr, nullptr};
}

LossFunctions choose_softmax_loss(const graph::LossFormula& formula) {
  if (formula.function == LossFunction::kSparseCategoricalCrossentropy)
    return {&cross_entropy_from_logits<true, true>, &softmax_cross_entropy_backward_rows<true>};
  return {&cross_entropy_from_logits<false, true>, &softmax_cross_entropy_backward_rows<false>};
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace pronghorn::kernels::simd {

HWY_EXPORT(choose_crossentropy);
HWY_EXPORT(choose_softmax_loss);

LossFunctions crossentropy_loss(const graph::LossFormula& formula) {
  return HWY_DYNAMIC_DISPATCH(choose_crossentropy)(formula);
}
LossFunctions softmax_cross_entropy_loss(const graph::LossFormula& formula) {
  return HWY_DYNAMIC_DISPATCH(choose_softmax_loss)(formula);
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
