#include "graph/ops/adafactor_update.h"

#include <algorithm>
#include <cmath>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

// Formulas: graph/ops/adafactor_update.h.
struct Adafactor {
  graph::Attributes attributes;
  graph::AdafactorGeometry geometry;
  bool scaled;
  double weight_decay, epsilon_1, epsilon_2, clip_threshold;

  explicit Adafactor(const KernelCase& kernel_case)
      : attributes(kernel_case.op.attributes),
        geometry(graph::adafactor_geometry(kernel_case.input(0).shape)),
        scaled(graph::is_scaled(kernel_case.op)),
        weight_decay(attributes.real("weight_decay")),
        epsilon_1(attributes.real("epsilon_1")),
        epsilon_2(attributes.real("epsilon_2")),
        clip_threshold(attributes.real("clip_threshold")) {}
  int64_t workspace_elements() const { return 0; }
  int64_t elements() const { return geometry.matrices * geometry.rows * geometry.columns; }

  template <class T>
  void run(const Buffers& buffers, const RunContext& context) const {
    T* w = output<T>(buffers, 0);
    const T* g = input<T>(buffers, 1);
    const T scale = scaled ? *input<T>(buffers, 5) : T(1);
    T* v = output<T>(buffers, 3);
    const graph::AdafactorStep step =
        graph::adafactor_step(attributes, context.step, context.learning_rate);
    const T decay = static_cast<T>(weight_decay * context.learning_rate);
    T squares = 0;
    for (int64_t i = 0; i < elements(); ++i) {
      w[i] -= w[i] * decay;
      squares += w[i] * w[i];
    }
    const T count = static_cast<T>(elements());
    const T alpha =
        std::max(static_cast<T>(epsilon_2), std::sqrt(squares / count)) * static_cast<T>(step.rate);

    const auto square = [&](int64_t i) {
      return (scale * g[i]) * (scale * g[i]) + static_cast<T>(epsilon_1);
    };
    const T keep = static_cast<T>(step.keep), take = static_cast<T>(1 - step.keep);
    if (geometry.factored)
      factor(buffers, square, keep, take);
    else
      for (int64_t i = 0; i < elements(); ++i) v[i] = keep * v[i] + take * square(i);

    T sum = 0;
    for (int64_t i = 0; i < elements(); ++i) {
      const T u = scale * g[i] / std::sqrt(v[i]);
      sum += u * u;
    }
    const T divisor = std::max(T(1), std::sqrt(sum / count) / static_cast<T>(clip_threshold));
    for (int64_t i = 0; i < elements(); ++i)
      w[i] -= alpha * (scale * g[i] / std::sqrt(v[i]) / divisor);
  }

  // r, c and v of weights of two axes or more.
  template <class T, class Square>
  void factor(const Buffers& buffers, Square square, T keep, T take) const {
    const auto [factored, matrices, rows, columns] = geometry;
    for (int64_t matrix = 0; matrix < matrices; ++matrix) {
      T* r = output<T>(buffers, 1) + matrix * rows;
      T* c = output<T>(buffers, 2) + matrix * columns;
      T* v = output<T>(buffers, 3) + matrix * rows * columns;
      const int64_t first = matrix * rows * columns;
      T mean = 0;
      for (int64_t row = 0; row < rows; ++row) {
        T sum = 0;
        for (int64_t column = 0; column < columns; ++column)
          sum += square(first + row * columns + column);
        r[row] = keep * r[row] + take * (sum / static_cast<T>(columns));
        mean += r[row] / static_cast<T>(rows);
      }
      for (int64_t column = 0; column < columns; ++column) {
        T sum = 0;
        for (int64_t row = 0; row < rows; ++row) sum += square(first + row * columns + column);
        c[column] = keep * c[column] + take * (sum / static_cast<T>(rows));
      }
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column)
          v[row * columns + column] = r[row] / mean * c[column];
    }
  }
};

}  // namespace

const ReferenceImplementation& adafactor_update() {
  static const LoopImplementation<Adafactor> implementation("reference.adafactor_update");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
