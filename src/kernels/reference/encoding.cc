#include "graph/ops/encoding.h"

#include <algorithm>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

struct CategoryEncoding {
  int64_t groups, tokens, classes;
  bool count;

  explicit CategoryEncoding(const KernelCase& kernel_case)
      : groups(kernel_case.input(0).shape.elements() / kernel_case.input(0).shape.back()),
        tokens(kernel_case.input(0).shape.back()),
        classes(kernel_case.op.attributes.integer("classes")),
        count(kernel_case.op.attributes.integer("count") != 0) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const T* src = input<T>(buffers, 0);
    T* dst = output<T>(buffers, 0);
    for (int64_t group = 0; group < groups; ++group, dst += classes) {
      std::fill_n(dst, classes, T(0));
      for (int64_t token = 0; token < tokens; ++token, ++src) {
        // Compared before it is converted, which is undefined for what an integer can't hold.
        if (!(*src >= 0 && *src < static_cast<T>(classes))) continue;
        T& place = dst[static_cast<int64_t>(*src)];
        place = count ? place + 1 : T(1);
      }
    }
  }
};

struct Bucketize {
  int64_t elements;
  std::vector<double> boundaries;

  explicit Bucketize(const KernelCase& kernel_case)
      : elements(kernel_case.input(0).shape.elements()),
        boundaries(graph::numbers_from_text(kernel_case.op.attributes.text("boundaries"))) {
    std::sort(boundaries.begin(), boundaries.end());
    for (double& boundary : boundaries) boundary = static_cast<float>(boundary);
  }
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const T* src = input<T>(buffers, 0);
    T* dst = output<T>(buffers, 0);
    for (int64_t i = 0; i < elements; ++i)
      dst[i] = static_cast<T>(std::upper_bound(boundaries.begin(), boundaries.end(), src[i]) -
                              boundaries.begin());
  }
};

struct Constant {
  std::vector<double> values;

  explicit Constant(const KernelCase& kernel_case)
      : values(graph::numbers_from_text(kernel_case.op.attributes.text("values"))) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    for (size_t i = 0; i < values.size(); ++i)
      output<T>(buffers, 0)[i] = static_cast<T>(static_cast<float>(values[i]));
  }
};

}  // namespace

const ReferenceImplementation& category_encoding() {
  static const LoopImplementation<CategoryEncoding> implementation("reference.category_encoding");
  return implementation;
}
const ReferenceImplementation& bucketize() {
  static const LoopImplementation<Bucketize> implementation("reference.bucketize");
  return implementation;
}
const ReferenceImplementation& constant() {
  static const LoopImplementation<Constant> implementation("reference.constant");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
