#include "graph/ops/sum_of_powers.h"

#include <cmath>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

struct SumOfPowers {
  int64_t elements;
  double absolute, square;

  explicit SumOfPowers(const KernelCase& kernel_case)
      : elements(kernel_case.input(0).shape.elements()),
        absolute(kernel_case.op.attributes.real("absolute")),
        square(kernel_case.op.attributes.real("square")) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const T* src = input<T>(buffers, 0);
    double magnitudes = 0, squares = 0;
    for (int64_t element = 0; element < elements; ++element) {
      const double x = static_cast<double>(src[element]);
      magnitudes += std::abs(x);
      squares += x * x;
    }
    // A power that isn't asked for must not bring its infinity.
    output<T>(buffers, 0)[0] = static_cast<T>((absolute != 0 ? absolute * magnitudes : 0) +
                                              (square != 0 ? square * squares : 0));
  }
};

}  // namespace

const ReferenceImplementation& sum_of_powers() {
  static const LoopImplementation<SumOfPowers> implementation("reference.sum_of_powers");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
