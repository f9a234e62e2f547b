#include "graph/ops/reshape.h"

#include <algorithm>

#include "kernels/layout.h"
#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

struct Loops {
  Shape shape;
  graph::Layout from, to;
  graph::ElementType element;

  explicit Loops(const KernelCase& kernel_case)
      : shape(kernel_case.input(0).shape),
        from(kernel_case.input(0).layout),
        to(kernel_case.output(0).layout),
        element(kernel_case.input(0).element) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    switch (element) {
      case graph::ElementType::kUint8:
        return copy<uint8_t>(buffers);
      case graph::ElementType::kInt32:
        return copy<int32_t>(buffers);
      case graph::ElementType::kFloat32:
        return copy<T>(buffers);
    }
  }

  template <class Element>
  void copy(const Buffers& buffers) const {
    const auto* src = input<Element>(buffers, 0);
    auto* dst = output<Element>(buffers, 0);
    if (from == to) {
      std::copy(src, src + shape.elements(), dst);
      return;
    }
    for (int64_t n = 0; n < shape[0]; ++n)
      for (int64_t h = 0; h < shape[1]; ++h)
        for (int64_t w = 0; w < shape[2]; ++w)
          for (int64_t c = 0; c < shape[3]; ++c)
            dst[element_offset(to, shape, n, h, w, c)] =
                src[element_offset(from, shape, n, h, w, c)];
  }
};

class Reorder final : public LoopImplementation<Loops> {
 public:
  using LoopImplementation::LoopImplementation;

  // The layouts are what a reorder is about: it runs with those that it was made for.
  OpLayouts layouts(const KernelCase& kernel_case,
                    std::span<const graph::Layout> arriving) const override {
    return {{arriving[0]}, {kernel_case.output(0).layout}};
  }
};

}  // namespace

const ReferenceImplementation& reorder() {
  static const Reorder implementation("reference.reorder");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
