#include "graph/ops/adafactor_update.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/adafactor_update.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

// w -= w decay; returns the sum of w^2.
float decay_weights(float* w, float decay, size_t count) {
  const V d = hn::Set(D(), decay);
  return hn::GetLane(sum_of_parts(count, [&](auto part) HWY_ATTR {
    const V x = part.load(w), left = hn::NegMulAdd(x, d, x);
    part.store(left, w);
    return hn::Mul(left, left);
  }));
}

HWY_INLINE V regulated(V g, V scale, V epsilon) {
  const V scaled = hn::Mul(scale, g);
  return hn::MulAdd(scaled, scaled, epsilon);
}

// Adds a row's s = g^2 + epsilon to its columns' sums; returns their sum.
float add_squares_of_row(const float* g, float scale, float epsilon, float* sums, size_t count) {
  const V s = hn::Set(D(), scale), e = hn::Set(D(), epsilon);
  return hn::GetLane(sum_of_parts(count, [&](auto part) HWY_ATTR {
    const V square = regulated(part.load(g), s, e);
    part.store(hn::Add(part.load(sums), square), sums);
    return square;
  }));
}

// v = factor c; returns the sum of u^2 = g^2 / v.
float velocity_of_row(const float* g, const float* c, float* v, float factor, float scale,
                      size_t count) {
  const V f = hn::Set(D(), factor), s = hn::Set(D(), scale), one = hn::Set(D(), 1.0f);
  return hn::GetLane(sum_of_parts(count, [&](auto part) HWY_ATTR {
    const V velocity = hn::Mul(f, part.load(c));
    part.store(velocity, v);
    // (Ones beyond the row's end: no zero is divided by zero there.)
    const V u = hn::Div(hn::Mul(s, part.load(g)), hn::Sqrt(part.or_else(velocity, one)));
    return hn::Mul(u, u);
  }));
}

// v = keep v + take s; returns the sum of u^2.
float velocity_without_factors(const float* g, float* v, float keep, float take, float scale,
                               float epsilon, size_t count) {
  const V k = hn::Set(D(), keep), t = hn::Set(D(), take), s = hn::Set(D(), scale);
  const V e = hn::Set(D(), epsilon), one = hn::Set(D(), 1.0f);
  return hn::GetLane(sum_of_parts(count, [&](auto part) HWY_ATTR {
    const V gradient = part.load(g);
    const V velocity = hn::MulAdd(k, part.load(v), hn::Mul(t, regulated(gradient, s, e)));
    part.store(velocity, v);
    const V u = hn::Div(hn::Mul(s, gradient), hn::Sqrt(part.or_else(velocity, one)));
    return hn::Mul(u, u);
  }));
}

