// Recurrences: a thread takes a slice of the batch through all steps. Of each step the product with
// the recurrent kernel, packed once a run, goes into the place of the gates, which are activated
// there (recurrence_steps.h).

#include "graph/ops/recurrence.h"

#include <algorithm>
#include <memory>

#include "kernels/simd/kernel_implementation.h"
#include "kernels/simd/packed_matrix.h"
#include "kernels/simd/recurrence_steps.h"
#include "kernels/simd/simd.h"
#include "kernels/simd/workspace.h"
#include "platform/batch_slices.h"

namespace pronghorn::kernels::simd {
namespace {

using graph::Cell;
using graph::RecurrenceGeometry;

// What both directions share: the geometry, the slices, and the packed recurrent kernel, of which a
// gru that resets before needs the candidate's part by itself.
class RecurrenceKernel : public Kernel {
 public:
  static int64_t tasks(const KernelCase& kernel_case) {
    const RecurrenceGeometry g = graph::recurrence_geometry(kernel_case.graph, kernel_case.op);
    return BatchSlices::coarse(g.batch).count();
  }

  RecurrenceKernel(const KernelCase& kernel_case, bool transposed)
      : g_(graph::recurrence_geometry(kernel_case.graph, kernel_case.op)),
        // Each slice reads the whole recurrent kernel at each step.
        slices_(BatchSlices::coarse(g_.batch)),
        code_(cell_code()),
        transposed_(transposed) {
    const int64_t first_parts = resets_before() ? 2 : g_.parts;
    kernel_ = packed(first_parts * g_.units);
    if (resets_before()) candidate_kernel_ = packed(g_.units);
  }

  size_t workspace_bytes() const override {
    return static_cast<size_t>(kernel_.floats() + candidate_kernel_.floats() +
                               slices_.count() * slice_floats()) *
           sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    buffers_ = buffers;
    packed_ = reinterpret_cast<float*>(buffers.workspace);
  }

 protected:
  bool resets_before() const { return g_.cell == Cell::kGru && !g_.reset_after; }

  // Floats that a slice needs beside its outputs.
  virtual int64_t slice_floats() const = 0;
  float* slice_space(int64_t slice) const {
    return packed_ + kernel_.floats() + candidate_kernel_.floats() + slice * slice_floats();
  }
  // So many units for each row of a slice.
  int64_t space(int64_t parts) const { return whole_lines(slices_.size() * parts * g_.units); }

  void pack(const RunContext& context) const {
    const float* kernel = buffers_.input(1);
    const int64_t ld = g_.parts * g_.units;
    context.parallel.for_each(
        kernel_.panels() + candidate_kernel_.panels(), [&](int64_t panel, int) {
          if (panel < kernel_.panels())
            kernel_.pack(panel, kernel, ld, transposed_, packed_);
          else
            candidate_kernel_.pack(panel - kernel_.panels(), kernel + 2 * g_.units, ld, transposed_,
                                   candidate_packed());
        });
  }
  float* candidate_packed() const { return packed_ + kernel_.floats(); }

  // Rows of a slice at one place of a sequence, `parts` units each.
  template <class Float>
  Rows<Float> at(Float* data, int64_t slice, int64_t place, int64_t parts) const {
    if (data == nullptr) return {};
    return {data + (slices_.begin(slice) * g_.steps + place) * parts * g_.units,
            g_.steps * parts * g_.units};
  }
  Rows<float> in_space(float* data, int64_t parts) const { return {data, parts * g_.units}; }

  template <class Float>
  static Rows<const Float> constant(const Rows<Float>& rows) {
    return {rows.data, rows.stride};
  }

  static void copy(Rows<const float> from, int64_t rows, int64_t columns, Rows<float> to) {
    for (int64_t row = 0; row < rows; ++row) std::copy_n(from(row), columns, to(row));
  }
  static void fill(int64_t rows, int64_t columns, Rows<float> to) {
    for (int64_t row = 0; row < rows; ++row) std::fill_n(to(row), columns, 0.0f);
  }

  RecurrenceGeometry g_;
  BatchSlices slices_;
  CellCode code_;
  bool transposed_;
  PackedMatrix kernel_, candidate_kernel_;
  Buffers buffers_;
  float* packed_ = nullptr;

 private:
  PackedMatrix packed(int64_t columns) const {
    return transposed_ ? PackedMatrix(columns, g_.units) : PackedMatrix(g_.units, columns);
  }
};

class ForwardKernel final : public RecurrenceKernel {
 public:
  explicit ForwardKernel(const KernelCase& kernel_case)
      : RecurrenceKernel(kernel_case, /*transposed=*/false),
        has_bias_(kernel_case.op.inputs.size() > 2) {}

