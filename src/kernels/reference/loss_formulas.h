#pragma once

// The formulas of graph/ops/loss.h for one row, and their derivatives. Where a maximum's operands
// are equal the derivative is the mean of both sides', as in Keras on JAX.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "graph/ops/loss.h"

namespace pronghorn::kernels::reference {

using graph::LossFormula;
using graph::LossFunction;

// Probabilities before their logarithm is taken; outside of these bounds the gradient is zero, as
// a clip's is.
template <class T>
constexpr T kLowest = static_cast<T>(graph::kProbabilityEpsilon);
template <class T>
constexpr T kHighest = static_cast<T>(1 - graph::kProbabilityEpsilon);

template <class T>
T clip(T p) {
  return std::clamp(p, kLowest<T>, kHighest<T>);
}
template <class T>
bool inside(T p) {
  return p >= kLowest<T> && p <= kHighest<T>;
}
template <class T>
T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}
template <class T>
T sign(T x) {
  return static_cast<T>((x > 0) - (x < 0));
}
// x^exponent, as everywhere x^0 is 1.
template <class T>
T power(T x, double exponent) {
  return std::pow(x, static_cast<T>(exponent));
}

// One row's outputs of the model and its labels: y(c) is the label of class c, one-hot where the
// labels are class numbers, smoothed.
template <class T>
struct Row {
  const T* pred;
  const T* labels;
  int64_t columns;
  bool class_numbers;
  T label_scale = 1, label_offset = 0;

  T y(int64_t c) const {
    if (class_numbers) return static_cast<int64_t>(labels[0]) == c ? 1 : 0;
    return labels[c] * label_scale + label_offset;
  }
  template <class Term>
  T sum(Term term) const {
    T sum = 0;
    for (int64_t c = 0; c < columns; ++c) sum += term(c);
    return sum;
  }
  T sum_of_labels() const {
    return sum([&](int64_t c) { return y(c); });
  }
  T sum_of_pred() const {
    return sum([&](int64_t c) { return pred[c]; });
  }
  // max + log(sum of exp(x - max)): x less this is the logarithm of softmax.
  T log_sum_exp() const {
    const T max = *std::max_element(pred, pred + columns);
    return max + std::log(sum([&](int64_t c) { return std::exp(pred[c] - max); }));
  }
};

// Whether the loss is the mean over the row of a term of each element: pointwise_term().
inline bool is_pointwise(LossFunction function) {
  switch (function) {
    case LossFunction::kBinaryCrossentropy:
    case LossFunction::kBinaryFocalCrossentropy:
    case LossFunction::kMeanSquaredError:
    case LossFunction::kMeanAbsoluteError:
    case LossFunction::kMeanAbsolutePercentageError:
    case LossFunction::kMeanSquaredLogarithmicError:
    case LossFunction::kHuber:
    case LossFunction::kLogCosh:
    case LossFunction::kPoisson:
    case LossFunction::kHinge:
    case LossFunction::kSquaredHinge:
      return true;
    default:
      return false;
  }
}

// A term of a loss, and its derivative by p.
template <class T>
struct Term {
  T value;
  T slope;
};

template <class T>
Term<T> binary_crossentropy(const LossFormula& formula, T x, T y) {
  // From logits: -(y log p + (1 - y) log(1 - p)) with p = sigmoid(x), rewritten so that nothing
  // overflows.
  if (formula.from_logits)
    return {std::max(x, T(0)) - x * y + std::log1p(std::exp(-std::abs(x))), sigmoid(x) - y};
  const T p = clip(x);
  return {-(y * std::log(p) + (1 - y) * std::log(1 - p)),
          inside(x) ? (x - y) / (x * (1 - x)) : T(0)};
}

