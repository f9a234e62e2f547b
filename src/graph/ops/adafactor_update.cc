#include "graph/ops/adafactor_update.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace pronghorn::graph {
namespace {

class AdafactorUpdate final : public OpKind {
 public:
  std::string_view name() const override { return "adafactor_update"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& parameter = graph.input(op, 0).shape;
    const std::vector<OptimizerSlot> slots = adafactor_slots(parameter);
    const auto fits = [&](int input, const Shape& shape) {
      if (!(graph.input(op, input).shape == shape))
        throw std::logic_error(fmt::format("update of '{}': gradient or slot has another shape",
                                           graph.input(op, 0).name));
    };
    fits(1, parameter);
    std::vector<TensorType> types{{parameter}};
    for (size_t slot = 0; slot < slots.size(); ++slot) {
      fits(static_cast<int>(slot) + 2, slots[slot].shape);
      types.push_back({slots[slot].shape});
    }
    return types;
  }

  // The square, two means, v, u and its square, RMS(w), the step; roots and divisions count one.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = (12 + is_scaled(op)) * graph.input(op, 0).shape.elements()};
  }

  std::vector<Alias> required_aliases(const Op&) const override {
    return {{0, 0}, {2, 1}, {3, 2}, {4, 3}};
  }
};

}  // namespace

const OpKind& adafactor_update_kind() {
  static const AdafactorUpdate kind;
  return kind;
}

std::vector<OptimizerSlot> adafactor_slots(const Shape& parameter) {
  if (parameter.rank() < 2) return {{"r", 0, {}}, {"c", 0, {}}, {"velocity", 0, parameter}};
  const auto extents = parameter.extents();
  std::vector<int64_t> rows(extents.begin(), extents.end() - 1);
  std::vector<int64_t> columns(extents.begin(), extents.end() - 2);
  columns.push_back(parameter.back());
  return {{"r", 0, Shape(rows)}, {"c", 0, Shape(columns)}, {"velocity", 0, parameter}};
}

AdafactorGeometry adafactor_geometry(const Shape& parameter) {
  if (parameter.rank() < 2) return {false, 1, 1, parameter.elements()};
  const int64_t rows = parameter[parameter.rank() - 2], columns = parameter.back();
  return {true, parameter.elements() / (rows * columns), rows, columns};
}

AdafactorStep adafactor_step(const Attributes& attributes, uint64_t step, double learning_rate) {
  const auto t = static_cast<double>(update_number(attributes, step));
  return {1 - std::pow(t, attributes.real("beta_2_decay")),
          std::min(learning_rate, 1 / std::sqrt(t))};
}

}  // namespace pronghorn::graph
