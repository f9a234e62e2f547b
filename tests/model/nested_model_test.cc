#include "model/layers/nested_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pronghorn/error.h"
#include "pronghorn/model.h"

namespace pronghorn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

Model encoder(const std::string& name = "encoder") {
  const KerasTensor x = Input({4});
  return Model(x, layers::Dense(3)(layers::Dense(5, {.activation = "relu"})(x)), name);
}

std::vector<std::string> weight_names(const Model& model) {
  std::vector<std::string> names;
  for (const NamedArray& weight : model.get_weights()) names.push_back(weight.name);
  return names;
}

TEST(NestedModel, ItsWeightsStandInTheLayersPlace) {
  const KerasTensor x = Input({4});
  const Layer inner = as_layer(encoder());
  const Model model(x, layers::Dense(2, {.name = "head"})(inner(x)));
  EXPECT_THAT(weight_names(model),
              ElementsAre("encoder/dense/kernel", "encoder/dense/bias", "encoder/dense_1/kernel",
                          "encoder/dense_1/bias", "head/kernel", "head/bias"));
  EXPECT_EQ(model.count_params(), 4 * 5 + 5 + 5 * 3 + 3 + 3 * 2 + 2);
  const std::vector<SummaryRow> rows = model.summary_rows();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].name, "encoder");
  EXPECT_EQ(rows[1].type, "Functional");
  EXPECT_EQ(rows[1].params, 4 * 5 + 5 + 5 * 3 + 3);
  EXPECT_EQ(rows[1].multiply_accumulates, 4 * 5 + 5 * 3);
}

TEST(NestedModel, ComputesWhatItsLayersDo) {
  Model alone = encoder();
  const KerasTensor x = Input({4});
  const Model inner = encoder();
  const Layer layer = as_layer(encoder());
  Model model(x, layer(x));
  std::vector<NamedArray> weights = alone.get_weights();
  const std::vector<std::string> names = weight_names(model);
  for (size_t i = 0; i < weights.size(); ++i) weights[i].name = names[i];
  model.set_weights(weights);
  const Array samples{{2, 4}, {1, 2, 3, 4, -1, 0.5, 0, 2}};
  EvaluateOptions silent;
  silent.verbose = Verbose::kSilent;
  EXPECT_EQ(model.predict(samples, silent).values, alone.predict(samples, silent).values);
}

TEST(NestedModel, CalledTwiceSharesItsWeights) {
  const KerasTensor a = Input({4}), b = Input({4});
  const Layer inner = as_layer(encoder());
  const Model model({a, b}, {layers::Add()(std::vector{inner(a), inner(b)})});
  EXPECT_EQ(model.count_params(), 4 * 5 + 5 + 5 * 3 + 3);
}

TEST(NestedModel, FrozenItFreezesItsLayers) {
  const Layer inner = as_layer(encoder());
  inner.layer()->set_trainable(false);
  for (const model::Layer* layer : inner.layer()->nested_model()->layers())
    EXPECT_FALSE(layer->trainable());
}

TEST(NestedModel, TravelsThroughJson) {
  const KerasTensor a = Input({4}), b = Input({4});
  const Layer inner = as_layer(encoder());
  const Layer chain = as_layer(Sequential({3}, {layers::Dense(3)}, "chain"));
  const Model model({a, b}, {layers::Add()(std::vector{inner(a), chain(inner(b))})});
  const Model read = model_from_json(model.to_json());
  EXPECT_EQ(read.to_json(), model.to_json());
  EXPECT_EQ(weight_names(read), weight_names(model));
}

TEST(NestedModel, RefusesInputsOfAnotherShape) {
  const KerasTensor x = Input({5});
  const Layer inner = as_layer(encoder());
  EXPECT_THAT(
      [&] { inner(x); },
      ThrowsMessage<ShapeError>(HasSubstr(
          "layer 'encoder': the model was made for inputs (None, 4), its input is (None, 5)")));
}

TEST(NestedModel, RefusesSeveralOutputs) {
  const KerasTensor x = Input({4});
  EXPECT_THAT(
      [&] {
        as_layer(Model({x}, {layers::Dense(1)(x), layers::Dense(2)(x)}, "two"));
      },
      ThrowsMessage<UnsupportedError>(HasSubstr("model 'two' has 2 outputs")));
}

TEST(NestedModel, RefusesModelsThatCallEachOtherWithoutEnd) {
  const auto ten_times = [](const Layer& layer) {
    KerasTensor x = Input({4});
    const KerasTensor input = x;
    for (int i = 0; i < 10; ++i) x = layer(x);
    return as_layer(Model(input, x));
  };
  EXPECT_THAT(
      [&] {
        Layer layer = layers::Dense(4);
        for (int depth = 0; depth < 8; ++depth) layer = ten_times(layer);
      },
      ThrowsMessage<ArgumentError>(HasSubstr("more than 65536 times")));
}

}  // namespace
}  // namespace pronghorn
