// The losses that are a function of the whole row, the crossentropies left out.
#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/row_loss.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/loss-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

// Sums over a row of term(p, y), in double between pieces: a row of dice may be a whole batch of
// masks.
template <class Term>
HWY_INLINE double sum_of_row(const LossRows& r, const float* p, const float* labels, Term term) {
  constexpr size_t kPiece = 4096;
  double sum = 0;
  for (size_t at = 0; at < r.columns; at += kPiece) {
    const V piece = sum_of_parts(std::min(kPiece, r.columns - at), [&](auto part) HWY_ATTR {
      return term(part.load(p + at), label(r, part, labels + at));
    });
    sum += static_cast<double>(hn::GetLane(piece));
  }
  return sum;
}

// out = slope(p, y) scale.
template <class Slope>
HWY_INLINE void store_slopes(const LossRows& r, const float* p, const float* labels, float* out,
                             Slope slope) {
  const V scale = set(r.scale);
  for_parts(r.columns, [&](auto part) HWY_ATTR {
    part.store(hn::Mul(slope(part.load(p), label(r, part, labels)), scale), out);
  });
}

HWY_INLINE V product(V a, V b) { return hn::Mul(a, b); }

// ---- kl_divergence ----

void kl_divergence(const LossRows& r) {
  for_rows(r, false, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    r.losses[row] = static_cast<float>(sum_of_row(r, p, labels, [](V x, V y) HWY_ATTR {
      const V within = clip(y, kLowest, 1.0f);
      return hn::Mul(within, log(hn::Div(within, clip(x, kLowest, 1.0f))));
    }));
  });
}
void kl_divergence_backward(const LossRows& r) {
  for_rows(r, false, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    store_slopes(r, p, labels, out_row(r, row), [](V x, V y) HWY_ATTR {
      const V slope = hn::Neg(hn::Div(clip(y, kLowest, 1.0f), x));
      return hn::IfThenElseZero(is_inside(x, kLowest, 1.0f), slope);
    });
  });
}

// ---- cosine_similarity ----

struct Cosine {
  float p_scale, y_scale;  // one over the lengths
  float similarity;
  bool p_is_long;  // not clipped: then it has a direction only

  HWY_INLINE Cosine(const LossRows& r, const float* p, const float* labels) {
    constexpr float kMost = 1 / kLowest;
    const double p_square = sum_of_row(r, p, labels, [](V x, V) HWY_ATTR { return hn::Mul(x, x); });
    const double y_square = sum_of_row(r, p, labels, [](V, V y) HWY_ATTR { return hn::Mul(y, y); });
    p_scale = static_cast<float>(1 / std::sqrt(p_square));
    p_is_long = !(p_scale >= kMost);
    p_scale = std::min(p_scale, kMost);
    y_scale = std::min(static_cast<float>(1 / std::sqrt(y_square)), kMost);
    const double both = sum_of_row(r, p, labels, [](V x, V y) HWY_ATTR { return product(x, y); });
    similarity =
        static_cast<float>(both * static_cast<double>(p_scale) * static_cast<double>(y_scale));
  }
};
void cosine_similarity(const LossRows& r) {
  for_rows(r, false, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    r.losses[row] = -Cosine(r, p, labels).similarity;
  });
}
void cosine_similarity_backward(const LossRows& r) {
  for_rows(r, false, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    const Cosine cosine(r, p, labels);
    const float along = cosine.p_is_long ? cosine.similarity * cosine.p_scale : 0.0f;
    const V of_p = set(along * cosine.p_scale), of_y = set(cosine.y_scale * cosine.p_scale);
    store_slopes(r, p, labels, out_row(r, row),
                 [&](V x, V y) HWY_ATTR { return hn::MulSub(of_p, x, hn::Mul(of_y, y)); });
  });
}

// ---- dice and tversky: both / (all), each a sum over the row ----

