#include "graph/ops/l2_normalize.h"

#include <cmath>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

struct Rows {
  int64_t rows, columns;
  double most;  // of a factor

  explicit Rows(const KernelCase& kernel_case)
      : columns(kernel_case.input(0).shape.back()),
        most(1 / kernel_case.op.attributes.real("epsilon")) {
    rows = kernel_case.input(0).shape.elements() / columns;
  }
  int64_t workspace_elements() const { return 0; }

  template <class T>
  T factor(const T* src) const {
    T squares = 0;
    for (int64_t c = 0; c < columns; ++c) squares += src[c] * src[c];
    return std::min(1 / std::sqrt(squares), static_cast<T>(most));
  }
};

struct Forward : Rows {
  using Rows::Rows;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (int64_t row = 0; row < rows; ++row) {
      const T* src = input<T>(buffers, 0) + row * columns;
      const T r = factor(src);
      for (int64_t c = 0; c < columns; ++c) output<T>(buffers, 0)[row * columns + c] = src[c] * r;
    }
  }
};

struct Backward : Rows {
  using Rows::Rows;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (int64_t row = 0; row < rows; ++row) {
      const T* src = input<T>(buffers, 0) + row * columns;
      const T* diff_dst = input<T>(buffers, 1) + row * columns;
      const T r = factor(src);
      T dot = 0;
      if (r < static_cast<T>(most))
        for (int64_t c = 0; c < columns; ++c) dot += src[c] * diff_dst[c];
      for (int64_t c = 0; c < columns; ++c)
        output<T>(buffers, 0)[row * columns + c] = r * (diff_dst[c] - src[c] * r * (dot * r));
    }
  }
};

}  // namespace

const ReferenceImplementation& l2_normalize() {
  static const LoopImplementation<Forward> implementation("reference.l2_normalize");
  return implementation;
}
const ReferenceImplementation& l2_normalize_backward() {
  static const LoopImplementation<Backward> implementation("reference.l2_normalize_backward");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
