#include "graph/ops/recurrence.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "graph/ops/concatenate.h"
#include "graph/ops/matmul.h"
#include "graph/ops/reshape.h"
#include "graph/ops/sum_rows.h"
#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

constexpr std::array kCells = {Cell::kSimpleRnn, Cell::kLstm, Cell::kGru};
constexpr std::array<std::string_view, 3> kNames = {"simple_rnn", "lstm", "gru"};
constexpr std::array<std::string_view, 3> kBackwardNames = {"simple_rnn_backward", "lstm_backward",
                                                            "gru_backward"};
constexpr std::array<int64_t, 3> kParts = {1, 4, 3};

constexpr std::array<std::pair<std::string_view, CellActivation>, 5> kActivations = {{
    {"hard_sigmoid", CellActivation::kHardSigmoid},
    {"linear", CellActivation::kLinear},
    {"relu", CellActivation::kRelu},
    {"sigmoid", CellActivation::kSigmoid},
    {"tanh", CellActivation::kTanh},
}};

// Floating-point operations a unit and step beside the products: an activation counts as three.
int64_t unit_flops(Cell cell) {
  return cell == Cell::kSimpleRnn ? 4 : cell == Cell::kLstm ? 23 : 17;
}
int64_t unit_flops_backward(Cell cell) {
  return cell == Cell::kSimpleRnn ? 4 : cell == Cell::kLstm ? 28 : 22;
}

Cost recurrence_cost(const RecurrenceGeometry& g, int64_t flops) {
  // h is zero before the first step.
  return {.multiply_accumulates = g.batch * (g.steps - 1) * g.units * g.parts * g.units,
          .other_flops = g.batch * g.steps * g.units * flops};
}

class Recurrence final : public OpKind {
 public:
  explicit Recurrence(Cell cell) : cell_(cell) {}

  std::string_view name() const override { return kNames[static_cast<size_t>(cell_)]; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& x = graph.input(op, 0).shape;
    const Shape& kernel = graph.input(op, 1).shape;
    const int64_t parts = kParts[static_cast<size_t>(cell_)];
    if (x.rank() != 3 || kernel.rank() != 2 || kernel[1] != parts * kernel[0] || x[2] != kernel[1])
      throw ShapeError(
          fmt::format("{} needs {} parts of as many units as its recurrent kernel {} has rows, not "
                      "steps {}",
                      name(), parts, kernel.to_string(), x.to_string()));
    const RecurrenceGeometry g = recurrence_geometry(graph, op);
    std::vector<TensorType> types;
    types.push_back({g.sequences ? Shape{g.batch, g.steps, g.units} : Shape{g.batch, g.units}});
    if (g.gates_output() >= 0) types.push_back({Shape{g.batch, g.steps, g.saved_parts * g.units}});
    if (g.cells_output() >= 0) types.push_back({Shape{g.batch, g.steps, g.units}});
    if (g.hidden_output() > 0) types.push_back({Shape{g.batch, g.steps, g.units}});
    return types;
  }

  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>& wanted) const override {
    const RecurrenceGeometry g = recurrence_geometry(builder.graph(), op);
    if (!g.keep) return OpKind::gradient(builder, op, diff_outputs, wanted);
    const auto output = [&](int index) { return op.outputs[static_cast<size_t>(index)]; };
    std::vector<ValueId> inputs{diff_outputs[0], op.inputs[1], output(g.hidden_output())};
    if (g.gates_output() >= 0) inputs.push_back(output(g.gates_output()));
    if (g.cells_output() >= 0) inputs.push_back(output(g.cells_output()));
    builder.set_phase(Phase::kBackwardData);
    const std::vector<ValueId> diffs =
        builder.add_op(recurrence_backward_kind(cell_), std::move(inputs), op.attributes);

    std::vector<ValueId> gradients(op.inputs.size(), kNoValue);
    gradients[0] = diffs[0];
    builder.set_phase(Phase::kBackwardWeights);
    const int64_t rows = g.batch * g.steps, columns = g.parts * g.units;
    const auto as_rows = [&](ValueId value, int64_t extent) {
      return reshape(builder, value, {rows, extent});
    };
    if (wanted[1]) {
      const ValueId before = as_rows(diffs[1], g.units);
      if (cell_ != Cell::kGru || g.reset_after) {
        const ValueId diff = as_rows(diffs[cell_ == Cell::kGru ? 2 : 0], columns);
        gradients[1] = matmul(builder, before, diff, /*transpose_a=*/true);
      } else {
        const ValueId diff = as_rows(diffs[0], columns);
        const ValueId of_gates = slice(builder, diff, 1, 0, 2 * g.units);
        const ValueId of_candidate = slice(builder, diff, 1, 2 * g.units, g.units);
        gradients[1] = concatenate(
            builder,
            {matmul(builder, before, of_gates, /*transpose_a=*/true),
             matmul(builder, as_rows(diffs[2], g.units), of_candidate, /*transpose_a=*/true)},
            1);
      }
    }
    if (op.inputs.size() > 2 && wanted[2]) {
      const auto row = [&](ValueId diff) {
        return reshape(builder, sum_rows(builder, as_rows(diff, columns)), {1, columns});
      };
      gradients[2] = concatenate(builder, {row(diffs[0]), row(diffs[2])}, 0);
    }
    return gradients;
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return recurrence_cost(recurrence_geometry(graph, op), unit_flops(cell_));
  }

 private:
  Cell cell_;
};

