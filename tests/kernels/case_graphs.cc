#include "kernels/case_graphs.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

#include "base/philox.h"
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
#include "graph/ops/encoding.h"
#include "graph/ops/group_norm.h"
#include "graph/ops/l2_normalize.h"
#include "graph/ops/loss.h"
#include "graph/ops/matmul.h"
#include "graph/ops/matmul_update.h"
#include "graph/ops/moving_average.h"
#include "graph/ops/noise.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/pad.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/recurrence.h"
#include "graph/ops/reshape.h"
#include "graph/ops/softmax.h"
#include "graph/ops/sum_of_powers.h"
#include "graph/ops/sum_rows.h"
#include "graph/ops/transpose.h"
#include "graph/ops/upsample2d.h"

namespace pronghorn::test {
namespace {

using graph::Builder;
using graph::kNoValue;
using graph::ValueId;
using graph::ValueRole;

graph::Padding2d padding_of(const Case& described, const Shape& src,
                            std::pair<int64_t, int64_t> window, std::pair<int64_t, int64_t> strides,
                            std::pair<int64_t, int64_t> dilation) {
  if (described.text("padding", "valid") == "valid") return {};
  const auto rows = graph::same_padding(src[1], window.first, strides.first, dilation.first);
  const auto columns = graph::same_padding(src[2], window.second, strides.second, dilation.second);
  return {rows.before, columns.before, rows.after, columns.after};
}

graph::Layout parse_layout(const std::string& name) {
  for (graph::Layout layout :
       {graph::Layout::kPlain, graph::Layout::kBlocked8, graph::Layout::kBlocked16})
    if (name == graph::to_string(layout)) return layout;
  throw std::runtime_error("no layout '" + name + "'");
}

void make_conv2d(const Case& described, GraphMaker& maker) {
  const Shape src_shape = described.shape("src");
  const auto kernel = described.pair("kernel", 3);
  const auto strides = described.pair("strides", 1);
  const auto dilation = described.pair("dilation", 1);
  const graph::Conv2dWindow window{strides.first, strides.second, dilation.first, dilation.second,
                                   padding_of(described, src_shape, kernel, strides, dilation)};
  const ValueId src = maker.uniform(src_shape, -1, 1);
  const ValueId weights =
      maker.uniform({kernel.first, kernel.second, src_shape[3] / described.integer("groups", 1),
                     described.integer("filters")},
                    -1, 1);
  const ValueId dst = graph::conv2d(maker.builder(), src, weights, window);
  graph::Graph& graph = maker.builder().graph();
  size_t backward_weights_op = 1;
  if (described.has("pool")) {
    const auto pool = described.pair("pool", 2);
    graph::max_pool2d(maker.builder(), dst, {pool.first, pool.second, pool.first, pool.second, {}});
    const graph::Op pooling = graph.ops.back();
    const ValueId diff_dst = maker.append_gradient(1, 1)[0];
    const graph::Op pooling_backward = graph.ops.back();
    if (described.has("layout"))
      for (const ValueId id : {src, pooling_backward.inputs[0], pooling_backward.inputs[1]})
        graph.value(id).layout = parse_layout(described.text("layout"));
    backward_weights_op = graph.ops.size();
    maker.append_gradient(0, 2, diff_dst);
    for (size_t i = backward_weights_op; i < graph.ops.size(); ++i)
      graph.ops[i] = graph::fused_with_max_pool(graph.ops[i], pooling_backward);
    const graph::Op joined = graph::with_max_pooling(graph.ops[0], pooling).value();
    maker.builder().add_op(*joined.kind, joined.inputs, joined.attributes);
  } else {
    maker.append_gradient(0, 2);
  }

  // The gradient to the weights once more, with the bias's beside it.
  const graph::Op backward_weights = graph.ops[backward_weights_op];
  graph::Attributes attributes = backward_weights.attributes;
  attributes.set("bias", int64_t{1});
  maker.builder().add_op(*backward_weights.kind, backward_weights.inputs, attributes);

  maker.set_epilogue(0, described.list("stages"));
  if (described.has("pool")) maker.set_epilogue(backward_weights_op + 2, described.list("stages"));
  maker.set_epilogue(backward_weights_op + 1, described.list("diff_src_stages"));
}

void make_matmul(const Case& described, GraphMaker& maker) {
  const int64_t m = described.integer("m"), n = described.integer("n"), k = described.integer("k");
  const std::string transpose = described.text("transpose", "none");
  const bool transpose_a = transpose == "a" || transpose == "both";
  const bool transpose_b = transpose == "b" || transpose == "both";
  const ValueId a = maker.uniform(transpose_a ? Shape{k, m} : Shape{m, k}, -1, 1);
  const ValueId b = maker.uniform(transpose_b ? Shape{n, k} : Shape{k, n}, -1, 1);
  graph::matmul(maker.builder(), a, b, transpose_a, transpose_b);
  if (transpose == "none") maker.append_gradient(0, 2);
  maker.set_epilogue(0, described.list("stages"));
}

void make_batch_matmul(const Case& described, GraphMaker& maker) {
  const auto flag = [&](std::string_view key) { return described.integer(key, 0) != 0; };
  const ValueId a = maker.uniform(described.shape("a"), -1, 1);
  const ValueId b = maker.uniform(described.shape("b"), -1, 1);
  graph::batch_matmul(
      maker.builder(), a, b,
      {flag("transpose_a"), flag("transpose_b"), flag("swap_a"), flag("swap_b"), flag("swap_dst")});
  maker.append_gradient(0, 2);
}

void make_elementwise(const Case& described, GraphMaker& maker) {
  const std::vector<std::string> stages = described.list("stages");
  const double range = described.real("range", 4);
  const ValueId src = maker.uniform(described.shape("src"), -range, range);
  maker.builder().add_op(graph::elementwise_kind(), {src});
  maker.set_epilogue(0, stages);
  const graph::Op op = maker.builder().graph().ops[0];
  if (stages.size() == 1) maker.append_gradient(0, static_cast<int>(op.inputs.size()));
}

void make_sum_rows(const Case& described, GraphMaker& maker) {
  const ValueId src = maker.uniform(described.shape("src"), -1, 1);
  graph::sum_rows(maker.builder(), src);
  graph::mean(maker.builder(), src);
}

void make_sum_of_powers(const Case& described, GraphMaker& maker) {
  const ValueId src = maker.uniform(described.shape("src"), -1, 1);
  graph::sum_of_powers(maker.builder(), src, described.real("absolute", 0),
                       described.real("square", 0));
}

void make_constrain(const Case& described, GraphMaker& maker) {
  std::vector<int64_t> axes;
  for (const std::string& axis : described.list("axes")) axes.push_back(std::stoll(axis));
  graph::constrain(maker.builder(), maker.uniform(described.shape("weights"), -1, 1),
                   {{"function", described.text("function")},
                    {"axes", axes},
                    {"min_value", described.real("min_value", 0)},
                    {"max_value", described.real("max_value", 0)},
                    {"rate", described.real("rate", 1)}});
}

void make_softmax(const Case& described, GraphMaker& maker) {
  const double range = described.real("range", 4);
  const ValueId src = maker.uniform(described.shape("src"), -range, range);
  const bool causal = described.integer("causal", 0) != 0;
  causal ? graph::causal_softmax(maker.builder(), src) : graph::softmax(maker.builder(), src);
  maker.append_gradient(0, 1);
  graph::log_softmax(maker.builder(), src);
  maker.append_gradient(2, 1);
}

void make_l2_normalize(const Case& described, GraphMaker& maker) {
  graph::l2_normalize(maker.builder(), maker.away_from_zero(described.shape("src"), 0.1, 2), 1e-12);
  maker.append_gradient(0, 1);
}

// Some numbers are of no class.
void make_encoding(const Case& described, GraphMaker& maker) {
  const Shape shape = described.shape("src");
  const int64_t classes = described.integer("classes");
  Tensor numbers = maker.random(shape.elements(), -1, static_cast<double>(classes) + 1);
  for (double& number : numbers) number = std::floor(number);
  const ValueId src = maker.input(shape, std::move(numbers));
  for (const bool count : {false, true})
    graph::category_encoding(maker.builder(), src, classes, count);
  graph::bucketize(maker.builder(), src, {0, 1.5, 2});
  graph::constant(maker.builder(), {3}, {0.5, 1, -3.25});
}

void make_pool2d(const Case& described, GraphMaker& maker) {
  const Shape src_shape = described.shape("src");
  const auto pool = described.pair("pool", 2);
  const auto strides = described.pair("strides", 2);
  const graph::Pool2dWindow window{pool.first, pool.second, strides.first, strides.second,
                                   padding_of(described, src_shape, pool, strides, {1, 1})};
  // Whole numbers make many ties, whose winner must be the first, as relu's zeros do.
  Tensor elements = maker.random(src_shape.elements(), -3, 4);
  for (double& element : elements) element = std::floor(element);
  graph::max_pool2d(maker.builder(), maker.input(src_shape, std::move(elements)), window);
  maker.append_gradient(0, 1);
  const ValueId src = maker.uniform(src_shape, -1, 1);
  graph::average_pool2d(maker.builder(), src, window);
  maker.append_gradient(2, 1);
  maker.set_epilogue(1, described.list("diff_src_stages"));
  maker.set_epilogue(3, described.list("diff_src_stages"));
  graph::max_pool2d(maker.builder(), src, window);
}

void make_batch_norm(const Case& described, GraphMaker& maker) {
  const Shape src_shape = described.shape("src");
  const Shape channels{src_shape.back()};
  const ValueId src = maker.uniform(src_shape, -1, 3);
  const auto optional = [&](std::string_view key) {
    return described.integer(key) != 0 ? maker.uniform(channels, 0.5, 1.5) : kNoValue;
  };
  const ValueId gamma = optional("scale"), beta = optional("center");
  const ValueId mean = maker.uniform(channels, -1, 1);
  const ValueId variance = maker.uniform(channels, 0.1, 2);
  graph::batch_norm_training(maker.builder(), src, gamma, beta, mean, variance, {});
  maker.append_gradient(0, 1 + (gamma != kNoValue) + (beta != kNoValue));
  graph::batch_norm_inference(maker.builder(), src, gamma, beta, mean, variance, {});
}

void make_group_norm(const Case& described, GraphMaker& maker) {
  const Shape src_shape = described.shape("src");
  const Shape channels{src_shape.back()};
  const ValueId src = maker.uniform(src_shape, -1, 3);
  const auto optional = [&](std::string_view key) {
    return described.integer(key) != 0 ? maker.uniform(channels, 0.5, 1.5) : kNoValue;
  };
  const ValueId gamma = optional("scale"), beta = optional("center");
  graph::group_norm(maker.builder(), src, gamma, beta, described.integer("groups"), 1e-3);
  maker.append_gradient(0, 1 + (gamma != kNoValue) + (beta != kNoValue));
}

void make_recurrence(const Case& described, GraphMaker& maker) {
  const Shape src = described.shape("src");
  const int64_t units = src[2];
  const std::string& name = described.text("cell");
  graph::RecurrenceConfig config;
  for (const graph::Cell cell : {graph::Cell::kSimpleRnn, graph::Cell::kLstm, graph::Cell::kGru})
    if (name == graph::recurrence_kind(cell).name()) config.cell = cell;
  config.activation = described.text("activation", "tanh");
  config.recurrent_activation = described.text("recurrent", "sigmoid");
  config.reset_after = described.integer("reset_after", 0) != 0;
  config.sequences = described.integer("sequences", 0) != 0;
  config.backwards = described.integer("backwards", 0) != 0;
  config.aligned = described.integer("aligned", 0) != 0;
  const int64_t parts = name == "lstm" ? 4 : name == "gru" ? 3 : 1;
  // Products of about one.
  const double reach = 1 / std::sqrt(static_cast<double>(units));
  const ValueId x = maker.uniform({src[0], src[1], parts * units}, -1, 1);
  const ValueId kernel = maker.uniform({units, parts * units}, -reach, reach);
  const ValueId bias =
      described.integer("bias", 0) != 0 ? maker.uniform({2, parts * units}, -0.5, 0.5) : kNoValue;
  config.keep = true;
  graph::recurrence(maker.builder(), x, kernel, bias, config);
  maker.append_gradient(0, bias == kNoValue ? 2 : 3);
  config.keep = false;
  graph::recurrence(maker.builder(), x, kernel, bias, config);
}

void make_noise(const Case& described, GraphMaker& maker) {
  const std::string& name = described.text("function");
  const graph::Noise function = name == "dropout"            ? graph::Noise::kDropout
                                : name == "gaussian_noise"   ? graph::Noise::kGaussianNoise
                                : name == "gaussian_dropout" ? graph::Noise::kGaussianDropout
                                                             : graph::Noise::kAlphaDropout;
  graph::noise(maker.builder(), maker.uniform(described.shape("src"), -4, 4), function, 0.3, 17,
               described.integer("shared_axis", -1));
  maker.append_gradient(0, 1);
}

void make_embedding(const Case& described, GraphMaker& maker) {
  const Shape shape = described.shape("indices");
  const int64_t rows = described.integer("rows");
  Tensor numbers = maker.random(shape.elements(), 0, static_cast<double>(rows));
  for (double& number : numbers) number = std::floor(number);
  const ValueId indices = maker.input(shape, std::move(numbers));
  const std::string element = described.text("element", "float32");
  graph::Graph& graph = maker.builder().graph();
  if (element == "uint8") graph.value(indices).element = graph::ElementType::kUint8;
  if (element == "int32") graph.value(indices).element = graph::ElementType::kInt32;
  const ValueId table = maker.uniform({rows, described.integer("columns")}, -1, 1);
  graph::embedding(maker.builder(), indices, table);
  maker.append_gradient(0, 2);
}

graph::LossFormula loss_formula(const Case& described) {
  graph::LossFormula formula;
  const std::string& function = described.text("function");
  for (int i = 0; i < graph::kLossFunctions; ++i)
    if (function == to_string(static_cast<graph::LossFunction>(i)))
      formula.function = static_cast<graph::LossFunction>(i);
  formula.from_logits = described.integer("from_logits", 0) != 0;
  formula.label_smoothing = described.real("label_smoothing", 0);
  formula.alpha = described.real("alpha", 0.25);
  formula.beta = described.real("beta", 0.5);
  formula.gamma = described.real("gamma", 2);
  formula.delta = described.real("delta", 1);
  formula.q = described.real("q", 0.5);
  formula.apply_class_balancing = described.integer("balanced", 0) != 0;
  formula.row_axes = described.integer("row_axes", 0);
  return formula;
}

// What the labels of a function are drawn from.
enum class LabelRange { kClassNumbers, kClassRows, kProbabilities, kPositive, kSigns, kAny };

LabelRange label_range(graph::LossFunction function) {
  using F = graph::LossFunction;
  if (graph::takes_class_numbers(function)) return LabelRange::kClassNumbers;
  switch (function) {
    case F::kCategoricalCrossentropy:
    case F::kCategoricalFocalCrossentropy:
    case F::kCategoricalHinge:
    case F::kKlDivergence:
      return LabelRange::kClassRows;
    case F::kBinaryCrossentropy:
    case F::kBinaryFocalCrossentropy:
    case F::kDice:
    case F::kTversky:
      return LabelRange::kProbabilities;
    case F::kMeanSquaredLogarithmicError:
    case F::kPoisson:
      return LabelRange::kPositive;
    case F::kHinge:
    case F::kSquaredHinge:
      return LabelRange::kSigns;
    default:
      return LabelRange::kAny;
  }
}

// Predictions that a loss can take. Of probabilities some are 0, which is clipped.
Tensor predictions(const Case& described, GraphMaker& maker, const Shape& shape) {
  using F = graph::LossFunction;
  const double range = described.real("range", 4);
  const graph::LossFormula formula = loss_formula(described);
  const LabelRange labels = label_range(formula.function);
  Tensor elements = maker.random(shape.elements(), -range, range);
  const bool any = labels == LabelRange::kAny || labels == LabelRange::kSigns ||
                   formula.function == F::kCategoricalHinge;
  if (formula.from_logits || any) return elements;
  const bool independent = labels == LabelRange::kProbabilities || labels == LabelRange::kPositive;
  const auto columns = static_cast<size_t>(shape.back());
  for (double& element : elements)
    element = independent ? 1 / (1 + std::exp(-element)) : std::exp(element);
  const bool has_zero =
      formula.function != F::kPoisson && formula.function != F::kCategoricalGeneralizedCrossEntropy;
  if (has_zero) elements[0] = 0;
  if (!independent)
    for (size_t row = 0; row < elements.size(); row += columns) {
      double sum = 0;
      for (size_t c = 0; c < columns; ++c) sum += elements[row + c];
      for (size_t c = 0; c < columns; ++c) elements[row + c] /= sum;
    }
  return elements;
}

// Labels for them. Element 0, whose probability is 0, has label 1 (or class 0).
Tensor labels(const Case& described, GraphMaker& maker, const Shape& shape) {
  const LabelRange range = label_range(loss_formula(described).function);
  const int64_t columns = shape.back(), rows = shape.elements() / columns;
  if (range == LabelRange::kAny) return maker.random(shape.elements(), -4, 4);
  if (range == LabelRange::kPositive) return maker.random(shape.elements(), 0, 4);
  if (range == LabelRange::kProbabilities || range == LabelRange::kSigns) {
    Tensor elements = maker.random(shape.elements(), 0, 1);
    for (size_t i = 0; i < elements.size(); ++i)
      if (i % 3 != 0) elements[i] = std::round(elements[i]);  // every third stays soft
    elements[0] = 1;
    if (range == LabelRange::kSigns)
      for (double& element : elements) element = element < 0.5 ? -1 : 1;
    return elements;
  }
  Tensor classes = maker.random(rows, 0, static_cast<double>(columns));
  for (double& number : classes) number = std::floor(number);
  classes[0] = 0;
  if (range == LabelRange::kClassNumbers) return classes;
  Tensor elements(static_cast<size_t>(shape.elements()));
  const Tensor noise = maker.random(shape.elements(), 0, 1);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t c = 0; c < columns; ++c) {
      const auto i = static_cast<size_t>(row * columns + c);
      const bool one = static_cast<int64_t>(classes[static_cast<size_t>(row)]) == c;
      elements[i] = row % 3 == 2 ? noise[i] : one;  // every third row is soft
    }
  return elements;
}

void make_loss(const Case& described, GraphMaker& maker) {
  const Shape shape = described.shape("src");
  const graph::LossFormula formula = loss_formula(described);
  const Shape rows = graph::loss_shape(formula, shape);
  std::vector<int64_t> extents(shape.extents().begin(), shape.extents().end());
  if (graph::takes_class_numbers(formula.function)) {
    extents.pop_back();
    if (described.text("labels", "plain") == "column") extents.push_back(1);
  }
  const ValueId y_pred = maker.input(shape, predictions(described, maker, shape));
  const ValueId y_true = maker.input(Shape(extents), labels(described, maker, shape));
  const ValueId weights = described.integer("weighted", 0) != 0
                              ? maker.input(rows, maker.random(rows.elements(), 0, 2))
                              : kNoValue;
  graph::loss(maker.builder(), y_pred, y_true, formula, weights, 0.5);
  if (described.integer("fused", 0) != 0) {
    // The same op in its joint form.
    graph::Graph& graph = maker.builder().graph();
    const graph::Op op = graph.ops.back();
    graph.ops.pop_back();
    graph.values.pop_back();
    maker.builder().add_op(graph::softmax_cross_entropy_kind(), op.inputs, op.attributes);
  }
  maker.append_gradient(0, 1);
}

graph::Attributes optimizer_attributes(const Case& described) {
  graph::Attributes attributes{{"optimizer", described.text("optimizer")}};
  for (const char* name : {"momentum", "rho", "epsilon", "beta_1", "beta_2", "weight_decay",
                           "learning_rate_power", "l1", "l2", "l2_shrinkage", "beta"})
    attributes.set(name, described.real(name, 0));
  attributes.set("accumulation_steps", described.integer("accumulation_steps", 1));
  for (const char* name : {"nesterov", "centered", "epsilon_outside", "amsgrad"})
    attributes.set(name, described.integer(name, 0));
  attributes.set("initial_accumulator_value", described.real("initial_accumulator_value", 0.1));
  return attributes;
}

std::vector<ValueId> make_slots(const graph::Attributes& attributes, const Shape& shape,
                                GraphMaker& maker) {
  std::vector<ValueId> slots;
  for (const graph::OptimizerSlot& slot : graph::optimizer_slots(attributes, shape)) {
    // Means of squares are no less than the squares of means: 0.3 > 0.5^2.
    const bool has_sign =
        slot.name == "momentum" || slot.name == "average_gradient" || slot.name == "linear";
    slots.push_back(has_sign ? maker.uniform(slot.shape, -0.5, 0.5)
                             : maker.uniform(slot.shape, 0.3, 0.6));
  }
  return slots;
}

void make_optimizer_update(const Case& described, GraphMaker& maker) {
  const graph::Attributes attributes = optimizer_attributes(described);
  const Shape shape{described.integer("elements")};
  const ValueId parameter = maker.uniform(shape, -1, 1);
  const ValueId gradient = maker.uniform(shape, -1, 1);
  const std::vector<ValueId> slots = make_slots(attributes, shape, maker);
  const ValueId scale =
      described.integer("scaled", 0) != 0 ? maker.uniform({}, 0.3, 0.9) : kNoValue;
  graph::optimizer_update(maker.builder(), parameter, gradient, slots, attributes, scale);
}

void make_adafactor_update(const Case& described, GraphMaker& maker) {
  const graph::Attributes attributes{{"optimizer", std::string("adafactor")},
                                     {"beta_2_decay", -0.8},
                                     {"epsilon_1", 1e-30},
                                     {"epsilon_2", 1e-3},
                                     {"clip_threshold", described.real("clip_threshold", 1)},
                                     {"weight_decay", described.real("weight_decay", 0)}};
  const Shape shape = described.shape("weights");
  const ValueId parameter = maker.uniform(shape, -1, 1), gradient = maker.uniform(shape, -1, 1);
  const std::vector<ValueId> slots = make_slots(attributes, shape, maker);
  const ValueId scale =
      described.integer("scaled", 0) != 0 ? maker.uniform({}, 0.3, 0.9) : kNoValue;
  graph::optimizer_update(maker.builder(), parameter, gradient, slots, attributes, scale);
}

// What is done with weights and gradients beside the update.
void make_weight_averages(const Case& described, GraphMaker& maker) {
  const Shape shape{described.integer("elements")};
  const std::string& function = described.text("function");
  if (function == "clip") {
    std::vector<ValueId> sums;
    for (int64_t i = 0; i < described.integer("count"); ++i)
      sums.push_back(maker.uniform({}, 0.1, 2));
    graph::clip_factor(maker.builder(), sums, 0.5, false);
    graph::clip_factor(maker.builder(), sums, 0.5, true);
    graph::clip_factor(maker.builder(), sums, 50, true);
    return;
  }
  const ValueId kept = maker.uniform(shape, -1, 1), added = maker.uniform(shape, -1, 1);
  if (function == "moving_average")
    graph::moving_average(
        maker.builder(), added, kept,
        {described.real("momentum", 0), described.integer("overwrite_frequency", 0), 1});
  else if (described.integer("last", 0) != 0)
    graph::take_from_accumulator(maker.builder(), kept, added, 3);
  else
    graph::add_to_accumulator(maker.builder(), kept, added, 3);
}

void make_matmul_update(const Case& described, GraphMaker& maker) {
  const graph::Attributes attributes = optimizer_attributes(described);
  const int64_t m = described.integer("m"), n = described.integer("n"), k = described.integer("k");
  const ValueId parameter = maker.uniform({m, n}, -1, 1);
  const double reach = 1 / std::sqrt(static_cast<double>(k));  // gradients of about one
  const ValueId a = maker.uniform({k, m}, -1, 1), diff_dst = maker.uniform({k, n}, -reach, reach);
  std::vector<ValueId> inputs{parameter, a, diff_dst};
  for (const ValueId slot : make_slots(attributes, {m, n}, maker)) inputs.push_back(slot);
  maker.builder().add_op(graph::matmul_update_kind(), std::move(inputs), attributes);
}

void make_concatenate(const Case& described, GraphMaker& maker) {
  std::vector<ValueId> inputs;
  for (const std::string& shape : described.list("inputs"))
    inputs.push_back(maker.uniform(parse_shape(shape), -1, 1));
  graph::concatenate(maker.builder(), inputs, described.integer("axis"));
  maker.append_gradient(0, static_cast<int>(inputs.size()));
}

void make_reorder(const Case& described, GraphMaker& maker) {
  const Shape shape = described.shape("src");
  const std::string element = described.text("element", "float32");
  Tensor elements = maker.random(shape.elements(), -100, 100);
  if (element != "float32")
    for (double& number : elements) number = std::floor(std::abs(number));
  const ValueId src = maker.input(shape, std::move(elements));
  graph::Graph& graph = maker.builder().graph();
  graph.value(src).layout = parse_layout(described.text("from"));
  if (element == "uint8") graph.value(src).element = graph::ElementType::kUint8;
  if (element == "int32") graph.value(src).element = graph::ElementType::kInt32;
  const ValueId dst = maker.builder().add_op(graph::reorder_kind(), {src})[0];
  graph.value(dst).layout = parse_layout(described.text("to"));
}

// "0,3,1"
std::vector<int64_t> integers(const Case& described, std::string_view key) {
  std::vector<int64_t> numbers;
  for (const std::string& number : described.list(key)) numbers.push_back(std::stoll(number));
  return numbers;
}

void make_transpose(const Case& described, GraphMaker& maker) {
  graph::transpose(maker.builder(), maker.uniform(described.shape("src"), -1, 1),
                   integers(described, "permutation"));
  maker.append_gradient(0, 1);
}

void make_pad(const Case& described, GraphMaker& maker) {
  graph::pad(maker.builder(), maker.uniform(described.shape("src"), -1, 1),
             integers(described, "before"), integers(described, "after"));
  maker.append_gradient(0, 1);
}

void make_broadcast(const Case& described, GraphMaker& maker) {
  graph::broadcast(maker.builder(), maker.uniform(described.shape("src"), -1, 1),
                   described.shape("to"));
  const size_t ops = maker.builder().graph().ops.size();
  for (size_t op = 0; op < ops; ++op) maker.append_gradient(op, 1);
}

void make_upsample2d(const Case& described, GraphMaker& maker) {
  const auto size = described.pair("size", 2);
  graph::upsample2d(maker.builder(), maker.uniform(described.shape("src"), -1, 1), size.first,
                    size.second,
                    described.text("interpolation") == "bilinear" ? graph::Interpolation::kBilinear
                                                                  : graph::Interpolation::kNearest);
  maker.append_gradient(0, 1);
}

using Make = void (*)(const Case&, GraphMaker&);
const std::map<std::string, Make>& makers() {
  static const std::map<std::string, Make> table = {
      {"adafactor_update", make_adafactor_update},
      {"batch_matmul", make_batch_matmul},
      {"batch_norm", make_batch_norm},
      {"broadcast", make_broadcast},
      {"concatenate", make_concatenate},
      {"constrain", make_constrain},
      {"conv2d", make_conv2d},
      {"elementwise", make_elementwise},
      {"embedding", make_embedding},
      {"encoding", make_encoding},
      {"group_norm", make_group_norm},
      {"l2_normalize", make_l2_normalize},
      {"loss", make_loss},
      {"matmul", make_matmul},
      {"matmul_update", make_matmul_update},
      {"noise", make_noise},
      {"pad", make_pad},
      {"pool2d", make_pool2d},
      {"optimizer_update", make_optimizer_update},
      {"recurrence", make_recurrence},
      {"reorder", make_reorder},
      {"softmax", make_softmax},
      {"sum_of_powers", make_sum_of_powers},
      {"sum_rows", make_sum_rows},
      {"transpose", make_transpose},
      {"upsample2d", make_upsample2d},
      {"weight_averages", make_weight_averages},
  };
  return table;
}

}  // namespace

