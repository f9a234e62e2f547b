#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "graph/ops/batch_matmul.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/matmul.h"
#include "graph/ops/reshape.h"
#include "graph/ops/softmax.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;

// What both attentions are called with: query (Q steps), value and, or it is the value, key (K
// steps each), and how.
class AttentionLayer : public Layer {
 public:
  Json call_arguments() const override {
    return causal_ ? Json{{"use_causal_mask", true}} : Json::object();
  }
  bool set_call_argument(std::string_view name, const Json& value) override {
    if (name != "use_causal_mask" || !value.is_boolean()) return false;
    causal_ = value.get<bool>();
    return true;
  }

 protected:
  void check_inputs(std::span<const Shape> inputs) const {
    if (inputs.size() != 2 && inputs.size() != 3)
      fail(fmt::format("takes query and value, or query, value and key, not {} inputs",
                       inputs.size()));
    for (const Shape& input : inputs)
      if (input.rank() != 2)
        fail(fmt::format("needs sequences (batch, steps, features), one of its inputs is {}",
                         input.to_string_any_batch()));
    if (inputs.back()[0] != inputs[1][0])
      fail(fmt::format("its value {} and key {} differ in their steps",
                       inputs[1].to_string_any_batch(), inputs[2].to_string_any_batch()));
  }

  // softmax over the keys, and dropout.
  graph::ValueId weigh(const Lowering& lowering, graph::ValueId scores, double dropout,
                       std::optional<int64_t> seed) const {
    graph::ValueId value = causal_ ? graph::causal_softmax(lowering.builder, scores)
                                   : graph::softmax(lowering.builder, scores);
    if (lowering.training && dropout > 0)
      value = graph::dropout(lowering.builder, value, dropout, lowering.stream + mixed_seed(seed));
    return value;
  }

 private:
  bool causal_ = false;
};

struct MultiHeadArguments {
  int64_t num_heads, key_dim, value_dim;
  double dropout;
  bool use_bias;
  std::optional<int64_t> output_features;
  WeightArguments kernel, bias;
  std::optional<int64_t> seed;
};

// softmax(q k^T / sqrt(key_dim)) v in each head, q, k and v products of the inputs; then a product
// of all heads' results. Weights: query/kernel (features, heads, key_dim), query/bias (heads,
// key_dim), the same of key and value, attention_output/kernel (heads, value_dim, features),
// attention_output/bias (features). Vaswani et al., NeurIPS 2017.
class MultiHeadAttention final : public AttentionLayer {
 public:
  explicit MultiHeadAttention(MultiHeadArguments arguments) : a_(std::move(arguments)) {}

  std::string_view class_name() const override { return "MultiHeadAttention"; }

  Json config() const override {
    Json config = {{"num_heads", a_.num_heads},
                   {"key_dim", a_.key_dim},
                   {"value_dim", a_.value_dim},
                   {"dropout", a_.dropout},
                   {"use_bias", a_.use_bias},
                   {"output_shape", nullptr},
                   {"attention_axes", nullptr},
                   {"kernel_initializer", to_json(a_.kernel.initializer)},
                   {"bias_initializer", to_json(a_.bias.initializer)},
                   {"kernel_regularizer", to_json(a_.kernel.regularizer)},
                   {"bias_regularizer", to_json(a_.bias.regularizer)},
                   {"kernel_constraint", to_json(a_.kernel.constraint)},
                   {"bias_constraint", to_json(a_.bias.constraint)}};
    if (a_.output_features) config["output_shape"] = Json::array({*a_.output_features});
    config["seed"] = a_.seed ? Json(*a_.seed) : Json();
    return config;
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    check_inputs(inputs);
    return {inputs[0][0], a_.output_features.value_or(inputs[0][1])};
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    // The weights of the four products, in their order.
    const size_t each = a_.use_bias ? 2 : 1;
    const auto heads = [&](size_t product, graph::ValueId input, int64_t features) {
      const Shape shape = builder.graph().value(input).shape;
      const graph::ValueId value =
          project(lowering, product * each, rows_of(builder, input), a_.num_heads * features);
      return graph::reshape(builder, value, {shape[0], shape[1], a_.num_heads, features});
    };
    graph::ValueId query = heads(0, inputs[0], a_.key_dim);
    query = graph::elementwise(
        builder, query,
        {graph::StageFunction::kScale, -1, 1 / std::sqrt(static_cast<double>(a_.key_dim))});
    const graph::ValueId key = heads(1, inputs.back(), a_.key_dim);
    const graph::ValueId value = heads(2, inputs[1], a_.value_dim);
    graph::ValueId scores = graph::batch_matmul(
        builder, query, key, {.transpose_b = true, .swap_a = true, .swap_b = true});
    scores = weigh(lowering, scores, a_.dropout, a_.seed);
    graph::ValueId result =
        graph::batch_matmul(builder, scores, value, {.swap_b = true, .swap_dst = true});
    const Shape shape = builder.graph().value(result).shape;
    result = graph::reshape(builder, result, {shape[0] * shape[1], a_.num_heads * a_.value_dim});
    const Shape& query_shape = builder.graph().value(inputs[0]).shape;
    const int64_t features = a_.output_features.value_or(query_shape[2]);
    result = project(lowering, 3 * each, result, features);
    return graph::reshape(builder, result, {shape[0], shape[1], features});
  }