template <class T>
Term<T> binary_focal_crossentropy(const LossFormula& formula, T x, T y) {
  const T p = formula.from_logits ? sigmoid(x) : x;
  const Term<T> crossentropy = binary_crossentropy<T>({}, p, y);
  const T miss = 1 - (y * p + (1 - y) * (1 - p));
  const T alpha = static_cast<T>(formula.alpha), gamma = static_cast<T>(formula.gamma);
  const T weight = formula.apply_class_balancing ? y * alpha + (1 - y) * (1 - alpha) : T(1);
  const T factor = power(miss, formula.gamma);
  const T factor_slope = gamma == 0 ? T(0) : gamma * power(miss, formula.gamma - 1) * (1 - 2 * y);
  const T slope = weight * (factor_slope * crossentropy.value + factor * crossentropy.slope);
  return {weight * factor * crossentropy.value, formula.from_logits ? slope * p * (1 - p) : slope};
}

template <class T>
Term<T> mean_squared_logarithmic_error(T p, T y) {
  const T least = kLowest<T>;
  const T difference = std::log(std::max(p, least) + 1) - std::log(std::max(y, least) + 1);
  return {difference * difference, p > least ? 2 * difference / (p + 1) : T(0)};
}

template <class T>
Term<T> huber(T delta, T d) {
  if (std::abs(d) <= delta) return {d * d / 2, d};
  return {delta * std::abs(d) - delta * delta / 2, delta * sign(d)};
}

template <class T>
Term<T> pointwise_term(const LossFormula& formula, T p, T y) {
  const T d = p - y;
  switch (formula.function) {
    case LossFunction::kBinaryCrossentropy:
      return binary_crossentropy(formula, p, y);
    case LossFunction::kBinaryFocalCrossentropy:
      return binary_focal_crossentropy(formula, p, y);
    case LossFunction::kMeanSquaredError:
      return {d * d, 2 * d};
    case LossFunction::kMeanAbsoluteError:
      return {std::abs(d), sign(d)};
    case LossFunction::kMeanAbsolutePercentageError: {
      const T scale = 100 / std::max(std::abs(y), kLowest<T>);
      return {std::abs(d) * scale, sign(d) * scale};
    }
    case LossFunction::kMeanSquaredLogarithmicError:
      return mean_squared_logarithmic_error(p, y);
    case LossFunction::kHuber:
      return huber(static_cast<T>(formula.delta), d);
    case LossFunction::kLogCosh:
      return {std::abs(d) + std::log1p(std::exp(-2 * std::abs(d))) - std::log(T(2)), std::tanh(d)};
    case LossFunction::kPoisson:
      return {p - y * std::log(p + kLowest<T>), 1 - y / (p + kLowest<T>)};
    case LossFunction::kHinge: {
      const T margin = 1 - y * p;
      return {std::max(margin, T(0)), margin > 0 ? -y : margin < 0 ? T(0) : -y / 2};
    }
    case LossFunction::kSquaredHinge: {
      const T margin = std::max(1 - y * p, T(0));
      return {margin * margin, -2 * margin * y};
    }
    default:
      return {};
  }
}

// ---- the losses that are a function of the whole row: its value, and the slope into `diff`, which
// may be null ----

template <class T>
T categorical_crossentropy_from_logits(const Row<T>& row, T* diff) {
  const T log_sum_exp = row.log_sum_exp();
  if (diff != nullptr) {
    const T labels = row.sum_of_labels();
    for (int64_t c = 0; c < row.columns; ++c)
      diff[c] = std::exp(row.pred[c] - log_sum_exp) * labels - row.y(c);
  }
  return row.sum([&](int64_t c) {
    // A label of zero counts for nothing even where x is minus infinity.
    return row.y(c) != 0 ? -row.y(c) * (row.pred[c] - log_sum_exp) : T(0);
  });
}

