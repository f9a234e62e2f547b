// How the losses run: their rows in ranges on threads. What is computed of a row is in
// crossentropy_loss.cc, pointwise_loss.cc and row_loss.cc.
#include "graph/ops/loss.h"

#include <memory>

#include "kernels/simd/dispatch.h"
#include "kernels/simd/loss_rows.h"
#include "kernels/simd/row_kernel.h"
#include "kernels/simd/simd.h"

namespace pronghorn::kernels::simd {
namespace {

using Choose = LossFunctions (*)(const graph::LossFormula&);

LossFunctions any_loss(const graph::LossFormula& formula) {
  for (const Choose choose : {&crossentropy_loss, &pointwise_loss, &row_loss})
    if (const LossFunctions functions = choose(formula); functions.loss != nullptr)
      return functions;
  return {nullptr, nullptr};
}

RowGeometry geometry_of(const KernelCase& kernel_case) {
  const graph::LossRowCount count = graph::loss_rows(kernel_case.graph, kernel_case.op);
  return RowGeometry(count.rows, count.columns);
}

// Smoothed over the classes of a row, or over both sides of each output that is binary by itself.
float label_offset(const graph::LossFormula& formula, int64_t columns) {
  const bool binary = formula.function == graph::LossFunction::kBinaryCrossentropy ||
                      formula.function == graph::LossFunction::kBinaryFocalCrossentropy;
  return static_cast<float>(formula.label_smoothing /
                            (binary ? 2.0 : static_cast<double>(columns)));
}

class LossKernel final : public Kernel {
 public:
  // `losses` and `out` are the outputs that hold these, -1 for none.
  LossKernel(const KernelCase& kernel_case, const graph::LossFormula& formula,
             LossRowsFunction function, int losses, int out)
      : geometry_(geometry_of(kernel_case)),
        formula_(formula),
        function_(function),
        class_numbers_(graph::takes_class_numbers(formula.function)),
        weighted_(kernel_case.op.inputs.size() > 2),
        losses_index_(losses),
        out_index_(out),
        is_backward_(kernel_case.op.attributes.has("scale")),
        label_offset_(label_offset(formula, geometry_.columns)) {
    if (is_backward_) scale_ = static_cast<float>(kernel_case.op.attributes.real("scale"));
  }

  void bind(const Buffers& buffers) override {
    y_pred_ = buffers.input(0);
    y_true_ = buffers.input(1);
    if (weighted_) weights_ = buffers.input(2);
    if (losses_index_ >= 0) losses_ = buffers.output(losses_index_);
    if (out_index_ >= 0) out_ = buffers.output(out_index_);
  }

  void run(const RunContext& context) override {
    geometry_.for_rows(context.parallel, [&](int64_t first, int64_t last) {
      const int64_t at = first * geometry_.columns;
      const LossRows rows{.y_pred = y_pred_ + at,
                          .y_true = y_true_ + (class_numbers_ ? first : at),
                          .losses = losses_ == nullptr ? nullptr : losses_ + first,
                          .out = out_ == nullptr ? nullptr : out_ + at,
                          .rows = last - first,
                          .columns = static_cast<size_t>(geometry_.columns),
                          .scale = scale_,
                          .label_scale = static_cast<float>(1 - formula_.label_smoothing),
                          .label_offset = label_offset_,
                          .formula = &formula_};
      function_(rows);
      if (weighted_) apply_weights(rows, weights_ + first);
    });
  }

 private:
  // A range is small enough to lie in the nearest cache still.
  void apply_weights(const LossRows& rows, const float* weights) const {
    for (int64_t row = 0; row < rows.rows; ++row) {
      if (!is_backward_) {
        rows.losses[row] *= weights[row];
        continue;
      }
      float* const out = rows.out + row * geometry_.columns;
      for (int64_t c = 0; c < geometry_.columns; ++c) out[c] *= weights[row];
    }
  }

  RowGeometry geometry_;
  graph::LossFormula formula_;
  LossRowsFunction function_;
  bool class_numbers_, weighted_;
  int losses_index_, out_index_;
  bool is_backward_;
  float label_offset_;
  float scale_ = 1;
  const float* y_pred_ = nullptr;
  const float* y_true_ = nullptr;
  const float* weights_ = nullptr;
  float* losses_ = nullptr;
  float* out_ = nullptr;
};

class LossImplementation final : public Implementation {
 public:
  LossImplementation(std::string_view name, Choose choose, bool backward, int losses, int out)
      : name_(name), choose_(choose), backward_(backward), losses_(losses), out_(out) {}

  std::string_view name() const override { return name_; }
  Family family() const override { return Family::kSimd; }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = geometry_of(kernel_case).tasks();
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    choose_target();
    const graph::LossFormula formula = graph::loss_formula(kernel_case.op);
    const LossFunctions functions = choose_(formula);
    return std::make_unique<LossKernel>(
        kernel_case, formula, backward_ ? functions.backward : functions.loss, losses_, out_);
  }

 private:
  std::string_view name_;
  Choose choose_;
  bool backward_;
  int losses_, out_;
};

}  // namespace

const Implementation& loss() {
  static const LossImplementation implementation("simd.loss", &any_loss, /*backward=*/false, 0, -1);
  return implementation;
}
const Implementation& loss_backward() {
  static const LossImplementation implementation("simd.loss_backward", &any_loss,
                                                 /*backward=*/true, -1, 0);
  return implementation;
}
const Implementation& softmax_cross_entropy() {
  static const LossImplementation implementation(
      "simd.softmax_cross_entropy", &softmax_cross_entropy_loss, /*backward=*/false, 0, 1);
  return implementation;
}
const Implementation& softmax_cross_entropy_backward() {
  static const LossImplementation implementation(
      "simd.softmax_cross_entropy_backward", &softmax_cross_entropy_loss, /*backward=*/true, -1, 0);
  return implementation;
}

}  // namespace pronghorn::kernels::simd
