#pragma once

#include <string_view>
#include <vector>

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// Losses per row: y_pred (N, ..., C) and y_true -> losses (N, ...), with Keras 3's formulas
// (keras/src/losses/losses.py). y_true has y_pred's shape, but for the sparse loss it holds class
// numbers as floats and has shape (N, ...) or (N, ..., 1).
//
//   loss                           y_pred, y_true        -> losses
//   loss_backward                  y_pred, y_true        -> diff_y_pred
//   softmax_cross_entropy          logits, y_true        -> losses, probabilities
//   softmax_cross_entropy_backward probabilities, y_true -> diff_logits
//
// The attribute `function` is one of
//   categorical_crossentropy         -sum y log p, p divided by its sum and clipped to
//                                    [1e-7, 1 - 1e-7]; from_logits: p = softmax(y_pred), no clip
//   sparse_categorical_crossentropy  the same with y one at the class, else zero
//   binary_crossentropy              mean of -(y log p + (1 - y) log(1 - p)), p clipped likewise;
//                                    from_logits: p = sigmoid(y_pred), no clip
//   mean_squared_error               mean of (y_pred - y)^2
//   mean_absolute_error              mean of |y_pred - y|
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
  kBinaryCrossentropy,
  kMeanSquaredError,
  kMeanAbsoluteError,
};
LossFunction loss_function(const Op& op);
std::string_view to_string(LossFunction function);
bool from_logits(const Op& op);

// The clip of probabilities before their logarithm is taken (keras.config.epsilon()).
inline constexpr double kProbabilityEpsilon = 1e-7;

// `from_logits` holds for the three crossentropies only.
ValueId loss(Builder& builder, ValueId y_pred, ValueId y_true, LossFunction function,
             bool from_logits);

}  // namespace pronghorn::graph