// -sum of y log(x / total): each label pulls at its own x, and all labels, through the total, at
// every x. A label whose probability is clipped pulls at none.
template <class T>
T categorical_crossentropy(const Row<T>& row, T* diff) {
  const T total = row.sum_of_pred();
  if (diff != nullptr) {
    const T labels_inside =
        row.sum([&](int64_t c) { return inside(row.pred[c] / total) ? row.y(c) : T(0); });
    for (int64_t c = 0; c < row.columns; ++c) {
      const T own = inside(row.pred[c] / total) ? row.y(c) / row.pred[c] : T(0);
      diff[c] = labels_inside / total - own;
    }
  }
  return row.sum([&](int64_t c) {
    return row.y(c) != 0 ? -row.y(c) * std::log(clip(row.pred[c] / total)) : T(0);
  });
}

template <class T>
T categorical_focal_crossentropy(const LossFormula& formula, const Row<T>& row, T* diff) {
  const T log_sum_exp = formula.from_logits ? row.log_sum_exp() : T(0);
  const T total = formula.from_logits ? T(1) : row.sum_of_pred();
  const auto probability = [&](int64_t c) {
    return formula.from_logits ? std::exp(row.pred[c] - log_sum_exp) : row.pred[c] / total;
  };
  const T alpha = static_cast<T>(formula.alpha), gamma = static_cast<T>(formula.gamma);
  if (diff != nullptr) {
    // By the probability, whose own derivative then takes off what all pull at together.
    const auto slope = [&](int64_t c) {
      const T q = probability(c);
      if (!inside(q)) return T(0);
      const T rest = gamma == 0 ? T(0) : gamma * power(1 - q, formula.gamma - 1) * std::log(q);
      return alpha * row.y(c) * (rest - power(1 - q, formula.gamma) / q);
    };
    const T common = row.sum([&](int64_t c) { return slope(c) * probability(c); });
    for (int64_t c = 0; c < row.columns; ++c)
      diff[c] = (slope(c) - common) * (formula.from_logits ? probability(c) : 1 / total);
  }
  return row.sum([&](int64_t c) {
    const T q = clip(probability(c));
    return -alpha * power(1 - q, formula.gamma) * row.y(c) * std::log(q);
  });
}

template <class T>
T categorical_generalized_cross_entropy(const LossFormula& formula, const Row<T>& row, T* diff) {
  const T p = row.sum([&](int64_t c) { return row.y(c) * row.pred[c]; });
  if (diff != nullptr)
    for (int64_t c = 0; c < row.columns; ++c)
      diff[c] = row.y(c) != 0 ? -power(p, formula.q - 1) : T(0);
  return (1 - power(p, formula.q)) / static_cast<T>(formula.q);
}

// Classes that share the largest wrong prediction share its gradient.
template <class T>
T categorical_hinge(const Row<T>& row, T* diff) {
  const T right = row.sum([&](int64_t c) { return row.y(c) * row.pred[c]; });
  const auto wrong = [&](int64_t c) { return (1 - row.y(c)) * row.pred[c]; };
  T most = wrong(0);
  for (int64_t c = 1; c < row.columns; ++c) most = std::max(most, wrong(c));
  const T margin = most - right + 1;
  if (diff != nullptr) {
    const T count = row.sum([&](int64_t c) { return static_cast<T>(wrong(c) == most); });
    const T reach = margin > 0 ? T(1) : margin < 0 ? T(0) : T(0.5);
    for (int64_t c = 0; c < row.columns; ++c)
      diff[c] = reach * ((wrong(c) == most ? (1 - row.y(c)) / count : T(0)) - row.y(c));
  }
  return std::max(margin, T(0));
}

template <class T>
T kl_divergence(const Row<T>& row, T* diff) {
  const auto within = [](T p) { return std::clamp(p, kLowest<T>, T(1)); };
  if (diff != nullptr)
    for (int64_t c = 0; c < row.columns; ++c) {
      const T p = row.pred[c];
      diff[c] = p >= kLowest<T> && p <= 1 ? -within(row.y(c)) / p : T(0);
    }
  return row.sum([&](int64_t c) {
    const T y = within(row.y(c));
    return y * std::log(y / within(row.pred[c]));
  });
}

