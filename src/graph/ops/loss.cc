#include "graph/ops/loss.h"

#include <fmt/format.h>

#include <array>

#include "graph/ops/elementwise.h"
#include "graph/ops/softmax.h"
#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

constexpr std::array<std::string_view, kLossFunctions> kNames = {
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
    "poisson",
    "hinge",
    "squared_hinge",
    "categorical_hinge",
    "kl_divergence",
    "cosine_similarity",
    "dice",
    "tversky"};

using F = LossFunction;

Shape leading_axes(const Shape& shape, int64_t axes) {
  return Shape(std::vector<int64_t>(shape.extents().begin(), shape.extents().begin() + axes));
}

int64_t row_axes(const LossFormula& formula, const Shape& y_pred) {
  return has_row_axes(formula.function) ? formula.row_axes
                                        : static_cast<int64_t>(y_pred.rank()) - 1;
}

void check_inputs(const Graph& graph, const Op& op) {
  const LossFormula formula = loss_formula(op);
  const Shape& y_pred = graph.input(op, 0).shape;
  const Shape& y_true = graph.input(op, 1).shape;
  const Shape rows = loss_shape(formula, y_pred);
  if (!takes_class_numbers(formula.function)) {
    if (!(y_true == y_pred))
      throw ShapeError(fmt::format("{} needs labels of the output's shape {}, not {}",
                                   to_string(formula.function), y_pred.to_string(),
                                   y_true.to_string()));
  } else {
    std::vector<int64_t> column(rows.extents().begin(), rows.extents().end());
    column.push_back(1);
    if (!(y_true == rows) && !(y_true == Shape(column)))
      throw ShapeError(fmt::format("{} needs one class number per row, {}, not labels of shape {}",
                                   to_string(formula.function), rows.to_string(),
                                   y_true.to_string()));
  }
  if (op.inputs.size() > 2 && !(graph.input(op, 2).shape == rows))
    throw ShapeError(fmt::format("the weights of losses {} have shape {}", rows.to_string(),
                                 graph.input(op, 2).shape.to_string()));
}

// What differentiation starts with: the mean over all rows, weighted.
Attributes backward_attributes(const Graph& graph, const Op& op) {
  Attributes attributes = op.attributes;
  attributes.set("scale",
                 op.attributes.real("weight") / static_cast<double>(loss_rows(graph, op).rows));
  return attributes;
}

// A backward op's inputs: `first` in y_pred's place, then labels and weights.
std::vector<ValueId> inputs_with(ValueId first, const Op& op) {
  std::vector<ValueId> inputs = op.inputs;
  inputs[0] = first;
  return inputs;
}

// The gradients to the inputs: only the first has one.
std::vector<ValueId> gradients_of(ValueId diff, const Op& op) {
  std::vector<ValueId> gradients(op.inputs.size(), kNoValue);
  gradients[0] = diff;
  return gradients;
}

// Per element: divide or subtract, clip, log, multiply, add; exp and pow count as one each.
int64_t flops_per_element(LossFunction function) {
  switch (function) {
    case F::kBinaryFocalCrossentropy:
    case F::kCategoricalFocalCrossentropy:
      return 14;
    case F::kMeanSquaredLogarithmicError:
    case F::kTversky:
      return 8;
    default:
      return 5;
  }
}

class Loss final : public OpKind {
 public:
  std::string_view name() const override { return "loss"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    check_inputs(graph, op);
    return {{loss_shape(loss_formula(op), graph.input(op, 0).shape)}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op, std::span<const ValueId>,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    return gradients_of(builder.add_op(loss_backward_kind(), op.inputs,
                                       backward_attributes(builder.graph(), op))[0],
                        op);
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops =
                flops_per_element(loss_function(op)) * graph.input(op, 0).shape.elements()};
  }
};

class LossBackward final : public OpKind {
 public:
  std::string_view name() const override { return "loss_backward"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{graph.input(op, 0).shape}};
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops =
                (flops_per_element(loss_function(op)) - 1) * graph.input(op, 0).shape.elements()};
  }
};

class SoftmaxCrossEntropy final : public OpKind {
 public:
  std::string_view name() const override { return "softmax_cross_entropy"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& logits = graph.input(op, 0).shape;
    check_inputs(graph, op);
    return {{loss_shape(loss_formula(op), logits)}, {logits}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    ValueId diff_logits =
        builder.add_op(softmax_cross_entropy_backward_kind(), inputs_with(op.outputs[1], op),
                       backward_attributes(builder.graph(), op))[0];
    // Another loss may depend on the probabilities.
    if (diff_outputs[1] != kNoValue) {
      const ValueId through_probabilities =
          builder.add_op(softmax_backward_kind(), {op.outputs[1], diff_outputs[1]})[0];
      diff_logits = add(builder, diff_logits, through_probabilities);
    }
    return gradients_of(diff_logits, op);
  }

  // Softmax's five and a multiply-add with the label.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 7 * graph.input(op, 0).shape.elements()};
  }

  std::vector<Alias> possible_aliases(const Op&) const override { return {{0, 1}}; }
};