// w -= rate g / sqrt(v)
void step_weights(float* w, const float* g, const float* v, float rate, size_t count) {
  const V r = hn::Set(D(), rate);
  for_parts(count, [&](auto part) HWY_ATTR {
    const V step = hn::Div(hn::Mul(r, part.load(g)), hn::Sqrt(part.load(v)));
    part.store(hn::Sub(part.load(w), step), w);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <cmath>
#include <memory>

#include "kernels/simd/dispatch.h"
#include "platform/reduction_tree.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(decay_weights);
HWY_EXPORT(add_squares_of_row);
HWY_EXPORT(velocity_of_row);
HWY_EXPORT(velocity_without_factors);
HWY_EXPORT(step_weights);

// The leaves of the sums: blocks of a matrix's rows, at most so many, since each has sums of all
// columns, and of no fewer elements, so that they are worth a thread's while.
constexpr int64_t kMostBlocks = 8;
constexpr int64_t kFewestElements = 4096;

// A weight in blocks of whole rows. What is not factored is cut into rows of its own.
struct Blocks {
  graph::AdafactorGeometry g;
  int64_t rows_of_block, blocks_of_matrix;

  explicit Blocks(const Shape& parameter) : g(graph::adafactor_geometry(parameter)) {
    if (!g.factored) {
      blocks_of_matrix = (g.columns + kFewestElements - 1) / kFewestElements;
      rows_of_block = 1;
      return;
    }
    rows_of_block = std::max((g.rows + kMostBlocks - 1) / kMostBlocks,
                             (kFewestElements + g.columns - 1) / g.columns);
    blocks_of_matrix = (g.rows + rows_of_block - 1) / rows_of_block;
  }
  int64_t count() const { return g.matrices * blocks_of_matrix; }
};

class AdafactorKernel final : public Kernel {
 public:
  explicit AdafactorKernel(const KernelCase& kernel_case)
      : attributes_(kernel_case.op.attributes),
        blocks_(kernel_case.input(0).shape),
        scaled_(graph::is_scaled(kernel_case.op)),
        elements_(kernel_case.input(0).shape.elements()) {
    choose_target();
    decay_weights_ = &HWY_DYNAMIC_DISPATCH(decay_weights);
    add_squares_of_row_ = &HWY_DYNAMIC_DISPATCH(add_squares_of_row);
    velocity_of_row_ = &HWY_DYNAMIC_DISPATCH(velocity_of_row);
    velocity_without_factors_ = &HWY_DYNAMIC_DISPATCH(velocity_without_factors);
    step_weights_ = &HWY_DYNAMIC_DISPATCH(step_weights);
  }

  // Two sums of each block, the mean of each matrix's r, and the columns' sums of each block.
  size_t workspace_bytes() const override {
    const auto blocks = static_cast<size_t>(blocks_.count());
    const size_t columns = blocks_.g.factored ? blocks * static_cast<size_t>(blocks_.g.columns) : 0;
    return 2 * blocks * sizeof(double) +
           (static_cast<size_t>(blocks_.g.matrices) + columns) * sizeof(float);
  }

  void bind(const Buffers& buffers) override {
    w_ = buffers.output(0);
    gradient_ = buffers.input(1);
    r_ = buffers.output(1);
    c_ = buffers.output(2);
    v_ = buffers.output(3);
    if (scaled_) scale_ = buffers.input(5);
    squares_ = reinterpret_cast<double*>(buffers.workspace);
    steps_ = squares_ + blocks_.count();
    means_ = reinterpret_cast<float*>(steps_ + blocks_.count());
    columns_ = means_ + blocks_.g.matrices;
  }

  void run(const RunContext& context) override {
    const graph::AdafactorStep now =
        graph::adafactor_step(attributes_, context.step, context.learning_rate);
    keep_ = static_cast<float>(now.keep);
    take_ = static_cast<float>(1 - now.keep);
    gradient_scale_ = scaled_ ? *scale_ : 1.0f;
    epsilon_ = static_cast<float>(attributes_.real("epsilon_1"));
    decay_ = static_cast<float>(attributes_.real("weight_decay") * context.learning_rate);

    const Parallel& parallel = context.parallel;
    if (blocks_.g.factored) {
      for_blocks(parallel, [&](const Block& block) { sum_block(block); });
      for (int64_t matrix = 0; matrix < blocks_.g.matrices; ++matrix) finish(parallel, matrix);
      for_blocks(parallel, [&](const Block& block) { move_block(block); });
    } else {
      for_blocks(parallel, [&](const Block& block) { move_unfactored(block); });
    }
    const auto count = static_cast<double>(elements_);
    const double size = std::sqrt(tree_sum(squares_, blocks_.count()) / count);
    const double step = std::sqrt(tree_sum(steps_, blocks_.count()) / count);
    const double rate = std::max(attributes_.real("epsilon_2"), size) * now.rate /
                        std::max(1.0, step / attributes_.real("clip_threshold"));
    const auto scaled_rate = static_cast<float>(rate * static_cast<double>(gradient_scale_));
    for_blocks(parallel, [&](const Block& block) {
      step_weights_(w_ + block.begin, gradient_ + block.begin, v_ + block.begin, scaled_rate,
                    static_cast<size_t>(block.elements));
    });
  }

 private:
  struct Block {
    int64_t number, matrix, first_row, rows;
    int64_t begin, elements;  // in the weight
  };

  template <class F>
  void for_blocks(const Parallel& parallel, F&& f) const {
    const graph::AdafactorGeometry& g = blocks_.g;
    parallel.for_each(blocks_.count(), [&](int64_t number, int) {
      if (!g.factored) {
        const int64_t begin = number * kFewestElements;
        return f(Block{number, 0, 0, 1, begin, std::min(kFewestElements, g.columns - begin)});
      }
      const int64_t matrix = number / blocks_.blocks_of_matrix;
      const int64_t row = number % blocks_.blocks_of_matrix * blocks_.rows_of_block;
      const int64_t rows = std::min(blocks_.rows_of_block, g.rows - row);
      f(Block{number, matrix, row, rows, (matrix * g.rows + row) * g.columns, rows * g.columns});
    });
  }

  // The sums of a block: of w^2, and of s by rows, which are r, and by columns.
  void sum_block(const Block& block) const {
    const int64_t columns = blocks_.g.columns;
    squares_[block.number] = static_cast<double>(
        decay_weights_(w_ + block.begin, decay_, static_cast<size_t>(block.elements)));
    float* sums = columns_ + block.number * columns;
    std::fill_n(sums, columns, 0.0f);
    float* r = r_ + block.matrix * blocks_.g.rows + block.first_row;
    for (int64_t row = 0; row < block.rows; ++row) {
      const float sum =
          add_squares_of_row_(gradient_ + block.begin + row * columns, gradient_scale_, epsilon_,
                              sums, static_cast<size_t>(columns));
      r[row] = keep_ * r[row] + take_ * (sum / static_cast<float>(columns));
    }
  }

  // A matrix's c, and the mean of its r.
  void finish(const Parallel& parallel, int64_t matrix) const {
    const auto [factored, matrices, rows, columns] = blocks_.g;
    float* sums = columns_ + matrix * blocks_.blocks_of_matrix * columns;
    tree_sum(parallel, sums, blocks_.blocks_of_matrix, columns, columns, sums);
    float* c = c_ + matrix * columns;
    for (int64_t column = 0; column < columns; ++column)
      c[column] = keep_ * c[column] + take_ * (sums[column] / static_cast<float>(rows));
    double sum = 0;
    for (int64_t row = 0; row < rows; ++row) sum += static_cast<double>(r_[matrix * rows + row]);
    means_[matrix] = static_cast<float>(sum / static_cast<double>(rows));
  }

  void move_block(const Block& block) const {
    const int64_t columns = blocks_.g.columns;
    const float* r = r_ + block.matrix * blocks_.g.rows + block.first_row;
    double sum = 0;
    for (int64_t row = 0; row < block.rows; ++row) {
      const int64_t at = block.begin + row * columns;
      sum += static_cast<double>(velocity_of_row_(gradient_ + at, c_ + block.matrix * columns,
                                                  v_ + at, r[row] / means_[block.matrix],
                                                  gradient_scale_, static_cast<size_t>(columns)));
    }
    steps_[block.number] = sum;
  }

  void move_unfactored(const Block& block) const {
    const auto count = static_cast<size_t>(block.elements);
    squares_[block.number] = static_cast<double>(decay_weights_(w_ + block.begin, decay_, count));
    steps_[block.number] = static_cast<double>(velocity_without_factors_(
        gradient_ + block.begin, v_ + block.begin, keep_, take_, gradient_scale_, epsilon_, count));
  }

  graph::Attributes attributes_;
  Blocks blocks_;
  bool scaled_;
  int64_t elements_;
  float (*decay_weights_)(float* w, float decay, size_t count);
  float (*add_squares_of_row_)(const float* g, float scale, float epsilon, float* sums,
                               size_t count);
  float (*velocity_of_row_)(const float* g, const float* c, float* v, float factor, float scale,
                            size_t count);
  float (*velocity_without_factors_)(const float* g, float* v, float keep, float take, float scale,
                                     float epsilon, size_t count);
  void (*step_weights_)(float* w, const float* g, const float* v, float rate, size_t count);
  float keep_ = 0, take_ = 0, gradient_scale_ = 1, epsilon_ = 0, decay_ = 0;  // of this step
  float* w_ = nullptr;
  const float* gradient_ = nullptr;
  float *r_ = nullptr, *c_ = nullptr, *v_ = nullptr;
  const float* scale_ = nullptr;
  double *squares_ = nullptr, *steps_ = nullptr;
  float *means_ = nullptr, *columns_ = nullptr;
};

class AdafactorUpdate final : public Implementation {
 public:
  std::string_view name() const override { return "simd.adafactor_update"; }
  Family family() const override { return Family::kSimd; }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = Blocks(kernel_case.input(0).shape).count();
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<AdafactorKernel>(kernel_case);
  }
};

}  // namespace

const Implementation& adafactor_update() {
  static const AdafactorUpdate implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
