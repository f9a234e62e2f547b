// Layers of sequences and text: shapes, weights as in Keras, what is refused.

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "model/functional.h"
#include "model/layer_registry.h"
#include "model/model.h"
#include "pronghorn/error.h"
#include "pronghorn/layers.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;

std::unique_ptr<Model> model_of(const std::string& class_name, const Json& config,
                                const std::vector<Shape>& shapes) {
  std::vector<SymbolicTensor> inputs;
  for (const Shape& shape : shapes) inputs.push_back(make_input(shape, ""));
  return functional_model(inputs, {call(layer_from_config(class_name, config), inputs)}, "");
}

struct Expected {
  const char* class_name;
  Json config;
  std::vector<Shape> inputs;
  Shape output;
  // "name (shape)" of each weight.
  std::vector<std::string> weights;
};
void PrintTo(const Expected& expected, std::ostream* out) { *out << expected.class_name; }

class SequenceLayer : public testing::TestWithParam<Expected> {};

TEST_P(SequenceLayer, HasKerasShapesAndWeights) {
  const auto model = model_of(GetParam().class_name, GetParam().config, GetParam().inputs);
  EXPECT_EQ(model->nodes.back().shape, GetParam().output);
  std::vector<std::string> weights;
  for (const Weight& weight : model->nodes.back().layer->weights())
    weights.push_back(weight.name + " " + weight.shape.to_string());
  EXPECT_EQ(weights, GetParam().weights);
}

TEST_P(SequenceLayer, LowersToAGraphOfThatShapeInTrainingAndAtInference) {
  const auto model = model_of(GetParam().class_name, GetParam().config, GetParam().inputs);
  for (const bool training : {false, true}) {
    graph::Graph graph;
    graph.batch = 3;
    graph::Builder builder(graph);
    const Model::Lowered lowered = model->lower(builder, 3, training);
    graph.verify();
    EXPECT_EQ(graph.value(lowered.outputs[0]).shape, GetParam().output.with_batch(3));
  }
}

TEST_P(SequenceLayer, ReadsWhatItWrites) {
  const auto layer = layer_from_config(GetParam().class_name, GetParam().config);
  const Json written = full_config(*layer);
  EXPECT_EQ(full_config(*layer_from_config(GetParam().class_name, written)), written);
  for (const auto& [name, value] : GetParam().config.items())
    if (!value.is_object()) {
      EXPECT_EQ(written[name], value) << name;
    }
}

const Json kLstm = {{"class_name", "LSTM"}, {"config", {{"units", 4}, {"name", "l"}}}};
const Json kDense = {{"class_name", "Dense"}, {"config", {{"units", 4}, {"name", "d"}}}};

