#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "graph/ops/elementwise.h"
#include "graph/ops/matmul.h"
#include "graph/ops/reshape.h"
#include "model/activation.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {
namespace {

struct DenseArguments {
  int64_t units;
  std::string activation;
  bool use_bias;
  WeightArguments kernel;
  WeightArguments bias;
};

// activation(input kernel + bias) over the last axis; weights kernel (in, units), bias (units).
class Dense final : public Layer {
 public:
  explicit Dense(DenseArguments arguments) : arguments_(std::move(arguments)) {}

  std::string_view class_name() const override { return "Dense"; }

  nlohmann::ordered_json config() const override {
    return {{"units", arguments_.units},
            {"activation", arguments_.activation},
            {"use_bias", arguments_.use_bias},
            {"kernel_initializer", to_json(arguments_.kernel.initializer)},
            {"bias_initializer", to_json(arguments_.bias.initializer)},
            {"kernel_regularizer", to_json(arguments_.kernel.regularizer)},
            {"bias_regularizer", to_json(arguments_.bias.regularizer)},
            {"kernel_constraint", to_json(arguments_.kernel.constraint)},
            {"bias_constraint", to_json(arguments_.bias.constraint)}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    if (input.rank() == 0)
      fail("needs rows (features), its input is (None,); add a Flatten or Reshape before it");
    return with_last(input, arguments_.units);
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    const Shape shape = builder.graph().value(inputs[0]).shape;
    // A tensor of more than two axes is so many rows of its last one.
    graph::ValueId value = inputs[0];
    if (shape.rank() > 2)
      value = graph::reshape(builder, value, {shape.elements() / shape.back(), shape.back()});
    value = graph::matmul(builder, value, lowering.weights[0]);
    if (arguments_.use_bias) value = graph::bias_add(builder, value, lowering.weights[1]);
    value = lower_activation(builder, value, arguments_.activation);
    if (shape.rank() > 2)
      value = graph::reshape(builder, value, with_last(shape, arguments_.units));
    return value;
  }

 protected:
  void build(std::span<const Shape> inputs) override {
    add_weight("kernel", {inputs[0].back(), arguments_.units}, arguments_.kernel);
    if (arguments_.use_bias) add_weight("bias", {arguments_.units}, arguments_.bias);
  }

 private:
  static Shape with_last(const Shape& shape, int64_t extent) {
    std::vector<int64_t> extents(shape.extents().begin(), shape.extents().end());
    extents.back() = extent;
    return Shape(std::move(extents));
  }

  DenseArguments arguments_;
};

}  // namespace

std::shared_ptr<Layer> make_dense(ConfigReader& reader) {
  DenseArguments arguments{.units = reader.positive("units"),
                           .activation = reader.activation("activation", "linear"),
                           .use_bias = reader.boolean("use_bias", true),
                           .kernel = reader.weight("kernel", "glorot_uniform"),
                           .bias = reader.weight("bias", "zeros")};
  return std::make_shared<Dense>(std::move(arguments));
}

}  // namespace pronghorn::model
