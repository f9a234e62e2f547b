#include "graph/ops/batch_norm.h"

#include <cmath>

#include "kernels/reference/loop_kernel.h"
#include "kernels/reference/tensor_view.h"

namespace pronghorn::kernels::reference {
namespace {

struct BatchNormLoops {
  graph::BatchNormInputs at;
  int64_t batch, channels, rows, rows_per_image;
  double epsilon, momentum;

  explicit BatchNormLoops(const KernelCase& kernel_case)
      : at(graph::batch_norm_inputs(kernel_case.op)),
        epsilon(kernel_case.op.attributes.real("epsilon")),
        momentum(kernel_case.op.attributes.real("momentum")) {
    const Shape& src = kernel_case.input(0).shape;
    batch = src[0];
    channels = src.back();
    rows = src.elements() / channels;
    rows_per_image = rows / batch;
  }
  int64_t workspace_elements() const { return BatchSlices(batch).count() * channels; }

  // sum[c] = the sum over all rows of term(row, c), along the tree.
  template <class T, class Term>
  void sum_per_channel(const Buffers& buffers, const RunContext& context, T* sum,
                       Term&& term) const {
    sum_over_batch(context, batch, channels, workspace<T>(buffers), sum,
                   [&](int64_t first, int64_t last, T* partial) {
                     for (int64_t row = first * rows_per_image; row < last * rows_per_image; ++row)
                       for (int64_t c = 0; c < channels; ++c) partial[c] += term(row, c);
                   });
  }

  template <class T>
  Matrix<T> rows_of(T* data) const {
    return {data, channels};
  }
  template <class T>
  T gamma(const Buffers& buffers, int64_t c) const {
    return at.gamma < 0 ? T(1) : input<T>(buffers, at.gamma)[c];
  }
  template <class T>
  T beta(const Buffers& buffers, int64_t c) const {
    return at.beta < 0 ? T(0) : input<T>(buffers, at.beta)[c];
  }
};

struct Training : BatchNormLoops {
  using BatchNormLoops::BatchNormLoops;

  template <class T>
  void run(const Buffers& buffers, const RunContext& context) const {
    const auto src = rows_of<const T>(input<T>(buffers, 0));
    const auto dst = rows_of(output<T>(buffers, 0));
    T* mean = output<T>(buffers, 1);
    T* inverse_deviation = output<T>(buffers, 2);
    T* variance = inverse_deviation;  // until it is inverted
    const T count = static_cast<T>(rows);

    sum_per_channel<T>(buffers, context, mean, [&](auto row, auto c) { return src(row, c); });
    for (int64_t c = 0; c < channels; ++c) mean[c] /= count;
    // In a second pass over src: the mean of squares less the square of the mean would cancel.
    sum_per_channel<T>(buffers, context, variance, [&](auto row, auto c) {
      return (src(row, c) - mean[c]) * (src(row, c) - mean[c]);
    });

    const T keep = static_cast<T>(momentum), take = static_cast<T>(1 - momentum);
    for (int64_t c = 0; c < channels; ++c) {
      variance[c] /= count;
      output<T>(buffers, 3)[c] = input<T>(buffers, at.moving_mean)[c] * keep + mean[c] * take;
      output<T>(buffers, 4)[c] =
          input<T>(buffers, at.moving_variance)[c] * keep + variance[c] * take;
      inverse_deviation[c] = 1 / std::sqrt(variance[c] + static_cast<T>(epsilon));
    }
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t c = 0; c < channels; ++c)
        dst(row, c) = (src(row, c) - mean[c]) * inverse_deviation[c] * gamma<T>(buffers, c) +
                      beta<T>(buffers, c);
  }
};

// With x^ = (src - mean) inverse_deviation and all sums over the rows (Ioffe and Szegedy,
// section 3):
//   diff_beta = sum of diff_dst,  diff_gamma = sum of diff_dst x^
//   diff_src = gamma inverse_deviation (diff_dst - diff_beta / rows - x^ diff_gamma / rows)
struct Backward : BatchNormLoops {
  using BatchNormLoops::BatchNormLoops;

  template <class T>
  void run(const Buffers& buffers, const RunContext& context) const {
    const auto src = rows_of<const T>(input<T>(buffers, 0));
    const auto diff_dst = rows_of<const T>(input<T>(buffers, 1));
    const T* mean = input<T>(buffers, 2);
    const T* inverse_deviation = input<T>(buffers, 3);
    const auto diff_src = rows_of(output<T>(buffers, 0));
    T* diff_gamma = output<T>(buffers, 1);
    T* diff_beta = output<T>(buffers, 2);
    const T count = static_cast<T>(rows);
    const auto normalized = [&](int64_t row, int64_t c) {
      return (src(row, c) - mean[c]) * inverse_deviation[c];
    };

    sum_per_channel<T>(buffers, context, diff_beta,
                       [&](auto row, auto c) { return diff_dst(row, c); });
    sum_per_channel<T>(buffers, context, diff_gamma,
                       [&](auto row, auto c) { return diff_dst(row, c) * normalized(row, c); });
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t c = 0; c < channels; ++c)
        diff_src(row, c) =
            gamma<T>(buffers, c) * inverse_deviation[c] *
            (diff_dst(row, c) - diff_beta[c] / count - normalized(row, c) * diff_gamma[c] / count);
  }
};

struct Inference : BatchNormLoops {
  using BatchNormLoops::BatchNormLoops;

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const auto src = rows_of<const T>(input<T>(buffers, 0));
    const auto dst = rows_of(output<T>(buffers, 0));
    const T* mean = input<T>(buffers, at.moving_mean);
    const T* variance = input<T>(buffers, at.moving_variance);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t c = 0; c < channels; ++c)
        dst(row, c) = (src(row, c) - mean[c]) / std::sqrt(variance[c] + static_cast<T>(epsilon)) *
                          gamma<T>(buffers, c) +
                      beta<T>(buffers, c);
  }
};

}  // namespace

const ReferenceImplementation& batch_norm_training() {
  static const LoopImplementation<Training> implementation("reference.batch_norm_training");
  return implementation;
}
const ReferenceImplementation& batch_norm_backward() {
  static const LoopImplementation<Backward> implementation("reference.batch_norm_backward");
  return implementation;
}
const ReferenceImplementation& batch_norm_inference() {
  static const LoopImplementation<Inference> implementation("reference.batch_norm_inference");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