INSTANTIATE_TEST_SUITE_P(
    Layers, SequenceLayer,
    testing::Values(
        Expected{"Embedding",
                 {{"input_dim", 9}, {"output_dim", 4}},
                 {{7}},
                 {7, 4},
                 {"embeddings (9, 4)"}},
        Expected{"LayerNormalization",
                 {{"axis", {1, 2}}, {"scale", false}},
                 {{3, 4}},
                 {3, 4},
                 {"beta (3, 4)"}},
        Expected{"LayerNormalization",
                 {{"epsilon", 1e-6}},
                 {{3, 4}},
                 {3, 4},
                 {"gamma (4,)", "beta (4,)"}},
        Expected{"GroupNormalization",
                 {{"groups", 2}},
                 {{3, 3, 6}},
                 {3, 3, 6},
                 {"gamma (6,)", "beta (6,)"}},
        Expected{"SimpleRNN",
                 {{"units", 4}},
                 {{5, 3}},
                 {4},
                 {"simple_rnn_cell/kernel (3, 4)", "simple_rnn_cell/recurrent_kernel (4, 4)",
                  "simple_rnn_cell/bias (4,)"}},
        Expected{"LSTM",
                 {{"units", 4}, {"return_sequences", true}, {"dropout", 0.2}},
                 {{5, 3}},
                 {5, 4},
                 {"lstm_cell/kernel (3, 16)", "lstm_cell/recurrent_kernel (4, 16)",
                  "lstm_cell/bias (16,)"}},
        Expected{"GRU",
                 {{"units", 4}, {"go_backwards", true}},
                 {{5, 3}},
                 {4},
                 {"gru_cell/kernel (3, 12)", "gru_cell/recurrent_kernel (4, 12)",
                  "gru_cell/bias (2, 12)"}},
        Expected{"GRU",
                 {{"units", 4}, {"reset_after", false}},
                 {{5, 3}},
                 {4},
                 {"gru_cell/kernel (3, 12)", "gru_cell/recurrent_kernel (4, 12)",
                  "gru_cell/bias (12,)"}},
        Expected{
            "Bidirectional",
            {{"merge_mode", "concat"}, {"layer", kLstm}},
            {{5, 3}},
            {8},
            {"forward_l/lstm_cell/kernel (3, 16)", "forward_l/lstm_cell/recurrent_kernel (4, 16)",
             "forward_l/lstm_cell/bias (16,)", "backward_l/lstm_cell/kernel (3, 16)",
             "backward_l/lstm_cell/recurrent_kernel (4, 16)", "backward_l/lstm_cell/bias (16,)"}},
        Expected{"TimeDistributed",
                 {{"layer", kDense}},
                 {{5, 3}},
                 {5, 4},
                 {"d/kernel (3, 4)", "d/bias (4,)"}},
        Expected{"MultiHeadAttention",
                 {{"num_heads", 2}, {"key_dim", 3}, {"value_dim", 5}, {"dropout", 0.1}},
                 {{4, 6}, {7, 2}},
                 {4, 6},
                 {"query/kernel (6, 2, 3)", "query/bias (2, 3)", "key/kernel (2, 2, 3)",
                  "key/bias (2, 3)", "value/kernel (2, 2, 5)", "value/bias (2, 5)",
                  "attention_output/kernel (2, 5, 6)", "attention_output/bias (6,)"}},
        Expected{"Attention", {{"dropout", 0.0}}, {{4, 6}, {7, 2}, {7, 6}}, {4, 2}, {}},
        Expected{"GaussianNoise", {{"stddev", 0.5}}, {{4}}, {4}, {}},
        Expected{"GaussianDropout", {{"rate", 0.5}}, {{4, 2}}, {4, 2}, {}},
        Expected{"AlphaDropout", {{"rate", 0.5}, {"seed", 3}}, {{4}}, {4}, {}}));

struct Refusal {
  const char* class_name;
  Json config;
  std::vector<Shape> inputs;
  const char* message;
};
void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.message; }

class RefusedSequence : public testing::TestWithParam<Refusal> {};

TEST_P(RefusedSequence, SaysWhatWhereAndWhatWouldBeRight) {
  try {
    model_of(GetParam().class_name, GetParam().config, GetParam().inputs);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(GetParam().message));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Arguments, RefusedSequence,
    testing::Values(
        Refusal{"Embedding",
                {{"name", "e"}, {"input_dim", 9}, {"output_dim", 4}, {"mask_zero", true}},
                {{7}},
                "layer 'e': argument 'mask_zero' is true; Pronghorn supports only false"},
        Refusal{"LayerNormalization", {{"axis", 1}}, {{3, 4}}, "axis [1] is not the last"},
        Refusal{"LayerNormalization", {{"rms_scaling", true}}, {{3}}, "'rms_scaling' is true"},
        Refusal{"GroupNormalization", {{"groups", 4}}, {{6}}, "no multiple of 4 groups"},
        Refusal{"GroupNormalization", {{"groups", 0}}, {{6}}, "'groups' is 0; it must be positive"},
        Refusal{"LSTM",
                {{"name", "l"}, {"units", 3}},
                {{4}},
                "layer 'l': needs sequences (batch, steps, features), its input is (None, 4)"},
        Refusal{"LSTM",
                {{"units", 3}, {"activation", "gelu"}},
                {{4, 2}},
                "'activation' is 'gelu'; of a recurrent layer it can be one of hard_sigmoid"},
        Refusal{"GRU", {{"units", 3}, {"stateful", true}}, {{4, 2}}, "'stateful' is true"},
        Refusal{"GRU", {{"units", 3}, {"return_state", true}}, {{4, 2}}, "'return_state' is true"},
        Refusal{"GRU",
                {{"units", 3}, {"recurrent_dropout", 0.5}},
                {{4, 2}},
                "'recurrent_dropout' is 0.5; Pronghorn supports only 0.0"},
        Refusal{"GRU", {{"units", 3}, {"dropout", 1.0}}, {{4, 2}}, "'dropout' is 1"},
        Refusal{"Bidirectional", {{"layer", kLstm}}, {{5, 3}}, "merges by concat, sum, mul or ave"},
        Refusal{"Bidirectional",
                {{"merge_mode", "sum"}, {"layer", kDense}},
                {{5, 3}},
                "is a Dense; Pronghorn wraps SimpleRNN, LSTM and GRU"},
        Refusal{"Bidirectional", {{"merge_mode", "sum"}}, {{5, 3}}, "must be a layer"},
        Refusal{"TimeDistributed", Json::object(), {{5, 3}}, "argument 'layer' is missing"},
        Refusal{"TimeDistributed", {{"layer", kDense}}, {{5}}, "needs sequences"},
        Refusal{"MultiHeadAttention", {{"num_heads", 2}}, {{4, 6}, {4, 6}}, "'key_dim' is missing"},
        Refusal{"MultiHeadAttention",
                {{"num_heads", 2}, {"key_dim", 3}},
                {{4, 6}},
                "takes query and value, or query, value and key, not 1 inputs"},
        Refusal{"MultiHeadAttention",
                {{"num_heads", 2}, {"key_dim", 3}, {"attention_axes", {1, 2}}},
                {{4, 6}, {4, 6}},
                "'attention_axes' must be the steps, axis 1"},
        Refusal{"Attention", Json::object(), {{4, 6}, {4, 5}}, "differ in their features"},
        Refusal{"Attention", {{"use_scale", true}}, {{4, 6}, {4, 6}}, "'use_scale' is true"},
        Refusal{"GaussianNoise", {{"stddev", 2}}, {{4}}, "'stddev' is 2; it must be in [0, 1]"},
        Refusal{"AlphaDropout", {{"rate", 1}}, {{4}}, "'rate' is 1; it must be in [0, 1)"}));