struct Overlap {
  double both, all;
  // The slope of `all` by a prediction is slope_of_y y + slope_constant.
  float slope_of_y, slope_constant;
};
HWY_INLINE Overlap dice_overlap(const LossRows& r, const float* p, const float* labels) {
  const double both = sum_of_row(r, p, labels, [](V x, V y) HWY_ATTR { return product(x, y); });
  const double all = sum_of_row(r, p, labels, [](V x, V y) HWY_ATTR { return hn::Add(x, y); });
  return {2 * both, all + static_cast<double>(kLowest), 0, 1};
}
HWY_INLINE Overlap tversky_overlap(const LossRows& r, const float* p, const float* labels) {
  const double alpha = r.formula->alpha, beta = r.formula->beta;
  const double both = sum_of_row(r, p, labels, [](V x, V y) HWY_ATTR { return product(x, y); });
  const double labels_only =
      sum_of_row(r, p, labels, [](V x, V y) HWY_ATTR { return hn::Mul(y, hn::Sub(set(1.0f), x)); });
  const double p_only =
      sum_of_row(r, p, labels, [](V x, V y) HWY_ATTR { return hn::Mul(x, hn::Sub(set(1.0f), y)); });
  return {both, both + alpha * labels_only + beta * p_only + static_cast<double>(kLowest),
          static_cast<float>(1 - alpha - beta), static_cast<float>(beta)};
}

template <class Find>
HWY_INLINE void overlap_loss(const LossRows& r, Find find) {
  for_rows(r, false, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    const Overlap overlap = find(r, p, labels);
    r.losses[row] = static_cast<float>(1 - overlap.both / overlap.all);
  });
}
// The slope of `both` is `both_slope` y.
template <class Find>
HWY_INLINE void overlap_loss_backward(const LossRows& r, float both_slope, Find find) {
  for_rows(r, false, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    const Overlap overlap = find(r, p, labels);
    const float share = static_cast<float>(overlap.both / overlap.all);
    const float inverse = static_cast<float>(1 / overlap.all);
    const V of_y = set((share * overlap.slope_of_y - both_slope) * inverse);
    const V constant = set(share * overlap.slope_constant * inverse);
    store_slopes(r, p, labels, out_row(r, row),
                 [&](V, V y) HWY_ATTR { return hn::MulAdd(of_y, y, constant); });
  });
}
void dice(const LossRows& r) { overlap_loss(r, &dice_overlap); }
void dice_backward(const LossRows& r) { overlap_loss_backward(r, 2.0f, &dice_overlap); }
void tversky(const LossRows& r) { overlap_loss(r, &tversky_overlap); }
void tversky_backward(const LossRows& r) { overlap_loss_backward(r, 1.0f, &tversky_overlap); }

// ---- categorical_hinge ----

HWY_INLINE V wrong(V p, V y) { return hn::Mul(hn::Sub(set(1.0f), y), p); }

struct Margin {
  V most;  // the largest wrong prediction
  float margin;

  HWY_INLINE Margin(const LossRows& r, const float* p, const float* labels) {
    const V lowest = set(-std::numeric_limits<float>::infinity());
    V largest = lowest;
    for_parts(r.columns, [&](auto part) HWY_ATTR {
      const V value = wrong(part.load(p), label(r, part, labels));
      largest = hn::Max(part.or_else(value, lowest), largest);
    });
    most = hn::MaxOfLanes(D(), largest);
    const double right = sum_of_row(r, p, labels, [](V x, V y) HWY_ATTR { return product(x, y); });
    margin = static_cast<float>(static_cast<double>(hn::GetLane(most)) - right + 1);
  }
};
void categorical_hinge(const LossRows& r) {
  for_rows(r, false, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    const float margin = Margin(r, p, labels).margin;
    r.losses[row] = margin < 0 ? 0 : margin;
  });
}
void categorical_hinge_backward(const LossRows& r) {
  for_rows(r, false, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    const Margin m(r, p, labels);
    // Classes that share the largest wrong prediction share its gradient.
    const double count = sum_of_row(r, p, labels, [&](V x, V y) HWY_ATTR {
      return hn::IfThenElseZero(hn::Eq(wrong(x, y), m.most), set(1.0f));
    });
    const V share = set(static_cast<float>(1 / count));
    const V reach = set(m.margin > 0 ? 1.0f : m.margin < 0 ? 0.0f : 0.5f);
    store_slopes(r, p, labels, out_row(r, row), [&](V x, V y) HWY_ATTR {
      const V of_most =
          hn::IfThenElseZero(hn::Eq(wrong(x, y), m.most), hn::Mul(hn::Sub(set(1.0f), y), share));
      return hn::Mul(reach, hn::Sub(of_most, y));
    });
  });
}

// ---- categorical_focal_crossentropy ----

// The probabilities of a row: p divided by its sum, or softmax(p).
template <bool kFromLogits>
struct Probabilities {
  V max = hn::Zero(D());
  V sum;

