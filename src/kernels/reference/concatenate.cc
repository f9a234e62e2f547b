#include "graph/ops/concatenate.h"

#include <algorithm>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

using graph::AxisGeometry;

struct Concatenate {
  std::vector<AxisGeometry> inputs;
  AxisGeometry dst;

  explicit Concatenate(const KernelCase& kernel_case) {
    const int64_t axis = kernel_case.op.attributes.integer("axis");
    for (graph::ValueId id : kernel_case.op.inputs)
      inputs.push_back(graph::axis_geometry(kernel_case.graph.value(id).shape, axis));
    dst = graph::axis_geometry(kernel_case.output(0).shape, axis);
  }
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    int64_t begin = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const int64_t run_elements = inputs[i].extent * inputs[i].inner;
      const T* src = input<T>(buffers, static_cast<int>(i));
      for (int64_t outer = 0; outer < dst.outer; ++outer)
        std::copy(src + outer * run_elements, src + (outer + 1) * run_elements,
                  output<T>(buffers, 0) + (outer * dst.extent + begin) * dst.inner);
      begin += inputs[i].extent;
    }
  }
};

struct Slice {
  AxisGeometry src;
  int64_t begin, size;

  explicit Slice(const KernelCase& kernel_case)
      : src(graph::axis_geometry(kernel_case.input(0).shape,
                                 kernel_case.op.attributes.integer("axis"))),
        begin(kernel_case.op.attributes.integer("begin")),
        size(kernel_case.op.attributes.integer("size")) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const int64_t run_elements = size * src.inner;
    for (int64_t outer = 0; outer < src.outer; ++outer) {
      const T* from = input<T>(buffers, 0) + (outer * src.extent + begin) * src.inner;
      std::copy(from, from + run_elements, output<T>(buffers, 0) + outer * run_elements);
    }
  }
};

}  // namespace

const ReferenceImplementation& concatenate() {
  static const LoopImplementation<Concatenate> implementation("reference.concatenate");
  return implementation;
}
const ReferenceImplementation& slice() {
  static const LoopImplementation<Slice> implementation("reference.slice");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
