#pragma once

#include <string_view>
#include <vector>

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// Losses per row: y_pred (N, ..., C) and y_true -> losses (N, ...), with Keras 3's formulas
// (keras/src/losses/losses.py, 3.15). y_true has y_pred's shape; for the functions that take class
// numbers it holds them as floats and has shape (N, ...) or (N, ..., 1). A third input, where there
// is one, is the weight of each row (the losses' shape), which its loss is multiplied by.
//
//   loss                           y_pred, y_true[, weights]        -> losses
//   loss_backward                  y_pred, y_true[, weights]        -> diff_y_pred
//   softmax_cross_entropy          logits, y_true[, weights]        -> losses, probabilities
//   softmax_cross_entropy_backward probabilities, y_true[, weights] -> diff_logits
//
// The attribute `function` is one of the names below; p is a prediction, y its label, d = p - y.
// Probabilities are clipped to [1e-7, 1 - 1e-7] (keras.config.epsilon()) before their logarithm is
// taken, at whose edges the gradient ends.
//
//   categorical_crossentropy         -sum y log p, p divided by its sum and clipped;
//                                    from_logits: p = softmax(y_pred), no clip
//   sparse_categorical_crossentropy  the same with y one at the class, else zero
//   categorical_focal_crossentropy   sum of -alpha (1 - p)^gamma y log p, p divided by its sum
//   (from
//                                    logits: softmax) and clipped
//   categorical_generalized_cross_entropy  (1 - p^q) / q, p that of the class
//   binary_crossentropy              mean of -(y log p + (1 - y) log(1 - p)), p clipped;
//                                    from_logits: p = sigmoid(y_pred), no clip
//   binary_focal_crossentropy        that, each times (1 - t)^gamma, t = y p + (1 - y)(1 - p), and,
//                                    balanced, times y alpha + (1 - y)(1 - alpha)
//   mean_squared_error               mean of d^2
//   mean_absolute_error              mean of |d|
//   mean_absolute_percentage_error   100 mean of |d| / max(|y|, 1e-7)
//   mean_squared_logarithmic_error   mean of (log(1 + p) - log(1 + y))^2, both at least 1e-7
//   huber                            mean of d^2 / 2 where |d| <= delta, else delta |d| - delta^2 /
//   2 log_cosh                         mean of log cosh d poisson                          mean of
//   p - y log(p + 1e-7) hinge, squared_hinge             mean of max(1 - y p, 0), of its square; y
//   is -1 or 1 categorical_hinge                max(1 + max of (1 - y) p - sum y p, 0)
//   kl_divergence                    sum y log(y / p), both clipped to [1e-7, 1]
//   cosine_similarity                -sum y p of both divided by their lengths (at least 1e-7)
//   dice                             1 - 2 sum y p / (sum y + sum p + 1e-7)
//   tversky                          1 - t / (t + alpha f + beta m + 1e-7), t = sum y p,
//                                    f = sum (1 - p) y, m = sum p (1 - y)
//
// label_smoothing s takes y (1 - s) + s / C for y (binary: s / 2).
// A row lies along the last axis; that of dice and tversky, along all axes but the first
// `row_axes`: 0 makes the whole batch one row.
//
// softmax_cross_entropy is one of the first two with from_logits, in a form that keeps the
// probabilities; its gradient is p sum(y) - y.
//
// Differentiation starts at a loss: the gradient of a loss op is that of its mean over all rows
// times the attribute `weight`.
const OpKind& loss_kind();
const OpKind& loss_backward_kind();
const OpKind& softmax_cross_entropy_kind();
const OpKind& softmax_cross_entropy_backward_kind();

enum class LossFunction : uint8_t {
  kCategoricalCrossentropy,
  kSparseCategoricalCrossentropy,
  kCategoricalFocalCrossentropy,
  kCategoricalGeneralizedCrossEntropy,
  kBinaryCrossentropy,
  kBinaryFocalCrossentropy,
  kMeanSquaredError,
  kMeanAbsoluteError,
  kMeanAbsolutePercentageError,
  kMeanSquaredLogarithmicError,
  kHuber,
  kLogCosh,
  kPoisson,
  kHinge,
  kSquaredHinge,
  kCategoricalHinge,
  kKlDivergence,
  kCosineSimilarity,
  kDice,
  kTversky,
};
inline constexpr int kLossFunctions = static_cast<int>(LossFunction::kTversky) + 1;

LossFunction loss_function(const Op& op);
std::string_view to_string(LossFunction function);
bool from_logits(const Op& op);

// Of a function whose labels are class numbers.
bool takes_class_numbers(LossFunction function);
// Of one that can take logits: the crossentropies, the generalized one left out.
bool can_take_logits(LossFunction function);
// Of one that label smoothing is defined for.
bool can_smooth_labels(LossFunction function);
// dice and tversky: what they compare are areas.
bool has_row_axes(LossFunction function);

// A function with its arguments, of which each uses its own.
struct LossFormula {
  LossFunction function = LossFunction::kCategoricalCrossentropy;
  bool from_logits = false;
  double label_smoothing = 0;
  double alpha = 0;
  double beta = 0;
  double gamma = 0;
  double delta = 1;
  double q = 0.5;
  bool apply_class_balancing = false;
  // Of dice and tversky.
  int64_t row_axes = 0;
};
LossFormula loss_formula(const Op& op);

// How an op of the four kinds cuts y_pred into rows.
struct LossRowCount {
  int64_t rows;
  int64_t columns;
};
LossRowCount loss_rows(const Graph& graph, const Op& op);
// The shape of a loss's rows, and of the labels where it takes class numbers.
Shape loss_shape(const LossFormula& formula, const Shape& y_pred);
Shape label_shape(const LossFormula& formula, const Shape& y_pred);

// The clip of probabilities before their logarithm is taken (keras.config.epsilon()).
inline constexpr double kProbabilityEpsilon = 1e-7;

// `weights` may be kNoValue; `weight` is that of the mean over the rows in what is differentiated.
ValueId loss(Builder& builder, ValueId y_pred, ValueId y_true, const LossFormula& formula,
             ValueId weights = kNoValue, double weight = 1);
// `from_logits` holds for the crossentropies only.
ValueId loss(Builder& builder, ValueId y_pred, ValueId y_true, LossFunction function,
             bool from_logits);

}  // namespace pronghorn::graph
