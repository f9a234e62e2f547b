#pragma once

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/reference/reference.h"
#include "kernels/reference/stages.h"
#include "platform/batch_slices.h"
#include "platform/denormals.h"
#include "platform/reduction_tree.h"

namespace pronghorn::kernels::reference {

// What all kernels of this folder share: from loops to an Implementation. The loops of a kind are a
// struct with
//   explicit Loops(const KernelCase&);               keeps the extents
//   int64_t workspace_elements() const;              elements of T
//   template <class T> void run(const Buffers&, const RunContext&) const;
// and run in the calling thread.

template <class T>
T* input(const Buffers& buffers, int index) {
  return reinterpret_cast<T*>(buffers.inputs[static_cast<size_t>(index)]);
}
template <class T>
T* output(const Buffers& buffers, int index) {
  return reinterpret_cast<T*>(buffers.outputs[static_cast<size_t>(index)]);
}
template <class T>
T* workspace(const Buffers& buffers) {
  return reinterpret_cast<T*>(buffers.workspace);
}

template <class Loops>
class LoopKernel final : public Kernel {
 public:
  explicit LoopKernel(const KernelCase& kernel_case) : loops_(kernel_case), stages_(kernel_case) {}

  size_t workspace_bytes() const override {
    return static_cast<size_t>(loops_.workspace_elements()) * sizeof(float);
  }
  void bind(const Buffers& buffers) override { buffers_ = buffers; }
  void run(const RunContext& context) override {
    const FlushDenormals flush;
    loops_.template run<float>(buffers_, context);
    stages_.template apply<float>(buffers_, context);
  }

 private:
  Loops loops_;
  Stages stages_;
  Buffers buffers_;
};

template <class Loops>
class LoopImplementation : public ReferenceImplementation {
 public:
  explicit LoopImplementation(std::string_view name) : name_(name) {}

  std::string_view name() const override { return name_; }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<LoopKernel<Loops>>(kernel_case);
  }
  void run_in_double(const KernelCase& kernel_case, const Buffers& buffers,
                     const RunContext& context) const override {
    const Loops loops(kernel_case);
    std::vector<double> space(static_cast<size_t>(loops.workspace_elements()));
    Buffers with_space = buffers;
    with_space.workspace = reinterpret_cast<std::byte*>(space.data());
    loops.template run<double>(with_space, context);
    Stages(kernel_case).template apply<double>(with_space, context);
  }

 private:
  std::string_view name_;
};

// A sum over the batch, as everything sums over it: within each slice in order, then over the
// slices by the tree. add(first, last, partial) adds what images [first, last) contribute to
// `partial`, an array of `elements`; `partials` has room for one such array per slice.
template <class T, class Add>
void sum_over_batch(const RunContext& context, int64_t batch, int64_t elements, T* partials, T* sum,
                    Add&& add) {
  const BatchSlices slices(batch);
  for (int64_t slice = 0; slice < slices.count(); ++slice) {
    T* partial = partials + slice * elements;
    std::fill(partial, partial + elements, T(0));
    add(slices.begin(slice), slices.end(slice), partial);
  }
  tree_sum(context.parallel, partials, slices.count(), elements, elements, sum);
}

}  // namespace pronghorn::kernels::reference
