#include "graph/ops/constrain.h"

#include <algorithm>
#include <cmath>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

using graph::ConstraintFunction;

// Formulas: graph/ops/constrain.h.
struct Constrain {
  ConstraintFunction function;
  graph::NormGeometry geometry;
  double min_value = 0, max_value = 0, rate = 0;

  explicit Constrain(const KernelCase& kernel_case)
      : function(graph::constraint_function(kernel_case.op)),
        geometry(graph::norm_geometry(kernel_case.output(0).shape,
                                      kernel_case.op.attributes.integers("axes"))),
        min_value(kernel_case.op.attributes.real("min_value")),
        max_value(kernel_case.op.attributes.real("max_value")),
        rate(kernel_case.op.attributes.real("rate")) {}
  int64_t workspace_elements() const { return geometry.norms; }

  template <class T>
  T factor(T norm) const {
    const T denominator = static_cast<T>(graph::kConstraintEpsilon) + norm;
    const T most = static_cast<T>(max_value);
    if (function == ConstraintFunction::kUnitNorm) return 1 / denominator;
    if (function == ConstraintFunction::kMaxNorm) return std::min(norm, most) / denominator;
    const T clipped = std::min(std::max(norm, static_cast<T>(min_value)), most);
    return (static_cast<T>(rate) * clipped + static_cast<T>(1 - rate) * norm) / denominator;
  }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    T* w = output<T>(buffers, 0);
    const auto [rows, columns, by_column, norm_of_row, norms] = geometry;
    if (function == ConstraintFunction::kNonNeg) {
      // NaN stays NaN.
      for (int64_t i = 0; i < rows * columns; ++i) w[i] = w[i] < 0 ? 0 : w[i];
      return;
    }
    T* factors = workspace<T>(buffers);
    std::fill(factors, factors + norms, T(0));
    const auto place = [&, by_column = by_column](int64_t row, int64_t column) {
      return geometry.norm_of_row[static_cast<size_t>(row)] + (by_column ? column : 0);
    };
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column) {
        const T x = w[row * columns + column];
        factors[place(row, column)] += x * x;
      }
    for (int64_t norm = 0; norm < norms; ++norm) factors[norm] = factor(std::sqrt(factors[norm]));
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column)
        w[row * columns + column] *= factors[place(row, column)];
  }
};

}  // namespace

const ReferenceImplementation& constrain() {
  static const LoopImplementation<Constrain> implementation("reference.constrain");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
