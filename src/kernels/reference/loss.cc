#include "graph/ops/loss.h"

#include <algorithm>
#include <cmath>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

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

// One row's outputs of the model and its labels: y(c) is the label of class c, one-hot where the
// labels are class numbers.
template <class T>
struct Row {
  const T* pred;
  const T* labels;
  int64_t columns;
  bool sparse;

  T y(int64_t c) const {
    if (sparse) return static_cast<int64_t>(labels[0]) == c ? 1 : 0;
    return labels[c];
  }
  T sum_of_labels() const {
    T sum = 0;
    for (int64_t c = 0; c < columns; ++c) sum += y(c);
    return sum;
  }
  T sum_of_pred() const {
    T sum = 0;
    for (int64_t c = 0; c < columns; ++c) sum += pred[c];
    return sum;
  }
  // max + log(sum of exp(x - max)): x less this is the logarithm of softmax.
  T log_sum_exp() const {
    const T max = *std::max_element(pred, pred + columns);
    T sum = 0;
    for (int64_t c = 0; c < columns; ++c) sum += std::exp(pred[c] - max);
    return max + std::log(sum);
  }
};

struct LossLoops {
  LossFunction function;
  bool from_logits;
  int64_t rows, columns;
  // Of the backward kinds: what the gradient of a row's loss is multiplied by.
  double scale = 0;

  explicit LossLoops(const KernelCase& kernel_case)
      : function(graph::loss_function(kernel_case.op)),
        from_logits(graph::from_logits(kernel_case.op)),
        columns(kernel_case.input(0).shape.back()) {
    rows = kernel_case.input(0).shape.elements() / columns;
    if (kernel_case.op.attributes.has("scale")) scale = kernel_case.op.attributes.real("scale");
  }
  int64_t workspace_elements() const { return 0; }

  bool sparse() const { return function == LossFunction::kSparseCategoricalCrossentropy; }

  template <class T>
  Row<T> row(const Buffers& buffers, int64_t index) const {
    return {input<T>(buffers, 0) + index * columns,
            input<T>(buffers, 1) + index * (sparse() ? 1 : columns), columns, sparse()};
  }
};

template <class T>
T categorical_crossentropy_from_logits(const Row<T>& row) {
  const T log_sum_exp = row.log_sum_exp();
  T sum = 0;
  for (int64_t c = 0; c < row.columns; ++c)
    if (row.y(c) != 0) sum -= row.y(c) * (row.pred[c] - log_sum_exp);
  return sum;
}

struct Loss : LossLoops {
  using LossLoops::LossLoops;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (int64_t index = 0; index < rows; ++index)
      output<T>(buffers, 0)[index] = row_loss(row<T>(buffers, index));
  }

  template <class T>
  T row_loss(const Row<T>& row) const {
    T sum = 0;
    switch (function) {
      case LossFunction::kCategoricalCrossentropy:
      case LossFunction::kSparseCategoricalCrossentropy: {
        if (from_logits) return categorical_crossentropy_from_logits(row);
        const T total = row.sum_of_pred();
        for (int64_t c = 0; c < columns; ++c)
          if (row.y(c) != 0) sum -= row.y(c) * std::log(clip(row.pred[c] / total));
        return sum;
      }
      case LossFunction::kBinaryCrossentropy:
        for (int64_t c = 0; c < columns; ++c) {
          const T x = row.pred[c], y = row.y(c), p = clip(x);
          // From logits: -(y log p + (1 - y) log(1 - p)) with p = sigmoid(x), rewritten so that
          // nothing overflows.
          sum += from_logits ? std::max(x, T(0)) - x * y + std::log1p(std::exp(-std::abs(x)))
                             : -(y * std::log(p) + (1 - y) * std::log(1 - p));
        }
        break;
      case LossFunction::kMeanSquaredError:
        for (int64_t c = 0; c < columns; ++c)
          sum += (row.pred[c] - row.y(c)) * (row.pred[c] - row.y(c));
        break;
      case LossFunction::kMeanAbsoluteError:
        for (int64_t c = 0; c < columns; ++c) sum += std::abs(row.pred[c] - row.y(c));
        break;
    }
    return sum / static_cast<T>(columns);
  }
};

