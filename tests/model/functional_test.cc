#include "model/functional.h"

#include <gmock/gmock.h>

#include "pronghorn/error.h"
#include "pronghorn/model.h"

namespace pronghorn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Runs `code` and returns the message of the E that it throws.
template <class E>
std::string message_of(const std::function<void()>& code) {
  try {
    code();
  } catch (const E& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

std::vector<std::string> layer_names(const Model& model) {
  std::vector<std::string> names;
  for (const model::Layer* layer : model.implementation().layers()) names.push_back(layer->name());
  return names;
}

TEST(SnakeCase, IsKerass) {
  EXPECT_EQ(model::snake_case("Dense"), "dense");
  EXPECT_EQ(model::snake_case("Conv2D"), "conv2d");
  EXPECT_EQ(model::snake_case("MaxPooling2D"), "max_pooling2d");
  EXPECT_EQ(model::snake_case("BatchNormalization"), "batch_normalization");
  EXPECT_EQ(model::snake_case("GlobalAveragePooling2D"), "global_average_pooling2d");
  EXPECT_EQ(model::snake_case("ReLU"), "re_lu");
  EXPECT_EQ(model::snake_case("LeakyReLU"), "leaky_re_lu");
  EXPECT_EQ(model::snake_case("ELU"), "elu");
}

TEST(Sequential, NumbersUnnamedLayersByClass) {
  const Sequential model(
      {28, 28, 1}, {layers::Conv2D(2, {3, 3}), layers::Conv2D(3, {3, 3}), layers::MaxPooling2D(),
                    layers::Flatten(), layers::Dense(5, {.name = "hidden"}), layers::Dense(10)});
  EXPECT_THAT(layer_names(model), ElementsAre("input_layer", "conv2d", "conv2d_1", "max_pooling2d",
                                              "flatten", "hidden", "dense"));
  EXPECT_EQ(model.name(), "sequential");
  EXPECT_EQ(model.input_shape(), (Shape{28, 28, 1}));
  EXPECT_EQ(model.output_shape(), (Shape{10}));
}

TEST(Sequential, SkipsNamesThatAreTaken) {
  const Sequential model({4}, {layers::Dense(2, {.name = "dense_1"}), layers::Dense(2),
                               layers::Dense(2), layers::Dense(2, {.name = "last"})});
  EXPECT_THAT(layer_names(model),
              ElementsAre("input_layer", "dense_1", "dense", "dense_2", "last"));
}

TEST(Sequential, RefusesTwoLayersOfOneName) {
  const std::string message = message_of<ArgumentError>([] {
    Sequential({4}, {layers::Dense(2, {.name = "a"}), layers::Dense(2, {.name = "a"})});
  });
  EXPECT_EQ(message, "two layers are called 'a'; names within a model must differ");
}

TEST(Sequential, RefusesALayerThatItHas) {
  const Layer layer = layers::Dense(4);
  EXPECT_THAT(message_of<ArgumentError>([&] {
                Sequential({4}, {layer, layer});
              }),
              HasSubstr("layer Dense is in the Sequential model already"));
  Sequential model({4}, {layer});
  EXPECT_THAT(message_of<ArgumentError>([&] { model.add(layer); }),
              HasSubstr("layer 'dense' is in the Sequential model already"));
}

TEST(Sequential, IsAsBeforeWhenALayerDoesNotFit) {
  Sequential model({4}, {layers::Dense(3)});
  EXPECT_THAT(message_of<ShapeError>([&] {
                model.add(layers::Conv2D(2, {3, 3}));
              }),
              HasSubstr("layer 'conv2d': needs images (height, width, channels), its input is "
                        "(None, 3)"));
  model.add(layers::Dense(2));
  EXPECT_EQ(model.output_shape(), (Shape{2}));
}

// keras: model.layers of the same graph is [input, conv2d, bn, activation, add, concatenate, out].
TEST(Functional, OrdersLayersByDepthAsKerasDoes) {
  const KerasTensor input = Input({8, 8, 3}, "image");
  const KerasTensor x = layers::Conv2D(4, {3, 3}, {.padding = "same"})(input);
  const KerasTensor y = layers::Activation("relu")(layers::BatchNormalization()(x));
  const KerasTensor sum = layers::Add()({x, y});
  const KerasTensor both = layers::Concatenate()({sum, input});
  const Model model(input, layers::Conv2D(2, {1, 1})(both), "block");
  EXPECT_THAT(layer_names(model), ElementsAre("image", "conv2d", "batch_normalization",
                                              "activation", "add", "concatenate", "conv2d_1"));
  EXPECT_EQ(model.output_shape(), (Shape{8, 8, 2}));
  // 3*3*3*4 + 4, 4 * 4, 7 * 2 + 2.
  EXPECT_EQ(model.count_params(), 112 + 16 + 16);
}

TEST(Functional, SharesTheWeightsOfALayerThatIsCalledTwice) {
  const KerasTensor a = Input({6}, "a"), b = Input({6}, "b");
  const Layer shared = layers::Dense(4);
  const Model model({a, b}, {layers::Add()({shared(a), shared(b)})});
  EXPECT_EQ(model.count_params(), 6 * 4 + 4);
  EXPECT_EQ(model.multiply_accumulates(), 2 * 6 * 4);

  graph::Graph graph;
  graph::Builder builder(graph);
  const auto lowered = model.implementation().lower(builder, 3, true);
  EXPECT_EQ(lowered.weights.size(), 2u);
  EXPECT_EQ(lowered.inputs.size(), 2u);
  EXPECT_EQ(graph.value(lowered.inputs[0]).name, "a");
  graph.batch = 3;
  graph.verify();
}

TEST(Functional, RefusesALayerBuiltForOtherChannels) {
  const Layer shared = layers::Dense(4, {.name = "shared"});
  shared(Input({6}));
  EXPECT_EQ(message_of<ShapeError>([&] { shared(Input({7})); }),
            "layer 'shared': its weights are for inputs with 6 channels, its input is (None, 7)");
}

TEST(Functional, RefusesOutputsThatNeedOtherInputs) {
  const KerasTensor a = Input({6}, "a"), b = Input({6}, "b");
  const KerasTensor sum = layers::Add()({a, b});
  EXPECT_THAT(message_of<ArgumentError>([&] { Model(a, sum); }),
              HasSubstr("layer 'b' is needed for the outputs"));
  EXPECT_THAT(message_of<ArgumentError>([&] {
                Model({a, b}, {layers::Dense(2)(a)});
              }),
              HasSubstr("no output depends on the input 'b'"));
}

TEST(Model, GetsAndSetsWeightsInKerassOrder) {
  Sequential model({8, 8, 3}, {layers::Conv2D(4, {3, 3}), layers::BatchNormalization()});
  std::vector<NamedArray> weights = model.get_weights();
  std::vector<std::string> names;
  for (const NamedArray& weight : weights) names.push_back(weight.name);
  EXPECT_THAT(names, ElementsAre("conv2d/kernel", "conv2d/bias", "batch_normalization/gamma",
                                 "batch_normalization/beta", "batch_normalization/moving_mean",
                                 "batch_normalization/moving_variance"));
  EXPECT_EQ(weights[0].array.shape, (Shape{3, 3, 3, 4}));
  EXPECT_EQ(weights[5].array.values, (std::vector<float>{1, 1, 1, 1}));

  weights[1].array.values = {1, 2, 3, 4};
  model.set_weights(weights);
  EXPECT_EQ(model.get_weights()[1].array.values, (std::vector<float>{1, 2, 3, 4}));

  weights[1].array = {{3}, {1, 2, 3}};
  EXPECT_EQ(message_of<ShapeError>([&] { model.set_weights(weights); }),
            "weight 'conv2d/bias' has shape (3,); that of model 'sequential' has (4,)");
  weights.pop_back();
  EXPECT_THAT(message_of<ShapeError>([&] { model.set_weights({weights[0]}); }),
              HasSubstr("the first missing is 'conv2d/bias'"));
  EXPECT_EQ(model.get_weights()[1].array.values, (std::vector<float>{1, 2, 3, 4}));
}

TEST(Model, InitialWeightsDependOnTheSeedAlone) {
  const auto make = [] { return Sequential({5}, {layers::Dense(7), layers::Dense(7)}); };
  Sequential a = make(), b = make();
  a.initialize(3);
  b.initialize(3);
  EXPECT_EQ(a.get_weights()[0].array.values, b.get_weights()[0].array.values);
  b.initialize(4);
  EXPECT_NE(a.get_weights()[0].array.values, b.get_weights()[0].array.values);
  // Weights of one shape, but streams of their own.
  Sequential c({7}, {layers::Dense(7), layers::Dense(7)});
  EXPECT_NE(c.get_weights()[0].array.values, c.get_weights()[2].array.values);
}

}  // namespace
}  // namespace pronghorn
