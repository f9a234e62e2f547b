#include "graph/ops/sum_rows.h"

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

struct SumRows {
  int64_t batch, rows_per_image, channels;

  explicit SumRows(const KernelCase& kernel_case) {
    const Shape& src = kernel_case.input(0).shape;
    batch = src[0];
    channels = src.back();
    rows_per_image = src.elements() / (batch * channels);
  }
  int64_t workspace_elements() const { return BatchSlices(batch).count() * channels; }

  template <class T>
  void run(const Buffers& buffers, const RunContext& context) const {
    const T* src = input<T>(buffers, 0);
    sum_over_batch(context, batch, channels, workspace<T>(buffers), output<T>(buffers, 0),
                   [&](int64_t first, int64_t last, T* sum) {
                     for (int64_t row = first * rows_per_image; row < last * rows_per_image; ++row)
                       for (int64_t c = 0; c < channels; ++c) sum[c] += src[row * channels + c];
                   });
  }
};

struct Mean {
  int64_t elements;

  explicit Mean(const KernelCase& kernel_case) : elements(kernel_case.input(0).shape.elements()) {}
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const T* src = input<T>(buffers, 0);
    double sum = 0;
    for (int64_t element = 0; element < elements; ++element) sum += src[element];
    output<T>(buffers, 0)[0] = static_cast<T>(sum / static_cast<double>(elements));
  }
};

}  // namespace

const ReferenceImplementation& sum_rows() {
  static const LoopImplementation<SumRows> implementation("reference.sum_rows");
  return implementation;
}
const ReferenceImplementation& mean() {
  static const LoopImplementation<Mean> implementation("reference.mean");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