  void run(const RunContext& context) override {
    pack(context);
    context.parallel.for_each(slices_.count(), [&](int64_t slice, int) { run_slice(slice); });
  }

 private:
  // Gates, h and h before, c, and r h; those of them that are no outputs.
  int64_t slice_floats() const override {
    return space(std::max<int64_t>(1, g_.saved_parts)) + 4 * space(1);
  }

  float* kept(int index) const { return index < 0 ? nullptr : buffers_.output(index); }

  void run_slice(int64_t slice) const {
    float* const gates_space = slice_space(slice);
    float* h_spaces[2] = {gates_space + space(std::max<int64_t>(1, g_.saved_parts)), nullptr};
    h_spaces[1] = h_spaces[0] + space(1);
    float* const c_space = h_spaces[1] + space(1);
    float* const reset_space = c_space + space(1);
    float* const hidden = kept(g_.hidden_output());
    float* const gates = kept(g_.gates_output());
    float* const cells = kept(g_.cells_output());
    const auto h_at = [&](int64_t s) {
      return hidden != nullptr ? at(hidden, slice, g_.out(s), 1) : in_space(h_spaces[s % 2], 1);
    };
    const auto c_at = [&](int64_t s) {
      return cells != nullptr ? at(cells, slice, s, 1) : in_space(c_space, 1);
    };

    CellStep step{};
    step.rows = slices_.rows(slice);
    step.units = g_.units;
    step.activation = g_.activation;
    step.recurrent_activation = g_.recurrent_activation;
    step.reset_h = in_space(reset_space, 1);
    for (int64_t s = 0; s < g_.steps; ++s) {
      const Rows<const float> x = at<const float>(buffers_.input(0), slice, g_.in(s), g_.parts);
      step.gates = gates != nullptr ? at(gates, slice, s, g_.saved_parts)
                                    : in_space(gates_space, g_.saved_parts);
      step.h = h_at(s);
      step.h_before = s > 0 ? constant(h_at(s - 1)) : Rows<const float>{};
      step.c = c_at(s);
      step.c_before = s > 0 ? constant(c_at(s - 1)) : Rows<const float>{};
      run_step(step, x);
    }
    if (!g_.sequences)
      copy(constant(step.h), step.rows, g_.units,
           {buffers_.output(0) + slices_.begin(slice) * g_.units, g_.units});
  }

  void run_step(CellStep& step, const Rows<const float>& x) const {
    switch (g_.cell) {
      case Cell::kSimpleRnn:
        copy(x, step.rows, g_.units, step.h);
        add_product(kernel_, packed_, step.h_before, step.rows, step.h);
        return code_.simple_rnn(step);
      case Cell::kLstm:
        copy(x, step.rows, g_.parts * g_.units, step.gates);
        add_product(kernel_, packed_, step.h_before, step.rows, step.gates);
        return code_.lstm(step);
      case Cell::kGru:
        break;
    }
    if (g_.reset_after) {
      const float* bias = has_bias_ ? buffers_.input(2) : nullptr;
      step.x = x;
      step.x_bias = bias;
      if (bias != nullptr)
        copy({bias + g_.parts * g_.units, 0}, step.rows, g_.parts * g_.units, step.gates);
      else
        fill(step.rows, g_.parts * g_.units, step.gates);
      add_product(kernel_, packed_, step.h_before, step.rows, step.gates);
      return code_.gru_after(step);
    }
    copy(x, step.rows, g_.parts * g_.units, step.gates);
    add_product(kernel_, packed_, step.h_before, step.rows, step.gates);
    code_.gru_reset(step);
    if (step.h_before.data != nullptr)
      add_product(candidate_kernel_, candidate_packed(), constant(step.reset_h), step.rows,
                  {step.gates.data + 2 * g_.units, step.gates.stride});
    code_.gru_candidate(step);
  }

  static void add_product(const PackedMatrix& matrix, const float* packed, Rows<const float> a,
                          int64_t rows, Rows<float> sums) {
    if (a.data == nullptr) return;
    matrix.multiply(packed, a.data, a.stride, rows, sums.data, sums.stride, /*add=*/true);
  }

  bool has_bias_;
};

class BackwardKernel final : public RecurrenceKernel {
 public:
  explicit BackwardKernel(const KernelCase& kernel_case)
      : RecurrenceKernel(kernel_case, /*transposed=*/true) {}

  void run(const RunContext& context) override {
    pack(context);
    context.parallel.for_each(slices_.count(), [&](int64_t slice, int) { run_slice(slice); });
  }

 private:
  // The gradients to h, c and r h.
  int64_t slice_floats() const override { return 3 * space(1); }