template <class T>
T cosine_similarity(const Row<T>& row, T* diff) {
  const T most = 1 / kLowest<T>;
  const T pred_scale = 1 / std::sqrt(row.sum([&](int64_t c) { return row.pred[c] * row.pred[c]; }));
  const T label_scale = 1 / std::sqrt(row.sum([&](int64_t c) { return row.y(c) * row.y(c); }));
  const T p_scale = std::min(pred_scale, most), y_scale = std::min(label_scale, most);
  const T similarity =
      row.sum([&](int64_t c) { return row.y(c) * y_scale * row.pred[c] * p_scale; });
  if (diff != nullptr) {
    // Beyond the clip of its length a prediction is only scaled.
    const T along = pred_scale < most ? similarity : T(0);
    for (int64_t c = 0; c < row.columns; ++c)
      diff[c] = (along * row.pred[c] * p_scale - row.y(c) * y_scale) * p_scale;
  }
  return -similarity;
}

template <class T>
T dice(const Row<T>& row, T* diff) {
  const T both = row.sum([&](int64_t c) { return row.y(c) * row.pred[c]; });
  const T all = row.sum_of_labels() + row.sum_of_pred() + kLowest<T>;
  if (diff != nullptr)
    for (int64_t c = 0; c < row.columns; ++c) diff[c] = 2 * (both / all - row.y(c)) / all;
  return 1 - 2 * both / all;
}

template <class T>
T tversky(const LossFormula& formula, const Row<T>& row, T* diff) {
  const T alpha = static_cast<T>(formula.alpha), beta = static_cast<T>(formula.beta);
  const T both = row.sum([&](int64_t c) { return row.y(c) * row.pred[c]; });
  const T labels_only = row.sum([&](int64_t c) { return row.y(c) * (1 - row.pred[c]); });
  const T pred_only = row.sum([&](int64_t c) { return row.pred[c] * (1 - row.y(c)); });
  const T all = both + alpha * labels_only + beta * pred_only + kLowest<T>;
  if (diff != nullptr)
    for (int64_t c = 0; c < row.columns; ++c) {
      const T y = row.y(c);
      const T all_slope = y - alpha * y + beta * (1 - y);
      diff[c] = (both / all * all_slope - y) / all;
    }
  return 1 - both / all;
}

// The loss of a row; its derivative by each prediction into `diff` unless that is null.
template <class T>
T row_loss(const LossFormula& formula, const Row<T>& row, T* diff) {
  if (is_pointwise(formula.function)) {
    const T count = static_cast<T>(row.columns);
    if (diff != nullptr)
      for (int64_t c = 0; c < row.columns; ++c)
        diff[c] = pointwise_term(formula, row.pred[c], row.y(c)).slope / count;
    return row.sum([&](int64_t c) {
      return pointwise_term(formula, row.pred[c], row.y(c)).value;
    }) / count;
  }
  switch (formula.function) {
    case LossFunction::kCategoricalCrossentropy:
    case LossFunction::kSparseCategoricalCrossentropy:
      return formula.from_logits ? categorical_crossentropy_from_logits(row, diff)
                                 : categorical_crossentropy(row, diff);
    case LossFunction::kCategoricalFocalCrossentropy:
      return categorical_focal_crossentropy(formula, row, diff);
    case LossFunction::kCategoricalGeneralizedCrossEntropy:
      return categorical_generalized_cross_entropy(formula, row, diff);
    case LossFunction::kCategoricalHinge:
      return categorical_hinge(row, diff);
    case LossFunction::kKlDivergence:
      return kl_divergence(row, diff);
    case LossFunction::kCosineSimilarity:
      return cosine_similarity(row, diff);
    case LossFunction::kDice:
      return dice(row, diff);
    case LossFunction::kTversky:
      return tversky(formula, row, diff);
    default:
      return 0;
  }
}

}  // namespace pronghorn::kernels::reference