TEST(LSTM, BeginsWithAnOpenForgetGate) {
  const auto model = model_of("LSTM", {{"units", 2}}, {{3, 4}});
  model->initialize(1);
  const Weight& bias = model->nodes.back().layer->weights()[2];
  const std::vector<float> values(bias.values(), bias.values() + 8);
  EXPECT_THAT(values, testing::ElementsAre(0, 0, 1, 1, 0, 0, 0, 0));
}

TEST(Orthogonal, HasOrthonormalRowsOrColumns) {
  for (const Shape& shape : {Shape{3, 12}, Shape{12, 3}, Shape{2, 2, 3}}) {
    std::vector<float> values(static_cast<size_t>(shape.elements()));
    Initializer initializer = initializer_from_name("orthogonal");
    initializer.gain = 2;
    initialize(initializer, shape, 1, 5, values);
    const auto columns = static_cast<size_t>(shape.back()), rows = values.size() / columns;
    const size_t count = std::min(rows, columns), length = std::max(rows, columns);
    const auto at = [&](size_t vector, size_t i) {
      return rows <= columns ? values[vector * columns + i] : values[i * columns + vector];
    };
    for (size_t a = 0; a < count; ++a)
      for (size_t b = 0; b < count; ++b) {
        double dot = 0;
        for (size_t i = 0; i < length; ++i) dot += at(a, i) * at(b, i);
        EXPECT_NEAR(dot, a == b ? 4 : 0, 1e-5);
      }
  }
}

TEST(MultiHeadAttention, KnowsTheCausalMaskAsAnArgumentOfItsCall) {
  const auto layer = layer_from_config("MultiHeadAttention", {{"num_heads", 1}, {"key_dim", 2}});
  EXPECT_EQ(layer->call_arguments(), Json::object());
  EXPECT_TRUE(layer->set_call_argument("use_causal_mask", true));
  EXPECT_EQ(layer->call_arguments(), (Json{{"use_causal_mask", true}}));
  EXPECT_FALSE(layer->set_call_argument("return_attention_scores", true));
}

TEST(SequenceLayers, AreMadeInCppAsInKeras) {
  const KerasTensor words = Input({6});
  KerasTensor x = layers::Embedding(8, 4)(words);
  x = layers::MultiHeadAttention(2, 3, {.use_causal_mask = true})(std::vector{x, x});
  x = layers::LayerNormalization()(x);
  x = layers::Bidirectional(layers::GRU(5, {.return_sequences = true}))(x);
  EXPECT_EQ(x.shape(), (Shape{6, 10}));
  x = layers::TimeDistributed(layers::Dense(3))(x);
  x = layers::LSTM(7)(layers::GaussianNoise(0.1)(x));
  EXPECT_EQ(x.shape(), (Shape{7}));
  EXPECT_THROW(layers::Bidirectional(layers::Dense(2)), UnsupportedError);
}

}  // namespace
}  // namespace pronghorn::model
