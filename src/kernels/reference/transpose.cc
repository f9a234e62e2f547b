#include "graph/ops/transpose.h"

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

struct Loops {
  Shape src_shape;
  std::vector<int64_t> permutation;

  explicit Loops(const KernelCase& kernel_case)
      : src_shape(kernel_case.input(0).shape),
        permutation(kernel_case.op.attributes.integers("permutation")) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const T* src = input<T>(buffers, 0);
    T* dst = output<T>(buffers, 0);
    const auto rank = static_cast<size_t>(src_shape.rank());
    for (int64_t element = 0; element < src_shape.elements(); ++element) {
      // src's indices, from the last axis on, then dst's place for them.
      std::vector<int64_t> index(rank);
      int64_t rest = element;
      for (size_t axis = rank; axis-- > 0;) {
        index[axis] = rest % src_shape[static_cast<int>(axis)];
        rest /= src_shape[static_cast<int>(axis)];
      }
      int64_t place = 0;
      for (const int64_t axis : permutation)
        place = place * src_shape[static_cast<int>(axis)] + index[static_cast<size_t>(axis)];
      dst[place] = src[element];
    }
  }
};

}  // namespace

const ReferenceImplementation& transpose() {
  static const LoopImplementation<Loops> implementation("reference.transpose");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