  void run_slice(int64_t slice) const {
    float* const diff_h = slice_space(slice);
    float* const diff_c = diff_h + space(1);
    float* const diff_reset_h = diff_c + space(1);
    const int64_t rows = slices_.rows(slice), units = g_.units;
    std::fill_n(diff_h, 2 * space(1), 0.0f);

    CellStep step{};
    step.rows = rows;
    step.units = units;
    step.activation = g_.activation;
    step.recurrent_activation = g_.recurrent_activation;
    step.diff_h = in_space(diff_h, 1);
    step.diff_c = in_space(diff_c, 1);
    step.diff_reset_h = in_space(diff_reset_h, 1);
    for (int64_t s = g_.steps - 1; s >= 0; --s) {
      step.h = at(buffers_.input(2), slice, g_.out(s), 1);
      step.h_before =
          s > 0 ? at<const float>(buffers_.input(2), slice, g_.out(s - 1), 1) : Rows<const float>{};
      if (g_.cell != Cell::kSimpleRnn) step.gates = at(buffers_.input(3), slice, s, g_.saved_parts);
      if (g_.cell == Cell::kLstm) {
        step.c = at(buffers_.input(4), slice, s, 1);
        step.c_before =
            s > 0 ? at<const float>(buffers_.input(4), slice, s - 1, 1) : Rows<const float>{};
      }
      step.diff_x = at(buffers_.output(0), slice, g_.in(s), g_.parts);
      if (g_.cell == Cell::kGru) {
        Rows<float>& third = g_.reset_after ? step.diff_recurrent : step.reset_h;
        third = at(buffers_.output(2), slice, g_.in(s), g_.reset_after ? g_.parts : 1);
      }
      const Rows<float> before = at(buffers_.output(1), slice, g_.in(s), 1);
      if (s > 0)
        copy(step.h_before, rows, units, before);
      else
        fill(rows, units, before);
      add_arriving(slice, s, step);
      run_step(step);
    }
  }

  // The gradient to h that comes from beyond the recurrence.
  void add_arriving(int64_t slice, int64_t s, const CellStep& step) const {
    Rows<const float> diff_dst;
    if (g_.sequences)
      diff_dst = at<const float>(buffers_.input(0), slice, g_.out(s), 1);
    else if (s == g_.steps - 1)
      diff_dst = {buffers_.input(0) + slices_.begin(slice) * g_.units, g_.units};
    else
      return;
    for (int64_t row = 0; row < step.rows; ++row)
      code_.add(diff_dst(row), step.diff_h(row), g_.units);
  }

  void run_step(const CellStep& step) const {
    const auto product = [&](const PackedMatrix& matrix, const float* packed,
                             const Rows<float>& diff, int64_t from, const Rows<float>& to,
                             bool add) {
      if (step.h_before.data != nullptr)
        matrix.multiply(packed, diff.data + from, diff.stride, step.rows, to.data, to.stride, add);
    };
    switch (g_.cell) {
      case Cell::kSimpleRnn:
        code_.simple_rnn_backward(step);
        return product(kernel_, packed_, step.diff_x, 0, step.diff_h, /*add=*/false);
      case Cell::kLstm:
        code_.lstm_backward(step);
        return product(kernel_, packed_, step.diff_x, 0, step.diff_h, /*add=*/false);
      case Cell::kGru:
        break;
    }
    if (g_.reset_after) {
      code_.gru_after_backward(step);
      return product(kernel_, packed_, step.diff_recurrent, 0, step.diff_h, /*add=*/true);
    }
    code_.gru_candidate_backward(step);
    if (step.h_before.data == nullptr) fill(step.rows, g_.units, step.diff_reset_h);
    product(candidate_kernel_, candidate_packed(), step.diff_x, 2 * g_.units, step.diff_reset_h,
            /*add=*/false);
    code_.gru_reset_backward(step);
    product(kernel_, packed_, step.diff_x, 0, step.diff_h, /*add=*/true);
  }
};

}  // namespace

const Implementation& simple_rnn() {
  static const KernelImplementation<ForwardKernel> implementation("simd.simple_rnn");
  return implementation;
}
const Implementation& simple_rnn_backward() {
  static const KernelImplementation<BackwardKernel> implementation("simd.simple_rnn_backward");
  return implementation;
}
const Implementation& lstm() {
  static const KernelImplementation<ForwardKernel> implementation("simd.lstm");
  return implementation;
}
const Implementation& lstm_backward() {
  static const KernelImplementation<BackwardKernel> implementation("simd.lstm_backward");
  return implementation;
}
const Implementation& gru() {
  static const KernelImplementation<ForwardKernel> implementation("simd.gru");
  return implementation;
}
const Implementation& gru_backward() {
  static const KernelImplementation<BackwardKernel> implementation("simd.gru_backward");
  return implementation;
}

}  // namespace pronghorn::kernels::simd
