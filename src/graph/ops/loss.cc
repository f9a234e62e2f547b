#include "graph/ops/loss.h"

#include <fmt/format.h>

#include <array>

#include "graph/ops/elementwise.h"
#include "graph/ops/softmax.h"
#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

constexpr std::array<std::string_view, 5> kNames = {
    "categorical_crossentropy", "sparse_categorical_crossentropy", "binary_crossentropy",
    "mean_squared_error", "mean_absolute_error"};

Shape rows_shape(const Shape& y_pred) {
  return Shape(std::vector<int64_t>(y_pred.extents().begin(), y_pred.extents().end() - 1));
}

void check_labels(const Op& op, const Shape& y_pred, const Shape& y_true) {
  const LossFunction function = loss_function(op);
  if (function != LossFunction::kSparseCategoricalCrossentropy) {
    if (!(y_true == y_pred))
      throw ShapeError(fmt::format("{} needs labels of the output's shape {}, not {}",
                                   to_string(function), y_pred.to_string(), y_true.to_string()));
    return;
  }
  const Shape rows = rows_shape(y_pred);
  std::vector<int64_t> column(rows.extents().begin(), rows.extents().end());
  column.push_back(1);
  if (!(y_true == rows) && !(y_true == Shape(column)))
    throw ShapeError(fmt::format("{} needs one class number per row, {}, not labels of shape {}",
                                 to_string(function), rows.to_string(), y_true.to_string()));
}

// What differentiation starts with: the mean over all rows, weighted.
Attributes backward_attributes(const Graph& graph, const Op& op) {
  Attributes attributes = op.attributes;
  const int64_t rows = rows_shape(graph.input(op, 0).shape).elements();
  attributes.set("scale", op.attributes.real("weight") / static_cast<double>(rows));
  return attributes;
}

class Loss final : public OpKind {
 public:
  std::string_view name() const override { return "loss"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& y_pred = graph.input(op, 0).shape;
    check_labels(op, y_pred, graph.input(op, 1).shape);
    return {{rows_shape(y_pred)}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op, std::span<const ValueId>,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    return {builder.add_op(loss_backward_kind(), op.inputs,
                           backward_attributes(builder.graph(), op))[0],
            kNoValue};
  }

  // Per element: divide or subtract, clip, log, multiply, add.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 5 * graph.input(op, 0).shape.elements()};
  }
};

class LossBackward final : public OpKind {
 public:
  std::string_view name() const override { return "loss_backward"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{graph.input(op, 0).shape}};
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = 4 * graph.input(op, 0).shape.elements()};
  }
};

class SoftmaxCrossEntropy final : public OpKind {
 public:
  std::string_view name() const override { return "softmax_cross_entropy"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& logits = graph.input(op, 0).shape;
    check_labels(op, logits, graph.input(op, 1).shape);
    return {{rows_shape(logits)}, {logits}};
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    ValueId diff_logits =
        builder.add_op(softmax_cross_entropy_backward_kind(), {op.outputs[1], op.inputs[1]},
                       backward_attributes(builder.graph(), op))[0];
    // Another loss may depend on the probabilities.
    if (diff_outputs[1] != kNoValue) {
      const ValueId through_probabilities =
          builder.add_op(softmax_backward_kind(), {op.outputs[1], diff_outputs[1]})[0];
      diff_logits = add(builder, diff_logits, through_probabilities);
    }
    return {diff_logits, kNoValue};
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

ValueId loss(Builder& builder, ValueId y_pred, ValueId y_true, LossFunction function,
             bool from_logits) {
  return builder.add_op(loss_kind(), {y_pred, y_true},
                        {{"function", std::string(to_string(function))},
                         {"from_logits", int64_t{from_logits}},
                         {"weight", 1.0}})[0];
}

}  // namespace pronghorn::graph
