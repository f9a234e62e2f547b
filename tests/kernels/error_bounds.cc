#include "kernels/error_bounds.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "graph/ops/accumulate_gradient.h"
#include "graph/ops/adafactor_update.h"
#include "graph/ops/batch_matmul.h"
#include "graph/ops/batch_norm.h"
#include "graph/ops/broadcast.h"
#include "graph/ops/clip_factor.h"
#include "graph/ops/concatenate.h"
#include "graph/ops/constrain.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/conv2d_max_pool2d_backward.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/embedding.h"
#include "graph/ops/group_norm.h"
#include "graph/ops/l2_normalize.h"
#include "graph/ops/loss.h"
#include "graph/ops/matmul.h"
#include "graph/ops/matmul_update.h"
#include "graph/ops/moving_average.h"
#include "graph/ops/noise.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/recurrence.h"
#include "graph/ops/reshape.h"
#include "graph/ops/softmax.h"
#include "graph/ops/sum_of_powers.h"
#include "graph/ops/sum_rows.h"
#include "graph/ops/upsample2d.h"
#include "kernels/reference/stages.h"

namespace pronghorn::test {
namespace {

using graph::StageFunction;

constexpr double kUnit = 0x1p-24;
// Results below the smallest normal float are flushed to zero.
constexpr double kSmallest = 0x1p-126;
// An elementary function (exp, log, tanh, erf) in single precision: vector libraries promise
// errors of up to 4 units in the last place, which are 8 u.
constexpr double kFunction = 8 * kUnit;

// The relative error of a sum of this many terms. 6 standard deviations of a random walk; some
// units more for what becomes of the sum.
double rounding(int64_t terms) {
  const double k = static_cast<double>(terms);
  return kUnit * (std::min(k, 6 * std::sqrt(k)) + 4);
}

const Tensor& input(const FilledGraph& filled, const graph::Op& op, int index) {
  return filled.values[static_cast<size_t>(op.inputs[static_cast<size_t>(index)])];
}

graph::Op without_epilogue(const graph::Op& op, size_t stages_kept = 0) {
  graph::Op bare = op;
  bare.epilogue.resize(stages_kept);
  return bare;
}

// The sum of the magnitudes of the terms that each output element is the sum of.
std::vector<Tensor> magnitudes(FilledGraph filled, const graph::Op& op) {
  for (graph::ValueId id : op.inputs)
    for (double& element : filled.values[static_cast<size_t>(id)]) element = std::abs(element);
  return run_op_in_double(filled, without_epilogue(op));
}

// Of ops whose outputs are sums of products of inputs.
std::vector<Tensor> sum_bounds(const FilledGraph& filled, const graph::Op& op, int64_t terms,
                               bool winograd) {
  std::vector<Tensor> bounds = magnitudes(filled, op);
  for (Tensor& bound : bounds)
    for (double& element : bound) element = element * rounding(terms) + kSmallest;
  if (winograd) {
    // F(4x4, 3x3) loses about a digit and a half more than the direct sum (Barabasz, Anderson,
    // Soodhalter, Gregg: ACM Trans. Math. Softw. 46, 2020, table 3), relative to the largest.
    constexpr double kWinogradGrowth = 32;
    const double largest = *std::max_element(bounds[0].begin(), bounds[0].end());
    std::fill(bounds[0].begin(), bounds[0].end(), kWinogradGrowth * largest);
  }
  return bounds;
}

// The largest of some sums errs by no more than they do. Where two of a window's sums are closer
// than their errors, either may win.
std::vector<Tensor> pooled_convolution_bounds(const FilledGraph& filled, const graph::Op& op,
                                              const std::vector<Tensor>& expected, int64_t terms,
                                              bool winograd) {
  // The convolution alone; case_graphs.cc has one in the same graph.
  const auto found =
      std::find_if(filled.graph.ops.begin(), filled.graph.ops.end(), [&](const graph::Op& other) {
        return other.kind == &graph::conv2d_kind() && other.inputs[0] == op.inputs[0] &&
               other.inputs[1] == op.inputs[1];
      });
  if (found == filled.graph.ops.end()) throw std::logic_error("the graph lacks the convolution");
  const graph::Op convolution = without_epilogue(*found);
  const Tensor sums = run_op_in_double(filled, convolution)[0];
  const Tensor errors = sum_bounds(filled, convolution, terms, winograd)[0];
  const graph::PoolWindow pool = graph::pool_window(op);
  const Shape& dst = filled.graph.output(op, 0).shape;
  const Shape& images = filled.graph.output(convolution, 0).shape;
  std::vector<Tensor> bounds = expected;
  size_t element = 0;
  for (int64_t n = 0; n < dst[0]; ++n)
    for (int64_t y = 0; y < dst[1]; ++y)
      for (int64_t x = 0; x < dst[2]; ++x)
        for (int64_t c = 0; c < dst[3]; ++c, ++element) {
          std::vector<std::pair<double, double>> window;  // largest first
          for (int64_t i = 0; i < pool.height * pool.width; ++i) {
            const int64_t row = y * pool.height + i / pool.width;
            const int64_t column = x * pool.width + i % pool.width;
            const auto at =
                static_cast<size_t>(((n * images[1] + row) * images[2] + column) * images[3] + c);
            window.emplace_back(-sums[at], errors[at]);
          }
          std::sort(window.begin(), window.end());
          double largest_error = 0;
          for (const auto& [sum, error] : window) largest_error = std::max(largest_error, error);
          const bool close =
              window.size() > 1 && window[1].first - window[0].first <= 2 * largest_error;
          bounds[0][element] = largest_error;
          bounds[1][element] = close ? static_cast<double>(window.size()) : 0;
        }
  return bounds;
}

// What a stage f with y = f(x, o) adds to the error.
double stage_rounding(const graph::Stage& stage, double x, double o, double y) {
  switch (stage.function) {
    case StageFunction::kBiasAdd:
    case StageFunction::kAdd:
    case StageFunction::kMultiply:
    case StageFunction::kAddSign:
    case StageFunction::kRelu:
    case StageFunction::kLeakyRelu:
    case StageFunction::kReluBackward:
    case StageFunction::kLeakyReluBackward:
    case StageFunction::kScale:
    case StageFunction::kDropout:
    case StageFunction::kMaximum:
    case StageFunction::kMinimum:
    case StageFunction::kHardShrink:
    case StageFunction::kWherePositive:
    case StageFunction::kClipBackward:
    case StageFunction::kCappedReluBackward:
    case StageFunction::kHardShrinkBackward:
    case StageFunction::kSoftShrinkBackward:
    case StageFunction::kExponentialBackward:
      return 3 * kUnit * std::abs(y);
    case StageFunction::kClip:
    case StageFunction::kSoftShrink:
    case StageFunction::kShift:  // alpha and beta are rounded to floats
      return 3 * kUnit * (std::abs(y) + std::abs(stage.alpha) + std::abs(stage.beta));
    case StageFunction::kCappedRelu:
      return 3 * kUnit * (std::abs(y) + std::abs(stage.beta) + std::abs(stage.alpha * stage.gamma));
    case StageFunction::kSoftsign:
    case StageFunction::kSquareplus:
    case StageFunction::kSoftsignBackward:
    case StageFunction::kSquareplusBackward:
    case StageFunction::kSparsePlusBackward:
      return 8 * kUnit * std::abs(y);
    case StageFunction::kSparsePlus:  // x + 1 cancels
      return 4 * kUnit * (1 + std::abs(x));
    case StageFunction::kSigmoid:
    case StageFunction::kTanh:
    case StageFunction::kSilu:
    case StageFunction::kElu:
    case StageFunction::kSoftplus:
    case StageFunction::kSoftplusBackward:
    case StageFunction::kExponential:
    case StageFunction::kMish:
      return 2 * kFunction * std::abs(y);
    case StageFunction::kGelu:
    case StageFunction::kGeluApproximate:  // 1 + erf and 1 + tanh cancel for negative x
      return 2 * kFunction * std::abs(x);
    case StageFunction::kSigmoidBackward:
      return 4 * kUnit * std::abs(x * o) * (1 + std::abs(o));
    case StageFunction::kTanhBackward:
      return 4 * kUnit * std::abs(x) * (1 + o * o);
    case StageFunction::kEluBackward:
      return 4 * kUnit * std::abs(x) * (std::abs(o) + std::abs(stage.alpha));
    case StageFunction::kGeluBackward:
    case StageFunction::kSiluBackward:
    case StageFunction::kMishBackward:
      return 2 * kFunction * std::abs(x) * (1 + std::abs(o));
    case StageFunction::kGeluApproximateBackward:
      // The slope of the cubic multiplies 1 - tanh^2, which cancels; beyond |o| = 10 it is zero.
      return 2 * kFunction * std::abs(x) * (1 + std::abs(o) * (1 + 0.134 * std::min(o * o, 100.0)));
  }
  return 0;
}

// How much a stage can enlarge an error in x. All but a few are linear in x or flatter than that.
double stage_growth(const graph::Stage& stage, double o) {
  switch (stage.function) {
    case StageFunction::kMultiply:
      return std::abs(o);
    case StageFunction::kScale:
    case StageFunction::kElu:
    case StageFunction::kLeakyRelu:
    case StageFunction::kLeakyReluBackward:
      return std::max(1.0, std::abs(stage.alpha));
    case StageFunction::kGelu:
    case StageFunction::kGeluApproximate:
    case StageFunction::kGeluBackward:
    case StageFunction::kGeluApproximateBackward:
    case StageFunction::kSilu:
    case StageFunction::kSiluBackward:
    case StageFunction::kMish:
    case StageFunction::kMishBackward:
      return 1.13;  // the steepest slope of gelu
    case StageFunction::kSigmoidBackward:
    case StageFunction::kTanhBackward:
    case StageFunction::kEluBackward:
      return std::abs(kernels::reference::apply_stage(stage, 1.0, o));
    case StageFunction::kDropout:
      return 1 / (1 - stage.alpha);
    default:
      return 1;
  }
}

// `bound`, of what comes before the epilogue, carried through it.
void carry_through_stages(const FilledGraph& filled, const graph::Op& op, Tensor& bound) {
  for (size_t i = 0; i < op.epilogue.size(); ++i) {
    const graph::Stage& stage = op.epilogue[i];
    const Tensor x = run_op_in_double(filled, without_epilogue(op, i))[0];
    const Tensor y = run_op_in_double(filled, without_epilogue(op, i + 1))[0];
    for (size_t element = 0; element < bound.size(); ++element) {
      double operand = 0;
      // (What is flushed to zero may be multiplied by x and o after.)
      if (stage.operand >= 0) {
        const Tensor& o = input(filled, op, stage.operand);
        operand = o[element % o.size()];  // a bias repeats along the last axis
      }
      bound[element] = bound[element] * stage_growth(stage, operand) +
                       stage_rounding(stage, x[element], operand, y[element]) +
                       kSmallest * (1 + std::abs(x[element])) * (1 + std::abs(operand));
    }
  }
}

double largest_magnitude(const Tensor& tensor) {
  double most = 0;
  for (double element : tensor) most = std::max(most, std::abs(element));
  return most;
}

std::vector<Tensor> softmax_bounds(const FilledGraph& filled, const graph::Op& op,
                                   const Tensor& expected) {
  // exp(x - max): the difference is rounded before exp multiplies that error.
  const auto columns = filled.graph.output(op, 0).shape.back();
  const double relative =
      kFunction + 2 * kUnit * largest_magnitude(input(filled, op, 0)) + rounding(columns);
  Tensor bound = expected;
  for (double& element : bound) element = relative * element + kSmallest;
  return {bound};
}

std::vector<Tensor> softmax_backward_bounds(const FilledGraph& filled, const graph::Op& op) {
  const auto columns = static_cast<size_t>(filled.graph.output(op, 0).shape.back());
  const Tensor& dst = input(filled, op, 0);
  const Tensor& diff_dst = input(filled, op, 1);
  Tensor bound(dst.size());
  for (size_t row = 0; row < dst.size(); row += columns) {
    double dot = 0;
    for (size_t c = row; c < row + columns; ++c) dot += std::abs(dst[c] * diff_dst[c]);
    for (size_t c = row; c < row + columns; ++c)
      bound[c] = rounding(static_cast<int64_t>(columns)) * dst[c] * (dot + std::abs(diff_dst[c])) +
                 kSmallest;
  }
  return {bound};
}

// The largest and the logarithm of the sum are subtracted, each with an error of its own size.
std::vector<Tensor> log_softmax_bounds(const FilledGraph& filled, const graph::Op& op,
                                       const Tensor& expected) {
  const auto columns = filled.graph.output(op, 0).shape.back();
  const double reach = largest_magnitude(input(filled, op, 0));
  Tensor bound = expected;
  for (double& element : bound)
    element = 4 * kUnit * (std::abs(element) + reach) + kFunction + rounding(columns);
  return {bound};
}

std::vector<Tensor> log_softmax_backward_bounds(const FilledGraph& filled, const graph::Op& op) {
  const auto columns = static_cast<size_t>(filled.graph.output(op, 0).shape.back());
  const Tensor& dst = input(filled, op, 0);
  const Tensor& diff_dst = input(filled, op, 1);
  Tensor bound(dst.size());
  for (size_t row = 0; row < dst.size(); row += columns) {
    double sum = 0;
    for (size_t c = row; c < row + columns; ++c) sum += std::abs(diff_dst[c]);
    for (size_t c = row; c < row + columns; ++c)
      bound[c] = (rounding(static_cast<int64_t>(columns)) + kFunction) *
                     (std::exp(dst[c]) * sum + std::abs(diff_dst[c])) +
                 kSmallest;
  }
  return {bound};
}

std::vector<Tensor> l2_normalize_bounds(const FilledGraph& filled, const graph::Op& op,
                                        const Tensor& expected) {
  const auto columns = static_cast<size_t>(filled.graph.output(op, 0).shape.back());
  const double relative = 2 * rounding(static_cast<int64_t>(columns)) + 8 * kUnit;
  const bool backward = op.kind == &graph::l2_normalize_backward_kind();
  const Tensor& src = input(filled, op, 0);
  Tensor bound = expected;
  for (size_t row = 0; row < bound.size(); row += columns) {
    double squares = 0, dot = 0;
    for (size_t c = row; c < row + columns; ++c) {
      squares += src[c] * src[c];
      if (backward) dot += std::abs(src[c] * input(filled, op, 1)[c]);
    }
    for (size_t c = row; c < row + columns; ++c) {
      const double terms =
          backward ? (std::abs(input(filled, op, 1)[c]) + std::abs(src[c]) * dot / squares) /
                         std::sqrt(squares)
                   : std::abs(expected[c]);
      bound[c] = relative * terms + kSmallest;
    }
  }
  return {bound};
}

// The weight of a loss's row; 1 where it has none.
double row_weight(const FilledGraph& filled, const graph::Op& op, size_t row) {
  return op.inputs.size() > 2 ? std::abs(input(filled, op, 2)[row]) : 1;
}

// A loss is a sum over its row of terms y log p: their rounding is relative to the logarithm or
// logit, which is at most 16 after the clip, or to the squares of a regression. Powers, which the
// focal losses have, are exponentials of logarithms.
std::vector<Tensor> loss_bounds(const FilledGraph& filled, const graph::Op& op,
                                const std::vector<Tensor>& expected) {
  const auto columns = graph::loss_rows(filled.graph, op).columns;
  const Tensor& pred = input(filled, op, 0);
  const Tensor& labels = input(filled, op, 1);
  const double reach = std::max(16.0, largest_magnitude(pred));
  const size_t labels_per_row = labels.size() / expected[0].size();
  std::vector<Tensor> bounds = expected;
  for (size_t row = 0; row < expected[0].size(); ++row) {
    double weight = 1;
    for (size_t c = 0; c < labels_per_row && labels_per_row > 1; ++c)
      weight += std::abs(labels[row * labels_per_row + c]);
    const double own = row_weight(filled, op, row);
    bounds[0][row] = (kFunction + rounding(columns) + 4 * kUnit) *
                     (reach * own + std::abs(expected[0][row])) * weight;
  }
  if (expected.size() > 1) bounds[1] = softmax_bounds(filled, op, expected[1])[0];
  return bounds;
}

// How large what a prediction's slope is a sum of can be, beside the slope itself. p: the
// prediction, y: its label; sum and length are those of the row's predictions.
double slope_terms(const graph::LossFormula& formula, double p, double y, double columns,
                   double sum, double length) {
  using F = graph::LossFunction;
  switch (formula.function) {
    case F::kMeanSquaredError:
    case F::kMeanAbsoluteError:
    case F::kHuber:
    case F::kLogCosh:
      return 2 * (std::abs(p) + y) / columns;
    case F::kHinge:
    case F::kSquaredHinge:
      return 4 * (1 + std::abs(p) * y) * y / columns;
    case F::kMeanAbsolutePercentageError:
      return 100 / std::max(y, 1e-7) / columns;
    case F::kMeanSquaredLogarithmicError:
      return 8 / columns;
    case F::kPoisson:
      return (1 + y / p) / columns;
    case F::kBinaryCrossentropy:
      if (formula.from_logits || p <= 0) return (1 + y) / columns;
      return (1 + y) / columns / (p * (1 - p));
    case F::kBinaryFocalCrossentropy:
      if (formula.from_logits || p <= 0) return 20 * (1 + formula.gamma) * (1 + y) / columns;
      return (1 + formula.gamma) * (1 + y) / columns * (16 + 1 / (p * (1 - p)));
    case F::kCategoricalFocalCrossentropy:
      // Half of the rows' labels are soft: what they pull at together comes to at most this.
      return 16 * (1 + formula.gamma) * columns * (formula.from_logits || p <= 0 ? 1 : 1 / p);
    case F::kCategoricalHinge:
      return 2 * (1 + y);
    case F::kCosineSimilarity:
      return 2 / length;
    case F::kDice:
    case F::kTversky:
      return 4 * (1 + y) / sum;
    default:
      return formula.from_logits || p <= 0 ? y : y / p + 1;
  }
}

std::vector<Tensor> loss_backward_bounds(const FilledGraph& filled, const graph::Op& op,
                                         const Tensor& expected) {
  const auto columns = static_cast<size_t>(graph::loss_rows(filled.graph, op).columns);
  const double scale = op.attributes.real("scale");
  graph::LossFormula formula = graph::loss_formula(op);
  if (op.kind == &graph::softmax_cross_entropy_backward_kind()) formula.from_logits = false;
  const Tensor& pred = input(filled, op, 0);
  const Tensor& labels = input(filled, op, 1);
  const bool class_numbers = graph::takes_class_numbers(formula.function);
  const double reach = formula.from_logits ? largest_magnitude(pred) : 0;
  const double relative =
      kFunction + 4 * kUnit * reach + rounding(static_cast<int64_t>(columns)) + 4 * kUnit;
  Tensor bound(expected.size());
  for (size_t row = 0; row < expected.size() / columns; ++row) {
    double sum = 0, square = 0;
    for (size_t i = row * columns; i < (row + 1) * columns; ++i) {
      sum += std::abs(pred[i]);
      square += pred[i] * pred[i];
    }
    for (size_t i = row * columns; i < (row + 1) * columns; ++i) {
      // Smoothing adds its share to each label.
      const double y = class_numbers ? 1 : std::abs(labels[i]) + formula.label_smoothing;
      const double terms =
          slope_terms(formula, pred[i], y, static_cast<double>(columns), sum, std::sqrt(square));
      bound[i] = relative * (std::abs(expected[i]) + scale * terms * row_weight(filled, op, row)) +
                 kSmallest;
    }
  }
  return {bound};
}

// The mean and the mean square deviation of each channel, with their errors.
struct Channel {
  double mean = 0, mean_magnitude = 0, variance = 0;
  double mean_error = 0, variance_error = 0;
};
std::vector<Channel> channel_statistics(const Tensor& src, size_t channels) {
  const double rows = static_cast<double>(src.size() / channels);
  const double relative = rounding(static_cast<int64_t>(rows));
  std::vector<Channel> result(channels);
  for (size_t i = 0; i < src.size(); ++i) {
    result[i % channels].mean += src[i] / rows;
    result[i % channels].mean_magnitude += std::abs(src[i]) / rows;
  }
  std::vector<double> squares(channels);
  for (size_t i = 0; i < src.size(); ++i) {
    Channel& channel = result[i % channels];
    channel.variance += (src[i] - channel.mean) * (src[i] - channel.mean) / rows;
    squares[i % channels] += src[i] * src[i] / rows;
  }
  for (size_t c = 0; c < channels; ++c) {
    result[c].mean_error = relative * result[c].mean_magnitude;
    // Also the one-pass formula, the mean of squares less the square of the mean, is allowed.
    result[c].variance_error = 2 * relative * (squares[c] + result[c].mean * result[c].mean);
  }
  return result;
}

double gamma_of(const FilledGraph& filled, const graph::Op& op, size_t c) {
  const int at = graph::batch_norm_inputs(op).gamma;
  return at < 0 ? 1 : std::abs(input(filled, op, at)[c]);
}

std::vector<Tensor> batch_norm_training_bounds(const FilledGraph& filled, const graph::Op& op,
                                               const std::vector<Tensor>& expected) {
  const Tensor& src = input(filled, op, 0);
  const size_t channels = expected[1].size();
  const std::vector<Channel> statistics = channel_statistics(src, channels);
  const double take = 1 - op.attributes.real("momentum");
  const double epsilon = op.attributes.real("epsilon");
  std::vector<Tensor> bounds = expected;
  for (size_t c = 0; c < channels; ++c) {
    const Channel& channel = statistics[c];
    bounds[1][c] = channel.mean_error + kUnit * std::abs(channel.mean);
    bounds[2][c] =
        expected[2][c] * (channel.variance_error / (channel.variance + epsilon) / 2 + 4 * kUnit);
    const graph::BatchNormInputs at = graph::batch_norm_inputs(op);
    bounds[3][c] = take * channel.mean_error +
                   4 * kUnit * (std::abs(input(filled, op, at.moving_mean)[c]) + 1);
    bounds[4][c] = take * channel.variance_error +
                   4 * kUnit * (input(filled, op, at.moving_variance)[c] + channel.variance);
  }
  for (size_t i = 0; i < src.size(); ++i) {
    const size_t c = i % channels;
    const double gamma = gamma_of(filled, op, c), mean = statistics[c].mean;
    const double beta = 1.5;  // the largest that make_graph gives
    bounds[0][i] =
        gamma * expected[2][c] *
            (statistics[c].mean_error + 4 * kUnit * (std::abs(src[i]) + std::abs(mean))) +
        gamma * std::abs(src[i] - mean) * bounds[2][c] +
        4 * kUnit * (std::abs(expected[0][i]) + beta);
  }
  return bounds;
}

std::vector<Tensor> batch_norm_backward_bounds(const FilledGraph& filled, const graph::Op& op,
                                               const std::vector<Tensor>& expected) {
  const Tensor& src = input(filled, op, 0);
  const Tensor& diff_dst = input(filled, op, 1);
  const Tensor& mean = input(filled, op, 2);
  const Tensor& inverse_deviation = input(filled, op, 3);
  const size_t channels = mean.size();
  const double rows = static_cast<double>(src.size() / channels);
  const double relative = rounding(static_cast<int64_t>(rows));
  const auto normalized = [&](size_t i) {
    const size_t c = i % channels;
    return (std::abs(src[i]) + std::abs(mean[c])) * inverse_deviation[c];
  };
  std::vector<Tensor> bounds = expected;
  std::fill(bounds[1].begin(), bounds[1].end(), 0);
  std::fill(bounds[2].begin(), bounds[2].end(), 0);
  for (size_t i = 0; i < src.size(); ++i) {
    bounds[1][i % channels] += relative * std::abs(diff_dst[i]) * normalized(i);
    bounds[2][i % channels] += relative * std::abs(diff_dst[i]);
  }
  for (size_t i = 0; i < src.size(); ++i) {
    const size_t c = i % channels;
    const double terms = std::abs(diff_dst[i]) + std::abs(expected[2][c]) / rows +
                         normalized(i) * std::abs(expected[1][c]) / rows;
    bounds[0][i] = gamma_of(filled, op, c) * inverse_deviation[c] *
                   (8 * kUnit * terms + bounds[2][c] / rows + normalized(i) * bounds[1][c] / rows);
  }
  return bounds;
}

std::vector<Tensor> batch_norm_inference_bounds(const FilledGraph& filled, const graph::Op& op,
                                                const Tensor& expected) {
  const graph::BatchNormInputs at = graph::batch_norm_inputs(op);
  const Tensor& src = input(filled, op, 0);
  const Tensor& mean = input(filled, op, at.moving_mean);
  const Tensor& variance = input(filled, op, at.moving_variance);
  Tensor bound(expected.size());
  for (size_t i = 0; i < bound.size(); ++i) {
    const size_t c = i % mean.size();
    // A kernel may fold mean and beta into one addend, which then cancels.
    const double scale = gamma_of(filled, op, c) / std::sqrt(variance[c]);
    bound[i] = 8 * kUnit * ((std::abs(src[i]) + std::abs(mean[c])) * scale + 2);
  }
  return {bound};
}

// A step's error is that of its products and of some elementary functions; the steps after it,
// whose recurrent kernel's rows make_graph gives a length of about one, pass it on no larger, but a
// few times.
std::vector<Tensor> recurrence_bounds(const FilledGraph& filled, const graph::Op& op,
                                      const std::vector<Tensor>& expected) {
  const graph::RecurrenceGeometry g = graph::recurrence_geometry(filled.graph, op);
  const double relative =
      static_cast<double>(g.steps) * (rounding(g.parts * g.units) + 2 * kFunction);
  std::vector<Tensor> bounds = expected;
  for (size_t output = 0; output < expected.size(); ++output) {
    double largest = 1;
    for (double element : expected[output]) largest = std::max(largest, std::abs(element));
    std::fill(bounds[output].begin(), bounds[output].end(), 4 * relative * largest);
  }
  return bounds;
}

// Of a normalized group, its size; which of them an element belongs to.
struct GroupOf {
  graph::GroupNormGeometry g;

