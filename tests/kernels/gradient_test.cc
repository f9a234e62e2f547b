// Every op's gradient, and every stage's, against central differences, in double precision.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "graph/ops/batch_matmul.h"
#include "graph/ops/batch_norm.h"
#include "graph/ops/broadcast.h"
#include "graph/ops/concatenate.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/embedding.h"
#include "graph/ops/group_norm.h"
#include "graph/ops/l2_normalize.h"
#include "graph/ops/loss.h"
#include "graph/ops/matmul.h"
#include "graph/ops/noise.h"
#include "graph/ops/pad.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/recurrence.h"
#include "graph/ops/reshape.h"
#include "graph/ops/softmax.h"
#include "graph/ops/sum_of_powers.h"
#include "graph/ops/sum_rows.h"
#include "graph/ops/transpose.h"
#include "graph/ops/upsample2d.h"
#include "kernels/candidates.h"
#include "kernels/case_graphs.h"
#include "kernels/single_op.h"

namespace pronghorn::test {
namespace {

using graph::kNoValue;
using graph::ValueId;

Tensor& values(FilledGraph& filled, ValueId id) { return filled.values[static_cast<size_t>(id)]; }

// Compares the gradients to inputs[0 .. differentiable) of op 0, the graph's only op so far, with
// differences of the scalar S = sum of output times `projection`. A central difference with step h
// errs by about h^2 f''' + 2^-53 f / h: with h = 1e-5 both are below 1e-9.
void expect_gradient(GraphMaker& maker, int differentiable) {
  constexpr double kStep = 1e-5, kTolerance = 1e-7;
  const graph::Op forward = maker.filled().graph.ops[0];
  FilledGraph alone = maker.filled();
  const std::vector<ValueId> gradients = maker.append_gradient(0, differentiable);
  FilledGraph& filled = maker.filled();
  const bool is_loss =
      forward.kind == &graph::loss_kind() || forward.kind == &graph::softmax_cross_entropy_kind();
  // append_gradient adds the output's gradient as the first value after the forward op's. A loss
  // ignores it: its gradient is that of the mean over the rows, times its weight.
  Tensor projection = filled.values[alone.graph.values.size()];
  if (is_loss)
    std::fill(projection.begin(), projection.end(),
              forward.attributes.real("weight") / static_cast<double>(projection.size()));
  if (forward.kind == &graph::sum_of_powers_kind()) projection = {1};
  run_in_double(filled, /*rounded=*/false);

  const auto projected = [&] {
    run_in_double(alone, /*rounded=*/false);
    const Tensor& dst = values(alone, forward.outputs[0]);
    double sum = 0;
    for (size_t i = 0; i < dst.size(); ++i) sum += dst[i] * projection[i];
    return sum;
  };
  for (int input = 0; input < differentiable; ++input) {
    const ValueId id = forward.inputs[static_cast<size_t>(input)];
    const ValueId gradient_id = gradients[static_cast<size_t>(input)];
    ASSERT_NE(gradient_id, kNoValue) << "no gradient to input " << input;
    const Tensor gradient = values(filled, gradient_id);
    double largest = 0;
    for (size_t i = 0; i < gradient.size(); ++i) {
      double& element = values(alone, id)[i];
      const double at = element;
      element = at + kStep;
      const double above = projected();
      element = at - kStep;
      const double below = projected();
      element = at;
      const double difference = (above - below) / (2 * kStep);
      largest = std::max(largest, std::abs(difference));
      EXPECT_NEAR(gradient[i], difference, kTolerance * std::max(1.0, std::abs(difference)))
          << "input " << input << ", element " << i;
    }
    EXPECT_GT(largest, 0) << "input " << input << " has no influence: the case shows nothing";
  }
}

struct Conv2dCase {
  Shape src, weights;
  graph::Conv2dWindow window;
};

TEST(Gradient, Conv2D) {
  const Conv2dCase cases[] = {
      {{2, 4, 5, 3}, {3, 2, 3, 2}, {}},
      {{2, 5, 6, 2}, {3, 3, 2, 2}, {2, 3, 1, 1, {1, 0, 1, 1}}},
      {{1, 7, 7, 1}, {3, 2, 1, 2}, {1, 1, 2, 3, {2, 1, 2, 2}}},
      {{17, 2, 2, 1}, {2, 2, 1, 2}, {}},                         // two slices
      {{2, 4, 3, 4}, {2, 2, 2, 6}, {}},                          // two groups
      {{2, 4, 4, 3}, {3, 2, 1, 6}, {2, 1, 1, 1, {1, 0, 0, 1}}},  // depthwise, two outputs each
  };
  for (const Conv2dCase& c : cases) {
    GraphMaker maker;
    const ValueId src = maker.uniform(c.src, -1, 1);
    const ValueId weights = maker.uniform(c.weights, -1, 1);
    graph::conv2d(maker.builder(), src, weights, c.window);
    expect_gradient(maker, 2);
  }
}

TEST(Gradient, Conv2DToTheBiasIsTheSumOverAllPlaces) {
  GraphMaker maker;
  const ValueId src = maker.uniform({17, 3, 3, 2}, -1, 1);
  const ValueId diff_dst = maker.uniform({17, 2, 2, 3}, -1, 1);
  maker.builder().add_op(graph::conv2d_backward_weights_kind(), {src, diff_dst},
                         {{"strides", std::vector<int64_t>{1, 1}},
                          {"dilation", std::vector<int64_t>{1, 1}},
                          {"padding", std::vector<int64_t>{0, 0, 0, 0}},
                          {"weights_shape", std::vector<int64_t>{2, 2, 2, 3}},
                          {"bias", int64_t{1}}});
  graph::sum_rows(maker.builder(), diff_dst);
  FilledGraph& filled = maker.filled();
  run_in_double(filled, /*rounded=*/false);
  const Tensor& diff_bias = values(filled, filled.graph.ops[0].outputs[1]);
  const Tensor& sums = values(filled, filled.graph.ops[1].outputs[0]);
  for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(diff_bias[c], sums[c], 1e-13);
}

TEST(Gradient, Conv2DTranspose) {
  for (const int64_t groups : {1, 2}) {
    GraphMaker maker;
    const ValueId diff_dst = maker.uniform({2, 3, 2, 4}, -1, 1);
    const ValueId weights = maker.uniform({3, 2, 2, 4}, -1, 1);
    graph::conv2d_transpose(maker.builder(), diff_dst, weights, {2, 1, 1, 1, {1, 0, 0, 1}},
                            {2, 7, 2, 2 * groups});
    expect_gradient(maker, 2);
  }
}

TEST(Gradient, Matmul) {
  GraphMaker maker;
  const ValueId a = maker.uniform({17, 3}, -1, 1);
  const ValueId b = maker.uniform({3, 4}, -1, 1);
  graph::matmul(maker.builder(), a, b);
  expect_gradient(maker, 2);
}

TEST(Gradient, BatchMatmul) {
  for (int flags = 0; flags < 32; ++flags) {
    SCOPED_TRACE(fmt::format("flags {:05b}", flags));
    const graph::BatchMatmulConfig c{(flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0,
                                     (flags & 8) != 0, (flags & 16) != 0};
    const auto shape = [](int64_t rows, int64_t columns, bool transposed, bool swapped) {
      if (transposed) std::swap(rows, columns);
      return swapped ? Shape{2, rows, 3, columns} : Shape{2, 3, rows, columns};
    };
    GraphMaker maker;
    const ValueId a = maker.uniform(shape(4, 5, c.transpose_a, c.swap_a), -1, 1);
    const ValueId b = maker.uniform(shape(5, 2, c.transpose_b, c.swap_b), -1, 1);
    graph::batch_matmul(maker.builder(), a, b, c);
    expect_gradient(maker, 2);
  }
}

TEST(Gradient, Noise) {
  for (const graph::Noise function :
       {graph::Noise::kDropout, graph::Noise::kGaussianDropout, graph::Noise::kAlphaDropout})
    for (const int64_t shared_axis : {-1, 1}) {
      GraphMaker maker;
      graph::noise(maker.builder(), maker.uniform({5, 3, 4}, -1, 1), function, 0.4, 5, shared_axis);
      expect_gradient(maker, 1);
    }
}

TEST(Gradient, CausalSoftmax) {
  GraphMaker maker;
  graph::causal_softmax(maker.builder(), maker.uniform({2, 3, 4}, -2, 2));
  // What no step sees has no influence: the last column's gradient is 0.
  expect_gradient(maker, 1);
}

TEST(Gradient, MaxPool2D) {
  for (const auto& [pool, stride] : {std::pair{2, 2}, {3, 2}, {3, 1}}) {
    GraphMaker maker;
    const ValueId src = maker.uniform({2, 5, 6, 2}, -1, 1);
    graph::max_pool2d(maker.builder(), src, {pool, pool, stride, stride, {1, 0, 1, 1}});
    expect_gradient(maker, 1);
  }
}

TEST(Gradient, AveragePool2D) {
  for (const auto& [pool, stride] : {std::pair{2, 2}, {3, 2}, {3, 1}}) {
    GraphMaker maker;
    const ValueId src = maker.uniform({2, 5, 6, 2}, -1, 1);
    graph::average_pool2d(maker.builder(), src, {pool, pool, stride, stride, {1, 0, 1, 1}});
    expect_gradient(maker, 1);
  }
}

TEST(Gradient, Softmax) {
  GraphMaker maker;
  graph::softmax(maker.builder(), maker.uniform({3, 5}, -2, 2));
  expect_gradient(maker, 1);
}

TEST(Gradient, LogSoftmax) {
  GraphMaker maker;
  graph::log_softmax(maker.builder(), maker.uniform({3, 5}, -2, 2));
  expect_gradient(maker, 1);
}

TEST(Gradient, L2Normalize) {
  GraphMaker maker;
  graph::l2_normalize(maker.builder(), maker.uniform({3, 5}, -2, 2), 1e-12);
  expect_gradient(maker, 1);
}

TEST(Gradient, BatchNorm) {
  for (const bool scale : {false, true})
    for (const bool center : {false, true}) {
      SCOPED_TRACE(fmt::format("scale {}, center {}", scale, center));
      GraphMaker maker;
      const Shape channels{3};
      const ValueId src = maker.uniform({17, 2, 1, 3}, -1, 3);
      const ValueId gamma = scale ? maker.uniform(channels, 0.5, 1.5) : kNoValue;
      const ValueId beta = center ? maker.uniform(channels, -1, 1) : kNoValue;
      const ValueId mean = maker.uniform(channels, -1, 1);
      const ValueId variance = maker.uniform(channels, 0.5, 1);
      graph::batch_norm_training(maker.builder(), src, gamma, beta, mean, variance, {});
      expect_gradient(maker, 1 + scale + center);
    }
}

TEST(Gradient, GroupNorm) {
  for (const bool scale : {false, true})
    for (const bool center : {false, true})
      for (const int64_t groups : {1, 2}) {
        SCOPED_TRACE(fmt::format("scale {}, center {}, {} groups", scale, center, groups));
        GraphMaker maker;
        const Shape channels{4};
        const ValueId src = maker.uniform({17, 3, 4}, -1, 3);
        const ValueId gamma = scale ? maker.uniform(channels, 0.5, 1.5) : kNoValue;
        const ValueId beta = center ? maker.uniform(channels, -1, 1) : kNoValue;
        graph::group_norm(maker.builder(), src, gamma, beta, groups, 1e-3);
        expect_gradient(maker, 1 + scale + center);
      }
}

struct RecurrenceCase {
  graph::RecurrenceConfig config;
  bool bias = false;
};

TEST(Gradient, Recurrences) {
  using graph::Cell;
  std::vector<RecurrenceCase> cases;
  for (const bool sequences : {false, true})
    for (const bool backwards : {false, true}) {
      const bool aligned = sequences && backwards;
      cases.push_back(
          {{Cell::kSimpleRnn, "tanh", "sigmoid", false, sequences, backwards, aligned}});
      cases.push_back({{Cell::kLstm, "tanh", "sigmoid", false, sequences, backwards, false}});
      cases.push_back({{Cell::kGru, "tanh", "sigmoid", false, sequences, backwards, aligned}});
      cases.push_back({{Cell::kGru, "tanh", "sigmoid", true, sequences, backwards, false}, true});
      cases.push_back({{Cell::kGru, "tanh", "sigmoid", true, sequences, backwards, aligned}});
    }
  cases.push_back({{Cell::kLstm, "sigmoid", "tanh"}});
  cases.push_back({{Cell::kLstm, "linear", "hard_sigmoid"}});
  for (RecurrenceCase& c : cases) {
    SCOPED_TRACE(fmt::format("{}, {}, {}, reset_after {}, sequences {}, backwards {}, bias {}",
                             graph::recurrence_kind(c.config.cell).name(), c.config.activation,
                             c.config.recurrent_activation, c.config.reset_after,
                             c.config.sequences, c.config.backwards, c.bias));
    GraphMaker maker;
    const int64_t units = 3, columns = units * (c.config.cell == Cell::kLstm  ? 4
                                                : c.config.cell == Cell::kGru ? 3
                                                                              : 1);
    const ValueId x = maker.uniform({17, 3, columns}, -1, 1);
    const ValueId kernel = maker.uniform({units, columns}, -1, 1);
    const ValueId bias = c.bias ? maker.uniform({2, columns}, -1, 1) : kNoValue;
    c.config.keep = true;
    graph::recurrence(maker.builder(), x, kernel, bias, c.config);
    expect_gradient(maker, c.bias ? 3 : 2);
  }
}

TEST(Gradient, EmbeddingsRowsThatAreNamedOftenGetTheSum) {
  GraphMaker maker;
  const ValueId indices = maker.input({3, 2}, {0, 2, 2, 1, 2, 7});  // 7 is no row: no gradient
  graph::embedding(maker.builder(), indices, maker.uniform({4, 3}, -1, 1));
  const ValueId diff_table = maker.append_gradient(0, 2)[1];
  FilledGraph& filled = maker.filled();
  run_in_double(filled, /*rounded=*/false);
  const Tensor& diff_dst = values(filled, filled.graph.ops[1].inputs[1]);
  const Tensor& gradient = values(filled, diff_table);
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_EQ(gradient[c], diff_dst[c]);
    EXPECT_EQ(gradient[3 + c], diff_dst[9 + c]);
    EXPECT_EQ(gradient[6 + c], diff_dst[3 + c] + diff_dst[6 + c] + diff_dst[12 + c]);
    EXPECT_EQ(gradient[9 + c], 0);
    EXPECT_TRUE(std::isnan(values(filled, filled.graph.ops[0].outputs[0])[15 + c]));
  }
}

TEST(Gradient, Concatenate) {
  GraphMaker maker;
  const ValueId a = maker.uniform({2, 3, 2}, -1, 1), b = maker.uniform({2, 1, 2}, -1, 1);
  graph::concatenate(maker.builder(), {a, b}, 1);
  expect_gradient(maker, 2);
}

TEST(Gradient, Reshape) {
  GraphMaker maker;
  graph::reshape(maker.builder(), maker.uniform({2, 3, 4}, -1, 1), {2, 12});
  expect_gradient(maker, 1);
}

TEST(Gradient, Transpose) {
  GraphMaker maker;
  graph::transpose(maker.builder(), maker.uniform({2, 3, 4, 5}, -1, 1), {0, 3, 1, 2});
  expect_gradient(maker, 1);
}

TEST(Gradient, PadAndCrop) {
  for (const bool pads : {true, false}) {
    GraphMaker maker;
    const ValueId src = maker.uniform({2, 4, 5, 3}, -1, 1);
    const auto change = pads ? graph::pad : graph::crop;
    change(maker.builder(), src, {0, 1, 0, 1}, {0, 0, 2, 0});
    expect_gradient(maker, 1);
  }
}

TEST(Gradient, Broadcast) {
  for (const Shape& src : {Shape{2, 1, 3}, Shape{2, 4, 1}, Shape{1, 4, 3}}) {
    GraphMaker maker;
    graph::broadcast(maker.builder(), maker.uniform(src, -1, 1), {2, 4, 3});
    expect_gradient(maker, 1);
  }
}

TEST(Gradient, ReduceSum) {
  GraphMaker maker;
  graph::reduce_sum(maker.builder(), maker.uniform({2, 4, 3}, -1, 1), {2, 1, 3});
  expect_gradient(maker, 1);
}

TEST(Gradient, Upsample2D) {
  for (const auto interpolation :
       {graph::Interpolation::kNearest, graph::Interpolation::kBilinear}) {
    GraphMaker maker;
    graph::upsample2d(maker.builder(), maker.uniform({2, 3, 2, 2}, -1, 1), 2, 3, interpolation);
    expect_gradient(maker, 1);
  }
}

// Every loss, at predictions away from the clip's edges and from kinks.
std::vector<graph::LossFormula> loss_formulas() {
  using F = graph::LossFunction;
  std::vector<graph::LossFormula> formulas;
  for (int i = 0; i < graph::kLossFunctions; ++i) {
    graph::LossFormula formula;
    formula.function = static_cast<F>(i);
    formula.alpha = 0.3;
    formula.beta = 0.6;
    formula.gamma = 2;
    formula.delta = 0.8;  // labels are .1 to 1.5 away from predictions
    formulas.push_back(formula);
    if (graph::can_smooth_labels(formula.function)) {
      formula.label_smoothing = 0.2;
      formulas.push_back(formula);
    }
    if (graph::can_take_logits(formula.function)) {
      formula.from_logits = true;
      formula.gamma = 1.5;
      formula.apply_class_balancing = true;
      formulas.push_back(formula);
    }
    if (graph::has_row_axes(formula.function)) {
      formula.row_axes = 1;
      formulas.push_back(formula);
    }
  }
  return formulas;
}

// Soft labels whose sum is not one: a gradient that takes it for one fails. Those of
// categorical_hinge leave a margin to be made up.
ValueId soft_labels(GraphMaker& maker, graph::LossFunction function) {
  const bool hinge = function == graph::LossFunction::kCategoricalHinge;
  return maker.uniform({4, 3}, hinge ? 0.1 : 1.0, hinge ? 0.3 : 1.6);
}

TEST(Gradient, Losses) {
  for (const graph::LossFormula& formula : loss_formulas())
    for (const bool weighted : {false, true})
      for (const bool fused : {false, true}) {
        if (fused && (!formula.from_logits ||
                      formula.function > graph::LossFunction::kSparseCategoricalCrossentropy))
          continue;
        SCOPED_TRACE(fmt::format("{}, from_logits {}, smoothing {}, weighted {}, fused {}",
                                 to_string(formula.function), formula.from_logits,
                                 formula.label_smoothing, weighted, fused));
        GraphMaker maker;
        const ValueId y_pred = maker.uniform({4, 3}, 0.1, 0.9);
        const ValueId y_true = graph::takes_class_numbers(formula.function)
                                   ? maker.input({4}, {2, 0, 1, 2})
                                   : soft_labels(maker, formula.function);
        const Shape rows = graph::loss_shape(formula, {4, 3});
        const ValueId weights = weighted ? maker.uniform(rows, 0.2, 2) : kNoValue;
        graph::loss(maker.builder(), y_pred, y_true, formula, weights, 0.7);
        if (fused) {
          const graph::Op op = maker.builder().graph().ops.back();
          GraphMaker again;
          std::vector<ValueId> inputs{again.input({4, 3}, values(maker.filled(), y_pred)),
                                      again.input(maker.builder().graph().value(y_true).shape,
                                                  values(maker.filled(), y_true))};
          if (weighted) inputs.push_back(again.input(rows, values(maker.filled(), weights)));
          again.builder().add_op(graph::softmax_cross_entropy_kind(), inputs, op.attributes);
          expect_gradient(again, 1);
        } else {
          expect_gradient(maker, 1);
        }
      }
}

// A penalty's gradient is its own, whatever depends on it.
TEST(Gradient, SumOfPowers) {
  for (const auto& [absolute, square] : {std::pair{0.3, 0.0}, {0.0, 0.7}, {0.3, 0.7}}) {
    GraphMaker maker;
    const ValueId src = maker.away_from_zero({3, 5}, 0.1, 3);
    graph::sum_of_powers(maker.builder(), src, absolute, square);
    expect_gradient(maker, 1);
  }
}

TEST(Gradient, ProbabilitiesThatAreClippedHaveNone) {
  GraphMaker maker;
  const ValueId y_pred = maker.input({1, 3}, {0, 1, 0});
  const ValueId y_true = maker.input({1, 3}, {1, 0, 0});
  graph::loss(maker.builder(), y_pred, y_true, graph::LossFunction::kCategoricalCrossentropy,
              /*from_logits=*/false);
  const ValueId gradient = maker.append_gradient(0, 1)[0];
  run_in_double(maker.filled(), /*rounded=*/false);
  EXPECT_EQ(values(maker.filled(), gradient), (Tensor{0, 0, 0}));
}

TEST(Gradient, EveryStageThatHasOne) {
  int checked = 0;
  for (int i = 0; i <= static_cast<int>(graph::StageFunction::kDropout); ++i) {
    const auto function = static_cast<graph::StageFunction>(i);
    const graph::StageTraits& traits = graph::stage_traits(function);
    const bool by_other_ops =
        function == graph::StageFunction::kBiasAdd || function == graph::StageFunction::kAdd ||
        function == graph::StageFunction::kShift || function == graph::StageFunction::kMaximum ||
        function == graph::StageFunction::kMinimum;
    if (!traits.backward && !by_other_ops) continue;
    SCOPED_TRACE(traits.name);
    GraphMaker maker;
    graph::Stage stage{function};
    stage.alpha = 0.3;  // a slope, a factor, or dropout's rate
    stage.beta = 2;     // above alpha, which it bounds together with
    stage.gamma = 0.2;
    stage.stream = 5;
    const ValueId src = maker.away_from_zero({17, 3}, 0.1, 3);
    const Shape operand_shape =
        function == graph::StageFunction::kBiasAdd ? Shape{3} : Shape{17, 3};
    const ValueId operand = traits.has_operand ? maker.uniform(operand_shape, -1, 1) : kNoValue;
    graph::elementwise(maker.builder(), src, stage, operand);
    expect_gradient(maker, traits.has_operand ? 2 : 1);
    ++checked;
  }
  EXPECT_EQ(checked, 26);
}

}  // namespace
}  // namespace pronghorn::test
