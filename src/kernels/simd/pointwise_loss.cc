// The losses that are a mean over the row of a term of each element. Each is a struct of the term
// and its slope, in p.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/pointwise_loss.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/loss-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

using Formula = graph::LossFormula;

struct BinaryFromProbabilities {
  static V value(const Formula&, V x, V y) {
    const V one = set(1.0f);
    const V p = clip(x);
    return hn::Neg(hn::MulAdd(y, log(p), hn::Mul(hn::Sub(one, y), log(hn::Sub(one, p)))));
  }
  static V slope(const Formula&, V p, V y) {
    const V slope = hn::Div(hn::Sub(p, y), hn::Mul(p, hn::Sub(set(1.0f), p)));
    return hn::IfThenElseZero(is_inside(p), slope);
  }
};

// max(x, 0) - x y + log(1 + exp(-|x|)), in which nothing overflows.
struct BinaryFromLogits {
  static V value(const Formula&, V x, V y) { return hn::NegMulAdd(x, y, softplus(D(), x)); }
  static V slope(const Formula&, V x, V y) { return hn::Sub(sigmoid(D(), x), y); }
};

struct BinaryFocal {
  // 1 - t, t the probability of the label.
  static V miss(V p, V y) {
    const V one = set(1.0f);
    return hn::Sub(one, hn::MulAdd(y, p, hn::Mul(hn::Sub(one, y), hn::Sub(one, p))));
  }
  static V weight(const Formula& formula, V y) {
    if (!formula.apply_class_balancing) return set(1.0f);
    const float alpha = static_cast<float>(formula.alpha);
    return hn::MulAdd(y, set(2 * alpha - 1), set(1 - alpha));
  }
  static V of_probability(const Formula& formula, V p, V y) {
    const V factor = power(miss(p, y), static_cast<float>(formula.gamma));
    return hn::Mul(hn::Mul(weight(formula, y), factor),
                   BinaryFromProbabilities::value(formula, p, y));
  }
  static V slope_of_probability(const Formula& formula, V p, V y) {
    const float gamma = static_cast<float>(formula.gamma);
    const V m = miss(p, y);
    V slope = hn::Mul(power(m, gamma), BinaryFromProbabilities::slope(formula, p, y));
    if (gamma != 0) {
      const V factor_slope =
          hn::Mul(hn::Mul(set(gamma), power(m, gamma - 1)), hn::NegMulAdd(set(2.0f), y, set(1.0f)));
      slope = hn::MulAdd(factor_slope, BinaryFromProbabilities::value(formula, p, y), slope);
    }
    return hn::Mul(weight(formula, y), slope);
  }
  static V value(const Formula& formula, V x, V y) {
    return of_probability(formula, formula.from_logits ? sigmoid(D(), x) : x, y);
  }
  static V slope(const Formula& formula, V x, V y) {
    if (!formula.from_logits) return slope_of_probability(formula, x, y);
    const V p = sigmoid(D(), x);
    return hn::Mul(slope_of_probability(formula, p, y), hn::Mul(p, hn::Sub(set(1.0f), p)));
  }
};

struct MeanSquaredError {
  static V value(const Formula&, V p, V y) {
    const V difference = hn::Sub(p, y);
    return hn::Mul(difference, difference);
  }
  static V slope(const Formula&, V p, V y) {
    const V difference = hn::Sub(p, y);
    return hn::Add(difference, difference);
  }
};

struct MeanAbsoluteError {
  static V value(const Formula&, V p, V y) { return hn::Abs(hn::Sub(p, y)); }
  static V slope(const Formula&, V p, V y) { return sign(hn::Sub(p, y)); }
};

struct MeanAbsolutePercentageError {
  static V scale(V y) { return hn::Div(set(100.0f), hn::Max(hn::Abs(y), set(kLowest))); }
  static V value(const Formula&, V p, V y) { return hn::Mul(hn::Abs(hn::Sub(p, y)), scale(y)); }
  static V slope(const Formula&, V p, V y) { return hn::Mul(sign(hn::Sub(p, y)), scale(y)); }
};

struct MeanSquaredLogarithmicError {
  // log(max(x, 1e-7) + 1)
  static V logarithm(V x) {
    const V least = hn::IfThenElse(hn::IsNaN(x), x, hn::Max(x, set(kLowest)));
    return log(hn::Add(least, set(1.0f)));
  }
  static V value(const Formula&, V p, V y) {
    const V difference = hn::Sub(logarithm(p), logarithm(y));
    return hn::Mul(difference, difference);
  }
  static V slope(const Formula&, V p, V y) {
    const V difference = hn::Sub(logarithm(p), logarithm(y));
    const V slope = hn::Div(hn::Add(difference, difference), hn::Add(p, set(1.0f)));
    return hn::IfThenElseZero(hn::Gt(p, set(kLowest)), slope);
  }
};