struct LossBackward : LossLoops {
  using LossLoops::LossLoops;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (int64_t index = 0; index < rows; ++index) {
      T* diff_pred = output<T>(buffers, 0) + index * columns;
      row_gradient(row<T>(buffers, index), diff_pred);
      for (int64_t c = 0; c < columns; ++c) diff_pred[c] *= static_cast<T>(scale);
    }
  }

  template <class T>
  void row_gradient(const Row<T>& row, T* diff) const {
    const T count = static_cast<T>(columns);
    switch (function) {
      case LossFunction::kCategoricalCrossentropy:
      case LossFunction::kSparseCategoricalCrossentropy:
        if (from_logits)
          from_logits_gradient(row, diff);
        else
          from_probabilities_gradient(row, diff);
        return;
      case LossFunction::kBinaryCrossentropy:
        for (int64_t c = 0; c < columns; ++c) {
          const T x = row.pred[c], y = row.y(c);
          if (from_logits)
            diff[c] = (sigmoid(x) - y) / count;
          else
            diff[c] = inside(x) ? (x - y) / (x * (1 - x)) / count : 0;
        }
        return;
      case LossFunction::kMeanSquaredError:
        for (int64_t c = 0; c < columns; ++c) diff[c] = 2 * (row.pred[c] - row.y(c)) / count;
        return;
      case LossFunction::kMeanAbsoluteError:
        for (int64_t c = 0; c < columns; ++c) {
          const T difference = row.pred[c] - row.y(c);
          diff[c] = (difference > 0 ? 1 : difference < 0 ? -1 : 0) / count;
        }
        return;
    }
  }

  template <class T>
  static void from_logits_gradient(const Row<T>& row, T* diff) {
    const T log_sum_exp = row.log_sum_exp();
    const T labels = row.sum_of_labels();
    for (int64_t c = 0; c < row.columns; ++c)
      diff[c] = std::exp(row.pred[c] - log_sum_exp) * labels - row.y(c);
  }

  // The loss is -sum of y log(x / total): each label pulls at its own x, and all labels, through
  // the total, at every x. A label whose probability is clipped pulls at none.
  template <class T>
  void from_probabilities_gradient(const Row<T>& row, T* diff) const {
    const T total = row.sum_of_pred();
    T labels_inside = 0;
    for (int64_t c = 0; c < columns; ++c)
      if (inside(row.pred[c] / total)) labels_inside += row.y(c);
    for (int64_t c = 0; c < columns; ++c) {
      const T own = inside(row.pred[c] / total) ? row.y(c) / row.pred[c] : 0;
      diff[c] = labels_inside / total - own;
    }
  }
};

struct SoftmaxCrossEntropy : LossLoops {
  using LossLoops::LossLoops;

  // Logits and probabilities may share memory: a row's loss is computed before its probabilities
  // are written.
  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (int64_t index = 0; index < rows; ++index) {
      const Row<T> logits = row<T>(buffers, index);
      T* probabilities = output<T>(buffers, 1) + index * columns;
      output<T>(buffers, 0)[index] = categorical_crossentropy_from_logits(logits);
      const T log_sum_exp = logits.log_sum_exp();
      for (int64_t c = 0; c < columns; ++c)
        probabilities[c] = std::exp(logits.pred[c] - log_sum_exp);
    }
  }
};

struct SoftmaxCrossEntropyBackward : LossLoops {
  using LossLoops::LossLoops;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (int64_t index = 0; index < rows; ++index) {
      const Row<T> probabilities = row<T>(buffers, index);
      T* diff_logits = output<T>(buffers, 0) + index * columns;
      const T labels = probabilities.sum_of_labels();
      for (int64_t c = 0; c < columns; ++c)
        diff_logits[c] =
            (probabilities.pred[c] * labels - probabilities.y(c)) * static_cast<T>(scale);
    }
  }
};

}  // namespace

const ReferenceImplementation& loss() {
  static const LoopImplementation<Loss> implementation("reference.loss");
  return implementation;
}
const ReferenceImplementation& loss_backward() {
  static const LoopImplementation<LossBackward> implementation("reference.loss_backward");
  return implementation;
}
const ReferenceImplementation& softmax_cross_entropy() {
  static const LoopImplementation<SoftmaxCrossEntropy> implementation(
      "reference.softmax_cross_entropy");
  return implementation;
}
const ReferenceImplementation& softmax_cross_entropy_backward() {
  static const LoopImplementation<SoftmaxCrossEntropyBackward> implementation(
      "reference.softmax_cross_entropy_backward");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