GraphMaker::GraphMaker() : builder_(filled_.graph) {}

ValueId GraphMaker::input(const Shape& shape, Tensor elements) {
  for (double& element : elements) element = static_cast<float>(element);
  const ValueId id = builder_.add_value("input", shape, ValueRole::kInput);
  filled_.values.resize(static_cast<size_t>(id) + 1);
  filled_.values.back() = std::move(elements);
  return id;
}

Tensor GraphMaker::random(int64_t elements, double low, double high) {
  const RandomStream stream(1, drawn_++, 0);
  Tensor tensor(static_cast<size_t>(elements));
  for (size_t i = 0; i < tensor.size(); ++i) tensor[i] = low + (high - low) * stream.uniform(i);
  return tensor;
}

ValueId GraphMaker::uniform(const Shape& shape, double low, double high) {
  return input(shape, random(shape.elements(), low, high));
}

ValueId GraphMaker::away_from_zero(const Shape& shape, double low, double high) {
  Tensor elements = random(shape.elements(), low - high, high - low);
  for (double& element : elements) element += element < 0 ? -low : low;
  return input(shape, std::move(elements));
}

std::vector<ValueId> GraphMaker::append_gradient(size_t op_index, int differentiable) {
  const graph::Graph& graph = filled_.graph;
  return append_gradient(op_index, differentiable,
                         uniform(graph.output(graph.ops[op_index], 0).shape, -1, 1));
}