struct Huber {
  static V value(const Formula& formula, V p, V y) {
    const V delta = set(static_cast<float>(formula.delta));
    const V d = hn::Abs(hn::Sub(p, y));
    // With c the smaller of both, c (d - c / 2) is d^2 / 2 or delta d - delta^2 / 2.
    const V least = hn::IfThenElse(hn::Gt(d, delta), delta, d);
    return hn::Mul(least, hn::NegMulAdd(set(0.5f), least, d));
  }
  static V slope(const Formula& formula, V p, V y) {
    const V delta = set(static_cast<float>(formula.delta));
    const V d = hn::Sub(p, y);
    return hn::IfThenElse(hn::Gt(hn::Abs(d), delta), hn::Mul(delta, sign(d)), d);
  }
};

struct LogCosh {
  static V value(const Formula&, V p, V y) {
    const V d = hn::Abs(hn::Sub(p, y));
    const V rest = hn::Log1p(D(), exp(D(), hn::Mul(set(-2.0f), d)));
    return hn::Add(d, hn::Sub(rest, set(0.6931471806f)));
  }
  static V slope(const Formula&, V p, V y) { return hn::Tanh(D(), hn::Sub(p, y)); }
};

struct Poisson {
  static V value(const Formula&, V p, V y) {
    return hn::NegMulAdd(y, log(hn::Add(p, set(kLowest))), p);
  }
  static V slope(const Formula&, V p, V y) {
    return hn::Sub(set(1.0f), hn::Div(y, hn::Add(p, set(kLowest))));
  }
};

struct Hinge {
  static V margin(V p, V y) { return hn::NegMulAdd(y, p, set(1.0f)); }
  static V value(const Formula&, V p, V y) { return relu(D(), margin(p, y)); }
  static V slope(const Formula&, V p, V y) {
    const V m = margin(p, y);
    const V at_zero = hn::IfThenElse(hn::Eq(m, hn::Zero(D())), set(-0.5f), set(-1.0f));
    return hn::IfThenZeroElse(hn::Lt(m, hn::Zero(D())), hn::Mul(at_zero, y));
  }
};

struct SquaredHinge {
  static V value(const Formula& formula, V p, V y) {
    const V m = Hinge::value(formula, p, y);
    return hn::Mul(m, m);
  }
  static V slope(const Formula& formula, V p, V y) {
    return hn::Mul(hn::Mul(set(-2.0f), Hinge::value(formula, p, y)), y);
  }
};

template <class Terms>
void mean_of_terms(const LossRows& r) {
  const float columns = static_cast<float>(r.columns);
  for_rows(r, false, [&](const float* p, const float* labels, int64_t row) HWY_ATTR {
    const V sum = sum_of_parts(r.columns, [&](auto part) HWY_ATTR {
      return Terms::value(*r.formula, part.load(p), label(r, part, labels));
    });
    r.losses[row] = hn::GetLane(sum) / columns;
  });
}

template <class Terms>
void slopes_of_terms(const LossRows& r) {
  const V scale = set(r.scale / static_cast<float>(r.columns));
  const V label_scale = set(r.label_scale), label_offset = set(r.label_offset);
  map(r.y_pred, r.y_true, r.out, static_cast<size_t>(r.rows) * r.columns, [&](V p, V y) HWY_ATTR {
    return hn::Mul(Terms::slope(*r.formula, p, hn::MulAdd(y, label_scale, label_offset)), scale);
  });
}

template <class Terms>
LossFunctions functions_of() {
  return {&mean_of_terms<Terms>, &slopes_of_terms<Terms>};
}

LossFunctions choose_pointwise(const Formula& formula) {
  switch (formula.function) {
    case LossFunction::kBinaryCrossentropy:
      return formula.from_logits ? functions_of<BinaryFromLogits>()
                                 : functions_of<BinaryFromProbabilities>();
    case LossFunction::kBinaryFocalCrossentropy:
      return functions_of<BinaryFocal>();
    case LossFunction::kMeanSquaredError:
      return functions_of<MeanSquaredError>();
    case LossFunction::kMeanAbsoluteError:
      return functions_of<MeanAbsoluteError>();
    case LossFunction::kMeanAbsolutePercentageError:
      return functions_of<MeanAbsolutePercentageError>();
    case LossFunction::kMeanSquaredLogarithmicError:
      return functions_of<MeanSquaredLogarithmicError>();
    case LossFunction::kHuber:
      return functions_of<Huber>();
    case LossFunction::kLogCosh:
      return functions_of<LogCosh>();
    case LossFunction::kPoisson:
      return functions_of<Poisson>();
    case LossFunction::kHinge:
      return functions_of<Hinge>();
    case LossFunction::kSquaredHinge:
      return functions_of<SquaredHinge>();
    default:
      return {nullptr, nullptr};
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace pronghorn::kernels::simd {

HWY_EXPORT(choose_pointwise);

LossFunctions pointwise_loss(const graph::LossFormula& formula) {
  return HWY_DYNAMIC_DISPATCH(choose_pointwise)(formula);
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
