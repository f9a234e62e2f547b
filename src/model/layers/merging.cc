#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "graph/ops/concatenate.h"
#include "graph/ops/elementwise.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {
namespace {

class Add final : public Layer {
 public:
  std::string_view class_name() const override { return "Add"; }
  nlohmann::ordered_json config() const override { return nlohmann::ordered_json::object(); }

  Shape output_shape(std::span<const Shape> inputs) const override {
    if (inputs.size() < 2) fail(fmt::format("takes two inputs or more, not {}", inputs.size()));
    for (const Shape& input : inputs)
      if (!(input == inputs[0]))
        fail(fmt::format("its inputs {} and {} differ; Pronghorn adds tensors of one shape",
                         inputs[0].to_string_any_batch(), input.to_string_any_batch()));
    return inputs[0];
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::ValueId sum = inputs[0];
    for (graph::ValueId input : inputs.subspan(1)) sum = graph::add(lowering.builder, sum, input);
    return sum;
  }
};

class Concatenate final : public Layer {
 public:
  explicit Concatenate(int64_t axis) : axis_(axis) {}

  std::string_view class_name() const override { return "Concatenate"; }
  nlohmann::ordered_json config() const override { return {{"axis", axis_}}; }

  Shape output_shape(std::span<const Shape> inputs) const override {
    if (inputs.empty()) fail("takes one input or more, not 0");
    const int axis = axis_without_batch(inputs[0]);
    std::vector<int64_t> extents(inputs[0].extents().begin(), inputs[0].extents().end());
    for (const Shape& input : inputs.subspan(1)) {
      bool fits = input.rank() == inputs[0].rank();
      for (int i = 0; fits && i < input.rank(); ++i) fits = i == axis || input[i] == inputs[0][i];
      if (!fits)
        fail(fmt::format("its inputs {} and {} differ in more than axis {}",
                         inputs[0].to_string_any_batch(), input.to_string_any_batch(), axis_));
      extents[static_cast<size_t>(axis)] += input[axis];
    }
    return Shape(std::move(extents));
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    const Shape shape = lowering.builder.graph().value(inputs[0]).shape.without_batch();
    return graph::concatenate(lowering.builder, {inputs.begin(), inputs.end()},
                              axis_without_batch(shape) + 1);
  }

 private:
  // Keras counts the batch as axis 0.
  int axis_without_batch(const Shape& input) const {
    const int64_t axis = axis_ < 0 ? axis_ + input.rank() : axis_ - 1;
    if (axis < 0 || axis >= input.rank())
      fail(fmt::format("axis {} is none of its input {} (beside the batch)", axis_,
                       input.to_string_any_batch()));
    return static_cast<int>(axis);
  }

  int64_t axis_;
};

}  // namespace

std::shared_ptr<Layer> make_add(ConfigReader&) { return std::make_shared<Add>(); }

std::shared_ptr<Layer> make_concatenate(ConfigReader& reader) {
  return std::make_shared<Concatenate>(reader.integer("axis", -1));
}

}  // namespace pronghorn::model
