#include "graph/ops/softmax.h"

#include <algorithm>
#include <cmath>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

struct Rows {
  int64_t rows, columns;
  // Of each row, over how many elements.
  std::vector<int64_t> reach;

  explicit Rows(const KernelCase& kernel_case) {
    const Shape& shape = kernel_case.input(0).shape;
    columns = shape.back();
    rows = shape.elements() / columns;
    for (int64_t row = 0; row < rows; ++row)
      reach.push_back(graph::softmax_columns(kernel_case.graph, kernel_case.op, row));
  }
  int64_t workspace_elements() const { return 0; }
};

struct Softmax : Rows {
  using Rows::Rows;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (int64_t row = 0; row < rows; ++row) {
      const T* src = input<T>(buffers, 0) + row * columns;
      T* dst = output<T>(buffers, 0) + row * columns;
      const int64_t count = reach[static_cast<size_t>(row)];
      const T max = *std::max_element(src, src + count);
      T sum = 0;
      std::fill(dst + count, dst + columns, T(0));
      for (int64_t column = 0; column < count; ++column) {
        dst[column] = std::exp(src[column] - max);
        sum += dst[column];
      }
      for (int64_t column = 0; column < count; ++column) dst[column] /= sum;
    }
  }
};

struct SoftmaxBackward : Rows {
  using Rows::Rows;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (int64_t row = 0; row < rows; ++row) {
      const T* dst = input<T>(buffers, 0) + row * columns;
      const T* diff_dst = input<T>(buffers, 1) + row * columns;
      T* diff_src = output<T>(buffers, 0) + row * columns;
      T dot = 0;
      for (int64_t column = 0; column < columns; ++column) dot += dst[column] * diff_dst[column];
      for (int64_t column = 0; column < columns; ++column)
        diff_src[column] = dst[column] * (diff_dst[column] - dot);
    }
  }
};

struct LogSoftmax : Rows {
  using Rows::Rows;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (int64_t row = 0; row < rows; ++row) {
      const T* src = input<T>(buffers, 0) + row * columns;
      T* dst = output<T>(buffers, 0) + row * columns;
      const T max = *std::max_element(src, src + columns);
      T sum = 0;
      for (int64_t column = 0; column < columns; ++column) sum += std::exp(src[column] - max);
      for (int64_t column = 0; column < columns; ++column)
        dst[column] = src[column] - max - std::log(sum);
    }
  }
};

struct LogSoftmaxBackward : Rows {
  using Rows::Rows;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (int64_t row = 0; row < rows; ++row) {
      const T* dst = input<T>(buffers, 0) + row * columns;
      const T* diff_dst = input<T>(buffers, 1) + row * columns;
      T* diff_src = output<T>(buffers, 0) + row * columns;
      T sum = 0;
      for (int64_t column = 0; column < columns; ++column) sum += diff_dst[column];
      for (int64_t column = 0; column < columns; ++column)
        diff_src[column] = diff_dst[column] - std::exp(dst[column]) * sum;
    }
  }
};

}  // namespace

const ReferenceImplementation& log_softmax() {
  static const LoopImplementation<LogSoftmax> implementation("reference.log_softmax");
  return implementation;
}
const ReferenceImplementation& log_softmax_backward() {
  static const LoopImplementation<LogSoftmaxBackward> implementation(
      "reference.log_softmax_backward");
  return implementation;
}
const ReferenceImplementation& softmax() {
  static const LoopImplementation<Softmax> implementation("reference.softmax");
  return implementation;
}
const ReferenceImplementation& softmax_backward() {
  static const LoopImplementation<SoftmaxBackward> implementation("reference.softmax_backward");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