class SoftmaxCrossEntropyBackward final : public OpKind {
 public:
  std::string_view name() const override { return "softmax_cross_entropy_backward"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{graph.input(op, 0).shape}};
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 3 * graph.input(op, 0).shape.elements()};
  }

  std::vector<Alias> possible_aliases(const Op&) const override { return {{0, 0}}; }
};

}  // namespace

std::string_view to_string(LossFunction function) { return kNames[static_cast<size_t>(function)]; }

LossFunction loss_function(const Op& op) {
  const std::string& name = op.attributes.text("function");
  for (size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return static_cast<LossFunction>(i);
  throw std::logic_error(fmt::format("no loss function '{}'", name));
}

bool from_logits(const Op& op) { return op.attributes.integer("from_logits") != 0; }

bool takes_class_numbers(LossFunction function) {
  return function == F::kSparseCategoricalCrossentropy ||
         function == F::kCategoricalGeneralizedCrossEntropy;
}

bool can_take_logits(LossFunction function) {
  return function == F::kCategoricalCrossentropy || function == F::kSparseCategoricalCrossentropy ||
         function == F::kCategoricalFocalCrossentropy || function == F::kBinaryCrossentropy ||
         function == F::kBinaryFocalCrossentropy;
}

bool can_smooth_labels(LossFunction function) {
  return can_take_logits(function) && !takes_class_numbers(function);
}

bool has_row_axes(LossFunction function) { return function == F::kDice || function == F::kTversky; }

LossFormula loss_formula(const Op& op) {
  const auto real = [&](const char* name, double otherwise) {
    return op.attributes.has(name) ? op.attributes.real(name) : otherwise;
  };
  LossFormula formula;
  formula.function = loss_function(op);
  formula.from_logits = from_logits(op);
  formula.label_smoothing = real("label_smoothing", formula.label_smoothing);
  formula.alpha = real("alpha", formula.alpha);
  formula.beta = real("beta", formula.beta);
  formula.gamma = real("gamma", formula.gamma);
  formula.delta = real("delta", formula.delta);
  formula.q = real("q", formula.q);
  formula.apply_class_balancing = op.attributes.has("apply_class_balancing");
  if (op.attributes.has("row_axes")) formula.row_axes = op.attributes.integer("row_axes");
  return formula;
}

Shape loss_shape(const LossFormula& formula, const Shape& y_pred) {
  return leading_axes(y_pred, row_axes(formula, y_pred));
}

Shape label_shape(const LossFormula& formula, const Shape& y_pred) {
  return takes_class_numbers(formula.function) ? loss_shape(formula, y_pred) : y_pred;
}

LossRowCount loss_rows(const Graph& graph, const Op& op) {
  const Shape& y_pred = graph.input(op, 0).shape;
  const int64_t rows = loss_shape(loss_formula(op), y_pred).elements();
  return {rows, y_pred.elements() / rows};
}

const OpKind& loss_kind() {
  static const Loss kind;
  return kind;
}
const OpKind& loss_backward_kind() {
  static const LossBackward kind;
  return kind;
}
const OpKind& softmax_cross_entropy_kind() {
  static const SoftmaxCrossEntropy kind;
  return kind;
}
const OpKind& softmax_cross_entropy_backward_kind() {
  static const SoftmaxCrossEntropyBackward kind;
  return kind;
}

namespace {

Attributes attributes_of(const LossFormula& formula) {
  Attributes attributes{{"function", std::string(to_string(formula.function))},
                        {"from_logits", int64_t{formula.from_logits}}};
  if (formula.label_smoothing != 0) attributes.set("label_smoothing", formula.label_smoothing);
  switch (formula.function) {
    case F::kCategoricalFocalCrossentropy:
    case F::kBinaryFocalCrossentropy:
      attributes.set("alpha", formula.alpha);
      attributes.set("gamma", formula.gamma);
      if (formula.apply_class_balancing) attributes.set("apply_class_balancing", int64_t{1});
      break;
    case F::kCategoricalGeneralizedCrossEntropy:
      attributes.set("q", formula.q);
      break;
    case F::kHuber:
      attributes.set("delta", formula.delta);
      break;
    case F::kTversky:
      attributes.set("alpha", formula.alpha);
      attributes.set("beta", formula.beta);
      attributes.set("row_axes", formula.row_axes);
      break;
    case F::kDice:
      attributes.set("row_axes", formula.row_axes);
      break;
    default:
      break;
  }
  return attributes;
}

}  // namespace

ValueId loss(Builder& builder, ValueId y_pred, ValueId y_true, const LossFormula& formula,
             ValueId weights, double weight) {
  Attributes attributes = attributes_of(formula);
  attributes.set("weight", weight);
  std::vector<ValueId> inputs{y_pred, y_true};
  if (weights != kNoValue) inputs.push_back(weights);
  return builder.add_op(loss_kind(), std::move(inputs), std::move(attributes))[0];
}

ValueId loss(Builder& builder, ValueId y_pred, ValueId y_true, LossFunction function,
             bool from_logits) {
  LossFormula formula;
  formula.function = function;
  formula.from_logits = from_logits;
  return loss(builder, y_pred, y_true, formula);
}

}  // namespace pronghorn::graph
