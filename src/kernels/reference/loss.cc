#include "graph/ops/loss.h"

#include <cmath>

#include "kernels/reference/loop_kernel.h"
#include "kernels/reference/loss_formulas.h"

namespace pronghorn::kernels::reference {
namespace {

struct LossLoops {
  LossFormula formula;
  int64_t rows, columns;
  // Whether the third input weights the rows.
  bool weighted;
  // Of the backward kinds: what the gradient of a row's loss is multiplied by.
  double scale = 0;

  explicit LossLoops(const KernelCase& kernel_case)
      : formula(graph::loss_formula(kernel_case.op)), weighted(kernel_case.op.inputs.size() > 2) {
    const graph::LossRowCount count = graph::loss_rows(kernel_case.graph, kernel_case.op);
    rows = count.rows;
    columns = count.columns;
    if (kernel_case.op.attributes.has("scale")) scale = kernel_case.op.attributes.real("scale");
  }
  int64_t workspace_elements() const { return 0; }

  template <class T>
  Row<T> row(const Buffers& buffers, int64_t index) const {
    const bool class_numbers = graph::takes_class_numbers(formula.function);
    Row<T> row{input<T>(buffers, 0) + index * columns,
               input<T>(buffers, 1) + index * (class_numbers ? 1 : columns), columns,
               class_numbers};
    const auto smoothing = static_cast<T>(formula.label_smoothing);
    const bool binary = is_pointwise(formula.function);
    row.label_scale = 1 - smoothing;
    row.label_offset = smoothing / static_cast<T>(binary ? 2 : columns);
    return row;
  }
  template <class T>
  T weight(const Buffers& buffers, int64_t index) const {
    return weighted ? input<T>(buffers, 2)[index] : T(1);
  }
};

struct Loss : LossLoops {
  using LossLoops::LossLoops;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (int64_t index = 0; index < rows; ++index)
      output<T>(buffers, 0)[index] =
          row_loss<T>(formula, row<T>(buffers, index), nullptr) * weight<T>(buffers, index);
  }
};

struct LossBackward : LossLoops {
  using LossLoops::LossLoops;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (int64_t index = 0; index < rows; ++index) {
      T* diff_pred = output<T>(buffers, 0) + index * columns;
      row_loss<T>(formula, row<T>(buffers, index), diff_pred);
      const T factor = static_cast<T>(scale) * weight<T>(buffers, index);
      for (int64_t c = 0; c < columns; ++c) diff_pred[c] *= factor;
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
      output<T>(buffers, 0)[index] =
          categorical_crossentropy_from_logits<T>(logits, nullptr) * weight<T>(buffers, index);
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
      const T factor = static_cast<T>(scale) * weight<T>(buffers, index);
      for (int64_t c = 0; c < columns; ++c)
        diff_logits[c] = (probabilities.pred[c] * labels - probabilities.y(c)) * factor;
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