  explicit GroupOf(const FilledGraph& filled, const graph::Op& op)
      : g(graph::group_norm_geometry(filled.graph, op)) {}
  size_t channel(size_t i) const { return i % static_cast<size_t>(g.channels); }
  size_t operator()(size_t i) const {
    const size_t sample = i / static_cast<size_t>(g.places * g.channels);
    return sample * static_cast<size_t>(g.groups) +
           channel(i) / static_cast<size_t>(g.group_channels());
  }
  size_t count() const { return static_cast<size_t>(g.samples * g.groups); }
  double size() const { return static_cast<double>(g.places * g.group_channels()); }
  double gamma(const FilledGraph& filled, const graph::Op& op, size_t i) const {
    return g.scale ? std::abs(input(filled, op, g.gamma)[channel(i)]) : 1;
  }
};

std::vector<Tensor> group_norm_bounds(const FilledGraph& filled, const graph::Op& op,
                                      const std::vector<Tensor>& expected) {
  const GroupOf group(filled, op);
  const Tensor& src = input(filled, op, 0);
  const double relative = rounding(static_cast<int64_t>(group.size()));
  Tensor magnitude(group.count()), deviation(group.count()), error(group.count());
  for (size_t i = 0; i < src.size(); ++i) {
    magnitude[group(i)] += std::abs(src[i]) / group.size();
    deviation[group(i)] += std::abs(src[i] - expected[1][group(i)]) / group.size();
  }
  std::vector<Tensor> bounds = expected;
  for (size_t at = 0; at < group.count(); ++at)
    bounds[1][at] = relative * magnitude[at] + kUnit * std::abs(expected[1][at]);
  for (size_t i = 0; i < src.size(); ++i) {
    const size_t at = group(i);
    // Of a squared difference from the mean, whose own error adds up to second order only.
    const double difference = std::abs(src[i] - expected[1][at]);
    error[at] += (relative * difference * difference +
                  4 * kUnit * difference * (std::abs(src[i]) + std::abs(expected[1][at])) +
                  bounds[1][at] * bounds[1][at]) /
                 group.size();
  }
  for (size_t at = 0; at < group.count(); ++at) {
    const double inverse = expected[2][at];
    bounds[2][at] = inverse * (error[at] * inverse * inverse / 2 + 4 * kUnit);
  }
  for (size_t i = 0; i < src.size(); ++i) {
    const size_t at = group(i);
    const double gamma = group.gamma(filled, op, i), beta = 1.5;
    bounds[0][i] =
        gamma * expected[2][at] *
            (bounds[1][at] + 4 * kUnit * (std::abs(src[i]) + std::abs(expected[1][at]))) +
        gamma * std::abs(src[i] - expected[1][at]) * bounds[2][at] +
        4 * kUnit * (std::abs(expected[0][i]) + beta);
  }
  return bounds;
}

std::vector<Tensor> group_norm_backward_bounds(const FilledGraph& filled, const graph::Op& op,
                                               const std::vector<Tensor>& expected) {
  const GroupOf group(filled, op);
  const Tensor& src = input(filled, op, 0);
  const Tensor& diff_dst = input(filled, op, 1);
  const Tensor& mean = input(filled, op, 2);
  const Tensor& inverse = input(filled, op, 3);
  const double rows = static_cast<double>(group.g.samples * group.g.places);
  const double by_channel = rounding(static_cast<int64_t>(rows));
  const double by_group = rounding(static_cast<int64_t>(group.size()));
  const auto normalized = [&](size_t i) {
    return (std::abs(src[i]) + std::abs(mean[group(i)])) * inverse[group(i)];
  };
  std::vector<Tensor> bounds = expected;
  std::fill(bounds[1].begin(), bounds[1].end(), 0);
  std::fill(bounds[2].begin(), bounds[2].end(), 0);
  Tensor sum(group.count()), product(group.count());
  for (size_t i = 0; i < src.size(); ++i) {
    const double diff = std::abs(diff_dst[i]), scaled = diff * group.gamma(filled, op, i);
    bounds[1][group.channel(i)] += by_channel * diff * normalized(i);
    bounds[2][group.channel(i)] += by_channel * diff;
    sum[group(i)] += scaled / group.size();
    product[group(i)] += scaled * normalized(i) / group.size();
  }
  for (size_t i = 0; i < src.size(); ++i) {
    const double scaled = std::abs(diff_dst[i]) * group.gamma(filled, op, i);
    bounds[0][i] = inverse[group(i)] * (8 * kUnit + by_group) *
                   (scaled + sum[group(i)] + normalized(i) * product[group(i)]);
  }
  return bounds;
}

// A few roundings of what was added up: the old contents, the gradient or its square, and for the
// weight the step, whose root cancels if the variance is a centered one.
std::vector<Tensor> optimizer_bounds(const FilledGraph& filled, const graph::Op& op,
                                     const std::vector<Tensor>& expected) {
  const std::vector<graph::OptimizerSlot> slots = graph::optimizer_slots(op.attributes);
  const bool centered = op.attributes.integer("centered") != 0;
  // Ftrl's powers of sums, which may be by logarithms, are divided by the learning rate, 0.01, in
  // its second slot and multiplied with it again in the weight.
  const bool powers = op.attributes.text("optimizer") == "ftrl";
  const Tensor& gradient = input(filled, op, 1);
  std::vector<Tensor> bounds = expected;
  for (size_t out = 0; out < expected.size(); ++out) {
    const Tensor& old = input(filled, op, out == 0 ? 0 : static_cast<int>(out) + 1);
    const bool of_squares =
        out > 0 && slots[out - 1].name != "momentum" && slots[out - 1].name != "average_gradient";
    for (size_t i = 0; i < old.size(); ++i) {
      const double g = std::abs(gradient[i]);
      double terms = std::abs(old[i]) + std::abs(expected[out][i]);
      if (out > 0) terms += of_squares ? g * g : g;
      // v <= 1 and v - a^2 >= 0.05 for what make_graph puts in.
      if (centered && (out == 0 || slots[out - 1].name == "momentum")) terms *= 20;
      bounds[out][i] = 12 * kUnit * terms + kSmallest;
      if (powers && out != 1)
        bounds[out][i] += 4 * kFunction * (1 + std::abs(input(filled, op, 0)[i])) *
                          (out == 2 ? 1 / 0.01 : 1 / 0.3);
    }
  }
  return bounds;
}

// Means of squares by rows and columns, and two roots of means over all elements, of which the step
// is a product.
std::vector<Tensor> adafactor_bounds(const FilledGraph& filled, const graph::Op& op,
                                     const std::vector<Tensor>& expected) {
  const graph::AdafactorGeometry g = graph::adafactor_geometry(filled.graph.input(op, 0).shape);
  const double of_means = 4 * rounding(std::max(g.rows, g.columns));
  const double of_all = of_means + 2 * rounding(filled.graph.input(op, 0).shape.elements());
  std::vector<Tensor> bounds = expected;
  for (size_t out = 1; out < bounds.size(); ++out)
    for (double& bound : bounds[out]) bound = of_means * std::abs(bound) + kSmallest;
  const Tensor& old = input(filled, op, 0);
  for (size_t i = 0; i < old.size(); ++i)
    bounds[0][i] = of_all * (std::abs(expected[0][i] - old[i]) + 0.01 * std::abs(old[i])) +
                   6 * kUnit * (std::abs(old[i]) + std::abs(expected[0][i]));
  return bounds;
}

// Of two tensors that are added up with factors of no more than one.
std::vector<Tensor> average_bounds(const FilledGraph& filled, const graph::Op& op,
                                   const std::vector<Tensor>& expected) {
  std::vector<Tensor> bounds = expected;
  for (Tensor& bound : bounds)
    for (size_t i = 0; i < bound.size(); ++i)
      bound[i] =
          4 * kUnit * (std::abs(input(filled, op, 0)[i]) + std::abs(input(filled, op, 1)[i]));
  return bounds;
}

// The gradient's error goes on into the weight and the slots, at most four times as large: the
// steepest formulas divide by a root of no less than 0.05, and multiply by the learning rate.
std::vector<Tensor> matmul_update_bounds(const FilledGraph& filled, const graph::Op& op,
                                         const std::vector<Tensor>& expected) {
  FilledGraph parts{graph::parts_of_update(filled.graph, op), filled.values};
  parts.values.resize(parts.graph.values.size());
  const graph::Op& product = parts.graph.ops[0];
  const Tensor error =
      sum_bounds(parts, product, graph::matmul_geometry(parts.graph, product).k, false)[0];
  const Tensor gradient = run_op_in_double(parts, product)[0];
  parts.values.back() = gradient;
  std::vector<Tensor> bounds = optimizer_bounds(parts, parts.graph.ops[1], expected);
  for (Tensor& bound : bounds)
    for (size_t i = 0; i < bound.size(); ++i)
      bound[i] += 4 * error[i] * (1 + std::abs(gradient[i]));
  return bounds;
}

// The relative error of a sum of squares is halved by its root.
std::vector<Tensor> constrain_bounds(const FilledGraph& filled, const graph::Op& op,
                                     const std::vector<Tensor>& expected) {
  std::vector<Tensor> bounds = expected;
  const double relative = rounding(filled.graph.input(op, 0).shape.elements()) / 2 + 6 * kUnit;
  const bool norms = graph::constraint_function(op) != graph::ConstraintFunction::kNonNeg;
  for (double& bound : bounds[0]) bound = norms ? relative * std::abs(bound) + kSmallest : 0;
  return bounds;
}

// Each kind's own bounds, before its epilogue.
std::vector<Tensor> bare_bounds(const FilledGraph& filled, const graph::Op& op,
                                const std::vector<Tensor>& expected, bool winograd) {
  const graph::OpKind* kind = op.kind;
  const graph::Graph& graph = filled.graph;
  const bool pooled_to_data = kind == &graph::conv2d_max_pool2d_backward_data_kind();
  const bool pooled_to_weights = kind == &graph::conv2d_max_pool2d_backward_weights_kind();
  if (kind == &graph::conv2d_kind() || kind == &graph::conv2d_backward_data_kind() ||
      kind == &graph::conv2d_backward_weights_kind() || pooled_to_data || pooled_to_weights) {
    const graph::Conv2dGeometry g = graph::conv2d_geometry(graph, op);
    int64_t terms = g.kernel_h * g.kernel_w * g.group_channels();
    if (kind == &graph::conv2d_backward_data_kind() || pooled_to_data)
      terms = g.kernel_h * g.kernel_w * g.group_out_channels();
    if (kind == &graph::conv2d_backward_weights_kind() || pooled_to_weights)
      terms = g.batch * g.out_height * g.out_width;
    return sum_bounds(filled, op, terms, winograd);
  }
  if (kind == &graph::conv2d_max_pool2d_kind()) {
    const graph::Conv2dGeometry g = graph::conv2d_geometry(graph, op);
    return pooled_convolution_bounds(filled, op, expected, g.kernel_h * g.kernel_w * g.channels,
                                     winograd);
  }
  if (kind == &graph::matmul_kind())
    return sum_bounds(filled, op, graph::matmul_geometry(graph, op).k, false);
  if (kind == &graph::batch_matmul_kind())
    return sum_bounds(filled, op, graph::batch_matmul_geometry(graph, op).k, false);
  if (kind == &graph::sum_rows_kind())
    return sum_bounds(filled, op,
                      graph.input(op, 0).shape.elements() / graph.input(op, 0).shape.back(), false);
  if (kind == &graph::reduce_sum_kind())
    return sum_bounds(filled, op,
                      graph.input(op, 0).shape.elements() / graph.output(op, 0).shape.elements(),
                      false);
  if (kind == &graph::upsample2d_kind() || kind == &graph::upsample2d_backward_kind()) {
    // Each product's factor is one of two, each with a rounding, as has its complement to one.
    const graph::Upsample2dGeometry g = graph::upsample2d_geometry(graph, op);
    return sum_bounds(filled, op, 4 * g.size_h * g.size_w + 4, false);
  }
  // Blocks in single precision; what adds them up is as good as one rounding more.
  if (kind == &graph::sum_of_powers_kind())
    return sum_bounds(filled, op, graph::kSumOfPowersBlock, false);
  if (kind == &graph::constrain_kind()) return constrain_bounds(filled, op, expected);
  // In double precision, so it is as good as one rounding.
  if (kind == &graph::mean_kind()) return sum_bounds(filled, op, 1, false);
  if (kind == &graph::average_pool2d_kind() || kind == &graph::average_pool2d_backward_kind() ||
      kind == &graph::max_pool2d_backward_kind()) {
    const graph::Pool2dWindow window = graph::pool2d_geometry(graph, op).window;

    return sum_bounds(filled, op, window.pool_h * window.pool_w, false);
  }
  if (kind == &graph::softmax_kind()) return softmax_bounds(filled, op, expected[0]);
  if (kind == &graph::softmax_backward_kind()) return softmax_backward_bounds(filled, op);
  if (kind == &graph::l2_normalize_kind() || kind == &graph::l2_normalize_backward_kind())
    return l2_normalize_bounds(filled, op, expected[0]);
  if (kind == &graph::log_softmax_kind()) return log_softmax_bounds(filled, op, expected[0]);
  if (kind == &graph::log_softmax_backward_kind()) return log_softmax_backward_bounds(filled, op);
  if (kind == &graph::loss_kind() || kind == &graph::softmax_cross_entropy_kind())
    return loss_bounds(filled, op, expected);
  if (kind == &graph::loss_backward_kind() || kind == &graph::softmax_cross_entropy_backward_kind())
    return loss_backward_bounds(filled, op, expected[0]);
  if (kind == &graph::group_norm_kind()) return group_norm_bounds(filled, op, expected);
  if (kind == &graph::group_norm_backward_kind())
    return group_norm_backward_bounds(filled, op, expected);
  for (const graph::Cell cell : {graph::Cell::kSimpleRnn, graph::Cell::kLstm, graph::Cell::kGru})
    if (kind == &graph::recurrence_kind(cell) || kind == &graph::recurrence_backward_kind(cell))
      return recurrence_bounds(filled, op, expected);
  if (kind == &graph::noise_kind()) {
    // A normal draw is good to 1e-6, and none is larger than 6.
    Tensor bound = input(filled, op, 0);
    for (double& element : bound) element = 1e-6 * 6 * (1 + std::abs(element));
    return {bound};
  }
  // No row is named more often than there are indices.
  if (kind == &graph::embedding_backward_kind())
    return sum_bounds(filled, op, graph.input(op, 0).shape.elements(), false);
  if (kind == &graph::batch_norm_training_kind())
    return batch_norm_training_bounds(filled, op, expected);
  if (kind == &graph::batch_norm_backward_kind())
    return batch_norm_backward_bounds(filled, op, expected);
  if (kind == &graph::batch_norm_inference_kind())
    return batch_norm_inference_bounds(filled, op, expected[0]);
  if (kind == &graph::matmul_update_kind()) return matmul_update_bounds(filled, op, expected);
  if (kind == &graph::optimizer_update_kind()) return optimizer_bounds(filled, op, expected);
  if (kind == &graph::adafactor_update_kind()) return adafactor_bounds(filled, op, expected);
  if (kind == &graph::moving_average_kind() || kind == &graph::accumulate_gradient_kind())
    return average_bounds(filled, op, expected);
  if (kind == &graph::clip_factor_kind()) return {{4 * kUnit * std::abs(expected[0][0])}};

  // The rest moves elements or picks them.
  std::vector<Tensor> exact = expected;
  for (Tensor& tensor : exact) std::fill(tensor.begin(), tensor.end(), 0);
  return exact;
}

}  // namespace

std::vector<Tensor> error_bounds(const FilledGraph& filled, const graph::Op& op,
                                 const std::vector<Tensor>& expected, bool winograd) {
  std::vector<Tensor> bounds = bare_bounds(filled, op, expected, winograd);
  carry_through_stages(filled, op, bounds[0]);
  return bounds;
}

}  // namespace pronghorn::test