  HWY_INLINE Probabilities(const LossRows& r, const float* p) {
    if constexpr (kFromLogits) {
      max = max_of_row(p, r.columns);
      sum = sum_of_parts(r.columns,
                         [&](auto part) HWY_ATTR { return exp(D(), hn::Sub(part.load(p), max)); });
    } else {
      sum = sum_of_parts(r.columns, [&](auto part) HWY_ATTR { return part.load(p); });
    }
  }
  HWY_INLINE V of(V p) const {
    if constexpr (kFromLogits) return hn::Div(exp(D(), hn::Sub(p, max)), sum);
    return hn::Div(p, sum);
  }
};

template <bool kFromLogits>
void categorical_focal(const LossRows& r) {
  const float gamma = static_cast<float>(r.formula->gamma);
  const float alpha = static_cast<float>(r.formula->alpha);
  for_rows(r, false, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    const Probabilities<kFromLogits> probabilities(r, p);
    const double sum = sum_of_row(r, p, labels, [&](V x, V y) HWY_ATTR {
      const V q = clip(probabilities.of(x));
      return hn::Mul(hn::Mul(power(hn::Sub(set(1.0f), q), gamma), y), log(q));
    });
    r.losses[row] = -alpha * static_cast<float>(sum);
  });
}
template <bool kFromLogits>
void categorical_focal_backward(const LossRows& r) {
  const float gamma = static_cast<float>(r.formula->gamma);
  const float alpha = static_cast<float>(r.formula->alpha);
  for_rows(r, false, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    const Probabilities<kFromLogits> probabilities(r, p);
    const auto slope = [&](V q, V y) HWY_ATTR {
      const V rest = hn::Sub(set(1.0f), q);
      V slope_of_q = hn::Neg(hn::Div(power(rest, gamma), q));
      if (gamma != 0)
        slope_of_q = hn::MulAdd(hn::Mul(set(gamma), power(rest, gamma - 1)), log(q), slope_of_q);
      return hn::IfThenElseZero(is_inside(q), hn::Mul(hn::Mul(set(alpha), y), slope_of_q));
    };
    const V common = set(static_cast<float>(sum_of_row(r, p, labels, [&](V x, V y) HWY_ATTR {
      const V q = probabilities.of(x);
      return hn::Mul(slope(q, y), q);
    })));
    store_slopes(r, p, labels, out_row(r, row), [&](V x, V y) HWY_ATTR {
      const V q = probabilities.of(x);
      const V difference = hn::Sub(slope(q, y), common);
      return kFromLogits ? hn::Mul(difference, q) : hn::Div(difference, probabilities.sum);
    });
  });
}

// ---- categorical_generalized_cross_entropy ----

void generalized_cross_entropy(const LossRows& r) {
  const float q = static_cast<float>(r.formula->q);
  for_rows(r, true, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    const size_t number = class_of(labels[0], r.columns);
    const float own = number < r.columns ? p[number] : std::numeric_limits<float>::quiet_NaN();
    r.losses[row] = (1 - std::pow(own, q)) / q;
  });
}
void generalized_cross_entropy_backward(const LossRows& r) {
  const float q = static_cast<float>(r.formula->q);
  for_rows(r, true, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    float* out = out_row(r, row);
    for_parts(r.columns, [&](auto part) HWY_ATTR { part.store(hn::Zero(D()), out); });
    const size_t number = class_of(labels[0], r.columns);
    if (number < r.columns) out[number] = -std::pow(p[number], q - 1) * r.scale;
  });
}

LossFunctions choose_row_loss(const graph::LossFormula& formula) {
  switch (formula.function) {
    case LossFunction::kKlDivergence:
      return {&kl_divergence, &kl_divergence_backward};
    case LossFunction::kCosineSimilarity:
      return {&cosine_similarity, &cosine_similarity_backward};
    case LossFunction::kDice:
      return {&dice, &dice_backward};
    case LossFunction::kTversky:
      return {&tversky, &tversky_backward};
    case LossFunction::kCategoricalHinge:
      return {&categorical_hinge, &categorical_hinge_backward};
    case LossFunction::kCategoricalFocalCrossentropy:
      if (formula.from_logits) return {&categorical_focal<true>, &categorical_focal_backward<true>};
      return {&categorical_focal<false>, &categorical_focal_backward<false>};
    case LossFunction::kCategoricalGeneralizedCrossEntropy:
      return {&generalized_cross_entropy, &generalized_cross_entropy_backward};
    default:
      return {nullptr, nullptr};
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace pronghorn::kernels::simd {

HWY_EXPORT(choose_row_loss);

LossFunctions row_loss(const graph::LossFormula& formula) {
  return HWY_DYNAMIC_DISPATCH(choose_row_loss)(formula);
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