 protected:
  void build(std::span<const Shape> inputs) override {
    const auto add = [&](const std::string& name, Shape kernel, Shape bias) {
      add_weight(name + "/kernel", std::move(kernel), a_.kernel);
      if (a_.use_bias) add_weight(name + "/bias", std::move(bias), a_.bias);
    };
    const auto add_heads = [&](const std::string& name, const Shape& input, int64_t features) {
      add(name, {input[1], a_.num_heads, features}, {a_.num_heads, features});
    };
    add_heads("query", inputs[0], a_.key_dim);
    add_heads("key", inputs.back(), a_.key_dim);
    add_heads("value", inputs[1], a_.value_dim);
    const int64_t features = a_.output_features.value_or(inputs[0][1]);
    add("attention_output", {a_.num_heads, a_.value_dim, features}, {features});
  }
  bool weights_fit(std::span<const Shape> inputs) const override {
    return inputs[0][1] == built_for()[0][1] && inputs[1][1] == built_for()[1][1] &&
           inputs.back()[1] == built_for().back()[1];
  }

 private:
  static graph::ValueId rows_of(graph::Builder& builder, graph::ValueId value) {
    const Shape shape = builder.graph().value(value).shape;
    return graph::reshape(builder, value, {shape[0] * shape[1], shape[2]});
  }

  // Rows times the kernel with this number, whose axes are those of a matrix with so many columns.
  graph::ValueId project(const Lowering& lowering, size_t weight, graph::ValueId rows,
                         int64_t columns) const {
    graph::Builder& builder = lowering.builder;
    const int64_t features = builder.graph().value(rows).shape[1];
    const graph::ValueId kernel =
        graph::reshape(builder, lowering.weights[weight], {features, columns});
    graph::ValueId value = graph::matmul(builder, rows, kernel);
    if (a_.use_bias)
      value = graph::bias_add(builder, value,
                              graph::reshape(builder, lowering.weights[weight + 1], {columns}));
    return value;
  }

  MultiHeadArguments a_;
};

// softmax(query key^T) value.
class Attention final : public AttentionLayer {
 public:
  Attention(double dropout, std::optional<int64_t> seed) : dropout_(dropout), seed_(seed) {}

  std::string_view class_name() const override { return "Attention"; }
  Json config() const override {
    return {{"use_scale", false},
            {"score_mode", "dot"},
            {"dropout", dropout_},
            {"seed", seed_ ? Json(*seed_) : Json()}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    check_inputs(inputs);
    if (inputs[0][1] != inputs.back()[1])
      fail(fmt::format("its query {} and key {} differ in their features",
                       inputs[0].to_string_any_batch(), inputs.back().to_string_any_batch()));
    return {inputs[0][0], inputs[1][1]};
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    const graph::ValueId scores =
        graph::batch_matmul(lowering.builder, inputs[0], inputs.back(), {.transpose_b = true});
    return graph::batch_matmul(lowering.builder, weigh(lowering, scores, dropout_, seed_),
                               inputs[1], {});
  }

 private:
  double dropout_;
  std::optional<int64_t> seed_;
};

double dropout_rate(ConfigReader& reader) {
  const double rate = reader.real("dropout", 0);
  if (rate < 0 || rate >= 1)
    reader.fail("dropout", fmt::format("is {}; it must be in [0, 1)", rate));
  return rate;
}

}  // namespace

std::shared_ptr<Layer> make_multi_head_attention(ConfigReader& reader) {
  const int64_t key_dim = reader.positive("key_dim");
  MultiHeadArguments arguments{.num_heads = reader.positive("num_heads"),
                               .key_dim = key_dim,
                               .value_dim = reader.integer("value_dim", key_dim),
                               .dropout = dropout_rate(reader),
                               .use_bias = reader.boolean("use_bias", true),
                               .output_features = std::nullopt,
                               .kernel = reader.weight("kernel", "glorot_uniform"),
                               .bias = reader.weight("bias", "zeros"),
                               .seed = reader.optional_integer("seed")};
  if (arguments.value_dim < 1)
    reader.fail("value_dim", fmt::format("is {}; it must be positive", arguments.value_dim));
  bool one = false;
  const std::vector<int64_t> output = reader.integers("output_shape", {}, one);
  if (output.size() > 1 || (output.size() == 1 && output[0] < 1))
    reader.fail("output_shape", "must be one positive number of features");
  if (!output.empty()) arguments.output_features = output[0];
  // Written so once the layer is built: over the steps.
  if (reader.integers("attention_axes", {1}, one) != std::vector<int64_t>{1})
    reader.fail("attention_axes", "must be the steps, axis 1");
  reader.only_default("use_gate", false);
  return std::make_shared<MultiHeadAttention>(std::move(arguments));
}

std::shared_ptr<Layer> make_attention(ConfigReader& reader) {
  const double dropout = dropout_rate(reader);
  reader.only_default("use_scale", false);
  reader.only_default("score_mode", "dot");
  return std::make_shared<Attention>(dropout, reader.optional_integer("seed"));
}

}  // namespace pronghorn::model