std::vector<ValueId> GraphMaker::append_gradient(size_t op_index, int differentiable,
                                                 ValueId diff_output) {
  graph::Graph& graph = filled_.graph;
  const graph::Op op = graph.ops[op_index];  // a copy: the list of ops will grow
  graph.batch = graph.input(op, 0).shape[0];
  std::vector<ValueId> diff_outputs(op.outputs.size(), kNoValue);
  diff_outputs[0] = diff_output;
  std::vector<bool> wanted(op.inputs.size());
  std::fill(wanted.begin(), wanted.begin() + differentiable, true);
  return op.kind->gradient(builder_, op, diff_outputs, wanted);
}

graph::Stage parse_stage(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  for (int i = 0; i <= static_cast<int>(graph::StageFunction::kDropout); ++i) {
    const auto function = static_cast<graph::StageFunction>(i);
    if (graph::stage_traits(function).name != name) continue;
    graph::Stage stage{function};
    // name:alpha:beta:gamma
    double* const parameters[] = {&stage.alpha, &stage.beta, &stage.gamma};
    size_t next = 0;
    for (size_t at = colon; at != std::string::npos; at = text.find(':', at + 1))
      *parameters[next++] = std::stod(text.substr(at + 1));
    return stage;
  }
  throw std::runtime_error("no stage '" + name + "'");
}

