#include "graph/ops/embedding.h"

#include <limits>

#include "kernels/embedding_indices.h"
#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

struct Embedding {
  int64_t count, rows, columns;
  graph::ElementType element;

  explicit Embedding(const KernelCase& kernel_case)
      : count(kernel_case.input(0).shape.elements()),
        rows(kernel_case.input(1).shape[0]),
        columns(kernel_case.input(1).shape[1]),
        element(kernel_case.input(0).element) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const T* table = input<T>(buffers, 1);
    T* dst = output<T>(buffers, 0);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = index_at<T>(buffers.inputs[0], element, i, rows);
      for (int64_t c = 0; c < columns; ++c)
        dst[i * columns + c] =
            row < 0 ? std::numeric_limits<T>::quiet_NaN() : table[row * columns + c];
    }
  }
};

struct EmbeddingBackward {
  int64_t count, rows, columns;
  graph::ElementType element;

  explicit EmbeddingBackward(const KernelCase& kernel_case)
      : count(kernel_case.input(0).shape.elements()),
        rows(kernel_case.output(0).shape[0]),
        columns(kernel_case.output(0).shape[1]),
        element(kernel_case.input(0).element) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const T* diff_dst = input<T>(buffers, 1);
    T* diff_table = output<T>(buffers, 0);
    std::fill(diff_table, diff_table + rows * columns, T(0));
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = index_at<T>(buffers.inputs[0], element, i, rows);
      if (row < 0) continue;
      for (int64_t c = 0; c < columns; ++c)
        diff_table[row * columns + c] += diff_dst[i * columns + c];
    }
  }
};

}  // namespace

const ReferenceImplementation& embedding() {
  static const LoopImplementation<Embedding> implementation("reference.embedding");
  return implementation;
}
const ReferenceImplementation& embedding_backward() {
  static const LoopImplementation<EmbeddingBackward> implementation("reference.embedding_backward");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
