#include "graph/ops/pad.h"

#include <algorithm>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

// Both kinds, by the small tensor's elements and their places in the large one.
template <bool kPad>
struct Block {
  Shape large, small;
  std::vector<int64_t> before;

  explicit Block(const KernelCase& kernel_case)
      : large(kPad ? kernel_case.output(0).shape : kernel_case.input(0).shape),
        small(kPad ? kernel_case.input(0).shape : kernel_case.output(0).shape),
        before(kernel_case.op.attributes.integers("before")) {}
  int64_t workspace_elements() const { return 0; }

  int64_t place_in_large(int64_t element) const {
    int64_t place = 0, stride = 1;
    for (int axis = small.rank(); axis-- > 0;) {
      place += (element % small[axis] + before[static_cast<size_t>(axis)]) * stride;
      element /= small[axis];
      stride *= large[axis];
    }
    return place;
  }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const T* src = input<T>(buffers, 0);
    T* dst = output<T>(buffers, 0);
    if (kPad) std::fill_n(dst, large.elements(), T(0));
    for (int64_t element = 0; element < small.elements(); ++element) {
      if (kPad)
        dst[place_in_large(element)] = src[element];
      else
        dst[element] = src[place_in_large(element)];
    }
  }
};

}  // namespace

const ReferenceImplementation& pad() {
  static const LoopImplementation<Block<true>> implementation("reference.pad");
  return implementation;
}
const ReferenceImplementation& crop() {
  static const LoopImplementation<Block<false>> implementation("reference.crop");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