void GraphMaker::set_epilogue(size_t op_index, const std::vector<std::string>& stages) {
  const Shape dst = filled_.graph.output(filled_.graph.ops[op_index], 0).shape;
  for (const std::string& text : stages) {
    graph::Stage stage = parse_stage(text);
    stage.stream = 11 + op_index;
    const bool by_channel = stage.function == graph::StageFunction::kBiasAdd;
    graph::Op& op = filled_.graph.ops[op_index];
    if (graph::stage_traits(stage.function).has_operand) {
      stage.operand = static_cast<int>(op.inputs.size());
      op.inputs.push_back(uniform(by_channel ? Shape{dst.back()} : dst, -1, 1));
    }
    op.epilogue.push_back(stage);
  }
}

FilledGraph GraphMaker::finish() {
  run_in_double(filled_, /*rounded=*/true);
  return std::move(filled_);
}

FilledGraph make_graph(const Case& described) {
  GraphMaker maker;
  makers().at(described.file)(described, maker);
  return maker.finish();
}

FilledGraph make_unfilled_graph(const Case& described) {
  GraphMaker maker;
  makers().at(described.file)(described, maker);
  return std::move(maker.filled());
}

const std::vector<std::string>& case_files() {
  static const std::vector<std::string> files = [] {
    std::vector<std::string> names;
    for (const auto& [name, make] : makers()) names.push_back(name);
    return names;
  }();
  return files;
}

}  // namespace pronghorn::test
