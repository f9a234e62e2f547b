#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "graph/ops/embedding.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {
namespace {

struct EmbeddingArguments {
  int64_t input_dim, output_dim;
  WeightArguments embeddings;
};

// Class numbers (...) to rows (..., output_dim) of the weight embeddings (input_dim, output_dim).
class Embedding final : public Layer {
 public:
  explicit Embedding(EmbeddingArguments arguments) : arguments_(std::move(arguments)) {}

  std::string_view class_name() const override { return "Embedding"; }

  nlohmann::ordered_json config() const override {
    return {{"input_dim", arguments_.input_dim},
            {"output_dim", arguments_.output_dim},
            {"embeddings_initializer", to_json(arguments_.embeddings.initializer)},
            {"embeddings_regularizer", to_json(arguments_.embeddings.regularizer)},
            {"embeddings_constraint", to_json(arguments_.embeddings.constraint)},
            {"mask_zero", false}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    std::vector<int64_t> extents(input.extents().begin(), input.extents().end());
    extents.push_back(arguments_.output_dim);
    return Shape(std::move(extents));
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    return graph::embedding(lowering.builder, inputs[0], lowering.weights[0]);
  }

 protected:
  void build(std::span<const Shape>) override {
    add_weight("embeddings", {arguments_.input_dim, arguments_.output_dim}, arguments_.embeddings);
  }
  // Its weights are for class numbers, however many of them there are.
  bool weights_fit(std::span<const Shape>) const override { return true; }

 private:
  EmbeddingArguments arguments_;
};

}  // namespace

std::shared_ptr<Layer> make_embedding(ConfigReader& reader) {
  EmbeddingArguments arguments{.input_dim = reader.positive("input_dim"),
                               .output_dim = reader.positive("output_dim"),
                               .embeddings = reader.weight("embeddings", "uniform")};
  reader.only_default("mask_zero", false);
  reader.ignore("input_length");  // Keras 2's; the input says it
  return std::make_shared<Embedding>(std::move(arguments));
}

}  // namespace pronghorn::model