class RecurrenceBackward final : public OpKind {
 public:
  explicit RecurrenceBackward(Cell cell) : cell_(cell) {}

  std::string_view name() const override { return kBackwardNames[static_cast<size_t>(cell_)]; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const RecurrenceGeometry g = recurrence_geometry(graph, op);
    const Shape x{g.batch, g.steps, g.parts * g.units}, hidden{g.batch, g.steps, g.units};
    if (cell_ != Cell::kGru) return {{x}, {hidden}};
    return {{x}, {hidden}, {g.reset_after ? x : hidden}};
  }

  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return recurrence_cost(recurrence_geometry(graph, op), unit_flops_backward(cell_));
  }

 private:
  Cell cell_;
};

}  // namespace

const OpKind& recurrence_kind(Cell cell) {
  static const std::array<Recurrence, 3> kinds = {Recurrence(kCells[0]), Recurrence(kCells[1]),
                                                  Recurrence(kCells[2])};
  return kinds[static_cast<size_t>(cell)];
}
const OpKind& recurrence_backward_kind(Cell cell) {
  static const std::array<RecurrenceBackward, 3> kinds = {
      RecurrenceBackward(kCells[0]), RecurrenceBackward(kCells[1]), RecurrenceBackward(kCells[2])};
  return kinds[static_cast<size_t>(cell)];
}

CellActivation cell_activation(std::string_view name) {
  for (const auto& [known, activation] : kActivations)
    if (known == name) return activation;
  throw ArgumentError(fmt::format("'{}' is no activation of a recurrent layer; these can have {}",
                                  name, cell_activation_names()));
}
std::string_view cell_activation_names() { return "hard_sigmoid, linear, relu, sigmoid, tanh"; }

ValueId recurrence(Builder& builder, ValueId x, ValueId recurrent_kernel, ValueId bias,
                   const RecurrenceConfig& config) {
  std::vector<ValueId> inputs{x, recurrent_kernel};
  if (bias != kNoValue) inputs.push_back(bias);
  return builder.add_op(recurrence_kind(config.cell), std::move(inputs),
                        {{"activation", config.activation},
                         {"recurrent_activation", config.recurrent_activation},
                         {"reset_after", int64_t{config.reset_after}},
                         {"sequences", int64_t{config.sequences}},
                         {"backwards", int64_t{config.backwards}},
                         {"aligned", int64_t{config.aligned}},
                         {"keep", int64_t{config.keep}}})[0];
}

int RecurrenceGeometry::hidden_output() const {
  if (sequences) return 0;
  if (!keep) return -1;
  return cell == Cell::kSimpleRnn ? 1 : cell == Cell::kLstm ? 3 : 2;
}

RecurrenceGeometry recurrence_geometry(const Graph& graph, const Op& op) {
  RecurrenceGeometry g{};
  bool forward = false;
  for (const Cell cell : kCells) {
    forward |= op.kind == &recurrence_kind(cell);
    if (op.kind == &recurrence_kind(cell) || op.kind == &recurrence_backward_kind(cell))
      g.cell = cell;
  }
  // x, or the hidden states.
  const Shape& sequence = graph.input(op, forward ? 0 : 2).shape;
  g.batch = sequence[0];
  g.steps = sequence[1];
  g.units = graph.input(op, 1).shape[0];
  g.activation = cell_activation(op.attributes.text("activation"));
  g.recurrent_activation = cell_activation(op.attributes.text("recurrent_activation"));
  g.reset_after = op.attributes.integer("reset_after") != 0;
  g.sequences = op.attributes.integer("sequences") != 0;
  g.backwards = op.attributes.integer("backwards") != 0;
  g.aligned = op.attributes.integer("aligned") != 0;
  g.keep = op.attributes.integer("keep") != 0;
  g.parts = kParts[static_cast<size_t>(g.cell)];
  g.saved_parts = g.cell == Cell::kSimpleRnn ? 0 : g.parts + (g.reset_after ? 1 : 0);
  return g;
}

}  // namespace pronghorn::graph
