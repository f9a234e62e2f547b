#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "graph/op_kind.h"
#include "graph/ops/batch_norm.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/pool2d.h"
#include "model/functional.h"
#include "model/layer_registry.h"
#include "model/model.h"
#include "pronghorn/error.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;

// A model of one layer on these inputs.
std::unique_ptr<Model> model_of(const std::string& class_name, const Json& config,
                                const std::vector<Shape>& shapes) {
  std::vector<SymbolicTensor> inputs;
  for (const Shape& shape : shapes) inputs.push_back(make_input(shape, ""));
  return functional_model(inputs, {call(layer_from_config(class_name, config), inputs)}, "");
}

struct LoweredLayer {
  graph::Graph graph;
  Shape output;
  std::vector<std::string> kinds;
};

// Also checks that the layer's output shape is that of its ops, and that the graph is sound.
LoweredLayer lower(const Model& model, bool training) {
  LoweredLayer result;
  graph::Builder builder(result.graph);
  result.graph.batch = 3;
  const Model::Lowered lowered = model.lower(builder, 3, training);
  result.graph.verify();
  result.output = result.graph.value(lowered.outputs[0]).shape;
  EXPECT_EQ(result.output, model.nodes.back().shape.with_batch(3));
  for (const graph::Op& op : result.graph.ops) {
    EXPECT_EQ(op.phase, graph::Phase::kForward);
    EXPECT_EQ(op.layer, model.nodes.back().layer->name());
    result.kinds.emplace_back(op.kind->name());
    for (const graph::Stage& stage : op.epilogue)
      result.kinds.back() = std::string(graph::stage_traits(stage.function).name);
  }
  return result;
}

LoweredLayer lower(const std::string& class_name, const Json& config,
                   const std::vector<Shape>& inputs, bool training = false) {
  return lower(*model_of(class_name, config, inputs), training);
}

TEST(Dense, IsProductBiasActivation) {
  const LoweredLayer dense = lower("Dense", {{"units", 7}, {"activation", "relu"}}, {{5}});
  EXPECT_EQ(dense.output, (Shape{3, 7}));
  EXPECT_THAT(dense.kinds, ElementsAre("matmul", "bias_add", "relu"));
}

TEST(Dense, AppliesToTheLastAxis) {
  const LoweredLayer dense =
      lower("Dense", {{"units", 7}, {"use_bias", false}, {"activation", "softmax"}}, {{4, 6, 5}});
  EXPECT_EQ(dense.output, (Shape{3, 4, 6, 7}));
  EXPECT_THAT(dense.kinds, ElementsAre("reshape", "matmul", "softmax", "reshape"));
}

TEST(Conv2D, SamePaddingPutsTheOddOneAtTheEnd) {
  const LoweredLayer conv = lower(
      "Conv2D", {{"filters", 2}, {"kernel_size", {3, 2}}, {"strides", 2}, {"padding", "same"}},
      {{8, 7, 3}});
  EXPECT_EQ(conv.output, (Shape{3, 4, 4, 2}));
  EXPECT_THAT(conv.kinds, ElementsAre("conv2d", "bias_add"));
  const auto geometry = graph::conv2d_geometry(conv.graph, conv.graph.ops[0]);
  EXPECT_EQ(geometry.window.padding.top, 0);
  EXPECT_EQ(geometry.window.padding.bottom, 1);
  EXPECT_EQ(geometry.window.padding.left, 0);
  EXPECT_EQ(geometry.window.padding.right, 1);
}

// Every layer shape against that of its op (checked in lower()), also where windows just fit.
TEST(Windows, OutputShapesAreThoseOfTheOps) {
  for (const char* padding : {"valid", "same"})
    for (int extent = 3; extent <= 9; ++extent)
      for (int stride = 1; stride <= 3; ++stride)
        for (int size = 1; size <= 3; ++size) {
          const Shape image{extent, extent + 1, 2};
          lower("MaxPooling2D", {{"pool_size", size}, {"strides", stride}, {"padding", padding}},
                {image});
          lower("AveragePooling2D",
                {{"pool_size", {size, 2}}, {"strides", {stride, 1}}, {"padding", padding}},
                {image});
          lower("Conv2D",
                {{"filters", 2}, {"kernel_size", size}, {"strides", stride}, {"padding", padding}},
                {image});
          if (size == 2 || padding == std::string("same"))
            lower(
                "Conv2D",
                {{"filters", 2}, {"kernel_size", size}, {"dilation_rate", 2}, {"padding", padding}},
                {image});
        }
}

TEST(Pooling2D, StridesAreThePoolSizeByDefault) {
  const LoweredLayer pool =
      lower("MaxPooling2D", {{"pool_size", {3, 2}}, {"strides", nullptr}}, {{9, 9, 2}});
  EXPECT_EQ(pool.output, (Shape{3, 3, 4, 2}));
}

TEST(GlobalAveragePooling2D, IsAPoolOverTheImage) {
  EXPECT_EQ(lower("GlobalAveragePooling2D", Json::object(), {{5, 7, 2}}).output, (Shape{3, 2}));
  const LoweredLayer kept = lower("GlobalAveragePooling2D", {{"keepdims", true}}, {{5, 7, 2}});
  EXPECT_EQ(kept.output, (Shape{3, 1, 1, 2}));
  EXPECT_EQ(graph::pool2d_geometry(kept.graph, kept.graph.ops[0]).window.pool_w, 7);
}

TEST(Reshaping, IsOneView) {
  EXPECT_THAT(lower("Flatten", Json::object(), {{5, 7, 2}}).kinds, ElementsAre("reshape"));
  EXPECT_THAT(lower("Flatten", Json::object(), {{5}}).kinds, ElementsAre());
  EXPECT_EQ(lower("Reshape", {{"target_shape", {-1, 5}}}, {{7, 10}}).output, (Shape{3, 14, 5}));
  EXPECT_EQ(lower("Flatten", Json::object(), {Shape{}}).output, (Shape{3, 1}));
}

TEST(Dropout, IsNothingOutsideOfTraining) {
  EXPECT_THAT(lower("Dropout", {{"rate", 0.5}}, {{5}}, false).kinds, ElementsAre());
  EXPECT_THAT(lower("Dropout", {{"rate", 0}}, {{5}}, true).kinds, ElementsAre());
  EXPECT_THAT(lower("Dropout", {{"rate", 0.5}}, {{5}}, true).kinds, ElementsAre("dropout"));
}

TEST(Dropout, EachCallHasAStreamOfItsOwn) {
  const auto input = make_input({5}, "");
  const auto layer = layer_from_config("Dropout", {{"rate", 0.5}});
  const auto model = functional_model({input}, {call(layer, {call(layer, {input})})}, "");
  const LoweredLayer lowered = lower(*model, true);
  EXPECT_NE(lowered.graph.ops[0].epilogue[0].stream, lowered.graph.ops[1].epilogue[0].stream);
  const auto seeded = lower("Dropout", {{"rate", 0.5}, {"seed", 1}}, {{5}}, true);
  const auto other = lower("Dropout", {{"rate", 0.5}, {"seed", 2}}, {{5}}, true);
  EXPECT_NE(seeded.graph.ops[0].epilogue[0].stream, other.graph.ops[0].epilogue[0].stream);
}

TEST(BatchNormalization, NormalizesByTheBatchOnlyInTraining) {
  EXPECT_THAT(lower("BatchNormalization", Json::object(), {{4, 4, 2}}, true).kinds,
              ElementsAre("batch_norm_training"));
  EXPECT_THAT(lower("BatchNormalization", Json::object(), {{4, 4, 2}}, false).kinds,
              ElementsAre("batch_norm_inference"));
  EXPECT_THAT(lower("BatchNormalization", {{"trainable", false}}, {{4, 4, 2}}, true).kinds,
              ElementsAre("batch_norm_inference"));
}

TEST(BatchNormalization, HasTheWeightsThatItsArgumentsAskFor) {
  const auto names = [](const Json& config) {
    const auto model = model_of("BatchNormalization", config, {{4}});
    std::string text;
    for (const auto& named : model->weights())
      text += named.weight->name + (named.weight->trainable ? " " : "* ");
    return text;
  };
  EXPECT_EQ(names(Json::object()), "gamma beta moving_mean* moving_variance* ");
  EXPECT_EQ(names({{"scale", false}}), "beta moving_mean* moving_variance* ");
  EXPECT_EQ(names({{"center", false}}), "gamma moving_mean* moving_variance* ");
  EXPECT_EQ(lower("BatchNormalization", {{"center", false}}, {{4}}, true).kinds.size(), 1u);
  EXPECT_EQ(lower("BatchNormalization", {{"scale", false}, {"axis", 3}}, {{5, 5, 4}}).kinds.size(),
            1u);
}

TEST(Merging, AddsAndConcatenates) {
  EXPECT_THAT(lower("Add", Json::object(), {{4}, {4}, {4}}).kinds, ElementsAre("add", "add"));
  EXPECT_EQ(lower("Concatenate", Json::object(), {{4, 2}, {4, 3}, {4, 1}}).output,
            (Shape{3, 4, 6}));
  EXPECT_EQ(lower("Concatenate", {{"axis", 1}}, {{4, 2}, {5, 2}}).output, (Shape{3, 9, 2}));
}

TEST(Activations, HaveKerassClassesAndDefaults) {
  const auto stage = [](const char* class_name, const Json& config) {
    return lower(class_name, config, {{4}}).graph.ops[0].epilogue[0];
  };
  EXPECT_EQ(stage("ReLU", Json::object()).function, graph::StageFunction::kRelu);
  EXPECT_EQ(stage("LeakyReLU", Json::object()).alpha, 0.3);
  EXPECT_EQ(stage("ELU", {{"alpha", 0.5}}).alpha, 0.5);
  EXPECT_EQ(stage("Activation", {{"activation", "swish"}}).function, graph::StageFunction::kSilu);
  EXPECT_THAT(lower("Softmax", Json::object(), {{4}}).kinds, ElementsAre("softmax"));
  EXPECT_THAT(lower("Activation", {{"activation", "linear"}}, {{4}}).kinds, ElementsAre());
}

TEST(Layers, WriteTheConfigThatTheyRead) {
  for (std::string_view class_name : layer_class_names()) {
    Json config = {{"name", "x"}, {"trainable", false}};
    if (class_name == "InputLayer") config = {{"batch_shape", {nullptr, 4}}};
    if (class_name == "Dense") config["units"] = 3;
    if (class_name == "Conv2D") config.update({{"filters", 3}, {"kernel_size", {3, 2}}});
    if (class_name == "Conv1D") config.update({{"filters", 3}, {"kernel_size", {3}}});
    if (class_name == "Conv2DTranspose") config.update({{"filters", 3}, {"kernel_size", {3, 2}}});
    if (class_name == "Conv1DTranspose") config.update({{"filters", 3}, {"kernel_size", {3}}});
    if (class_name == "DepthwiseConv2D") config["kernel_size"] = {3, 2};
    if (class_name == "DepthwiseConv1D") config["kernel_size"] = {3};
    if (class_name == "SeparableConv2D") config.update({{"filters", 3}, {"kernel_size", {3, 2}}});
    if (class_name == "SeparableConv1D") config.update({{"filters", 3}, {"kernel_size", {3}}});
    if (class_name == "Dot") config["axes"] = {1, 2};
    if (class_name == "Reshape") config["target_shape"] = {2, -1};
    if (class_name == "Permute") config["dims"] = {2, 1};
    if (class_name == "RepeatVector") config["n"] = 3;
    if (class_name == "Rescaling") config["scale"] = 0.5;
    if (class_name == "CategoryEncoding") config["num_tokens"] = 3;
    if (class_name == "Discretization") config["bin_boundaries"] = {0.5, 1.5};
    if (class_name.ends_with("Dropout") || class_name.starts_with("SpatialDropout"))
      config["rate"] = 0.5;
    if (class_name == "Activation") config["activation"] = "tanh";
    if (class_name == "Embedding") config.update({{"input_dim", 5}, {"output_dim", 3}});
    if (class_name == "SimpleRNN" || class_name == "LSTM" || class_name == "GRU")
      config["units"] = 3;
    if (class_name == "MultiHeadAttention") config.update({{"num_heads", 2}, {"key_dim", 3}});
    if (class_name == "GaussianNoise") config["stddev"] = 0.5;
    // Hold a layer: tests/model/sequence_layers_test.cc.
    if (class_name == "Bidirectional" || class_name == "TimeDistributed") continue;
    const auto layer = layer_from_config(class_name, config);
    EXPECT_EQ(layer->class_name(), class_name);
    const Json written = full_config(*layer);
    EXPECT_EQ(full_config(*layer_from_config(class_name, written)), written);
    for (const auto& [name, value] : config.items()) EXPECT_EQ(written[name], value) << name;
  }
}

struct Refusal {
  const char* class_name;
  Json config;
  Shape input;
  const char* message;
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.class_name; }

// What a layer becomes: its output's shape for a batch of three, and its ops.
struct Lowers {
  std::string class_name;
  Json config;
  std::vector<Shape> inputs;
  Shape output;
  std::vector<std::string> kinds;
};
std::ostream& operator<<(std::ostream& out, const Lowers& test) {
  return out << test.class_name << " " << test.config;
}

class LoweredLayers : public testing::TestWithParam<Lowers> {};

TEST_P(LoweredLayers, AreTheseOps) {
  const LoweredLayer layer = lower(GetParam().class_name, GetParam().config, GetParam().inputs);
  EXPECT_EQ(layer.output, GetParam().output);
  EXPECT_EQ(layer.kinds, GetParam().kinds);
}

TEST_P(LoweredLayers, ComeBackFromTheirConfig) {
  const auto made = layer_from_config(GetParam().class_name, GetParam().config);
  const Json config = full_config(*made);
  EXPECT_EQ(full_config(*layer_from_config(GetParam().class_name, config)), config);
}

INSTANTIATE_TEST_SUITE_P(
    Layers, LoweredLayers,
    testing::Values(
        Lowers{"Conv2D",
               {{"filters", 6}, {"kernel_size", 3}, {"groups", 2}, {"use_bias", false}},
               {{5, 6, 4}},
               {3, 3, 4, 6},
               {"conv2d"}},
        Lowers{"Conv2D",
               {{"filters", 6}, {"kernel_size", 3}, {"data_format", "channels_first"}},
               {{2, 5, 6}},
               {3, 6, 3, 4},
               {"transpose", "conv2d", "bias_add", "transpose"}},
        Lowers{"Conv1D",
               {{"filters", 2}, {"kernel_size", 3}, {"padding", "causal"}, {"use_bias", false}},
               {{7, 4}},
               {3, 7, 2},
               {"reshape", "reshape", "conv2d", "reshape"}},
        Lowers{"DepthwiseConv2D",
               {{"kernel_size", 3}, {"strides", 2}, {"padding", "same"}, {"use_bias", false}},
               {{5, 6, 4}},
               {3, 3, 3, 4},
               {"reshape", "conv2d"}},
        Lowers{"SeparableConv2D",
               {{"filters", 5}, {"kernel_size", 3}, {"use_bias", false}},
               {{5, 6, 4}},
               {3, 3, 4, 5},
               {"reshape", "conv2d", "conv2d"}},
        Lowers{"Conv2DTranspose",
               {{"filters", 2}, {"kernel_size", 3}, {"strides", 2}, {"padding", "same"}},
               {{4, 5, 3}},
               {3, 8, 10, 2},
               {"conv2d_backward_data", "bias_add"}},
        Lowers{"Conv2DTranspose",
               {{"filters", 2}, {"kernel_size", 2}, {"strides", 3}, {"use_bias", false}},
               {{4, 5, 3}},
               {3, 12, 15, 2},
               {"conv2d_backward_data"}},
        Lowers{"MaxPooling1D",
               Json::object(),
               {{7, 2}},
               {3, 3, 2},
               {"reshape", "max_pool2d", "reshape"}},
        Lowers{
            "GlobalMaxPooling2D", Json::object(), {{5, 4, 2}}, {3, 2}, {"max_pool2d", "reshape"}},
        Lowers{
            "ZeroPadding2D", {{"padding", {{0, 1}, {2, 0}}}}, {{4, 4, 2}}, {3, 5, 6, 2}, {"pad"}},
        Lowers{"Cropping2D", {{"cropping", 1}}, {{4, 5, 2}}, {3, 2, 3, 2}, {"crop"}},
        Lowers{"UpSampling2D", {{"size", {2, 3}}}, {{4, 5, 2}}, {3, 8, 15, 2}, {"upsample2d"}},
        Lowers{"Permute", {{"dims", {3, 1, 2}}}, {{4, 5, 2}}, {3, 2, 4, 5}, {"transpose"}},
        Lowers{"RepeatVector", {{"n", 4}}, {{5}}, {3, 4, 5}, {"reshape", "broadcast"}},
        Lowers{"Flatten",
               {{"data_format", "channels_first"}},
               {{2, 3, 4}},
               {3, 24},
               {"transpose", "reshape"}},
        Lowers{"Subtract", Json::object(), {{4}, {4}}, {3, 4}, {"scale", "add"}},
        Lowers{"Multiply",
               Json::object(),
               {{4, 4, 2}, {1, 1, 2}},
               {3, 4, 4, 2},
               {"broadcast", "multiply"}},
        Lowers{"Add", Json::object(), {{4, 2}, {2}}, {3, 4, 2}, {"reshape", "broadcast", "add"}},
        Lowers{"Average", Json::object(), {{4}, {4}}, {3, 4}, {"add", "scale"}},
        Lowers{"Maximum", Json::object(), {{4}, {4}}, {3, 4}, {"maximum"}},
        Lowers{"ReLU", {{"max_value", 6.0}}, {{4}}, {3, 4}, {"clip"}},
        Lowers{"ReLU",
               {{"max_value", 6.0}, {"negative_slope", 0.1}, {"threshold", 1.0}},
               {{4}},
               {3, 4},
               {"capped_relu"}},
        Lowers{"PReLU",
               {{"shared_axes", {1, 2}}},
               {{4, 4, 2}},
               {3, 4, 4, 2},
               {"reshape", "broadcast", "clip", "multiply", "relu", "add"}},
        Lowers{"Activation",
               {{"activation", "glu"}},
               {{6}},
               {3, 3},
               {"slice", "sigmoid", "slice", "multiply"}},
        Lowers{
            "Softmax", {{"axis", 1}}, {{4, 5}}, {3, 4, 5}, {"transpose", "softmax", "transpose"}},
        Lowers{"Rescaling", {{"scale", 2.0}, {"offset", 1.0}}, {{4}}, {3, 4}, {"scale", "shift"}},
        Lowers{"Normalization", Json::object(), {{4}}, {3, 4}, {"batch_norm_inference"}},
        Lowers{"CategoryEncoding",
               {{"num_tokens", 5}, {"output_mode", "one_hot"}},
               {{4}},
               {3, 4, 5},
               {"reshape", "category_encoding"}},
        Lowers{"Discretization", {{"bin_boundaries", {0.5}}}, {{4}}, {3, 4}, {"bucketize"}},
        Lowers{"UnitNormalization", Json::object(), {{4}}, {3, 4}, {"l2_normalize"}},
        Lowers{"Identity", Json::object(), {{4}}, {3, 4}, {}}));

TEST(DepthwiseConv2D, TakesChannelsAsOftenAsTheyHaveKernels) {
  const auto layer =
      lower("DepthwiseConv2D", {{"kernel_size", 3}, {"depth_multiplier", 2}, {"use_bias", false}},
            {{5, 6, 4}});
  EXPECT_EQ(layer.output, (Shape{3, 3, 4, 8}));
  const auto geometry = graph::conv2d_geometry(layer.graph, layer.graph.ops.back());
  EXPECT_EQ(geometry.groups, 8);
  EXPECT_TRUE(geometry.is_depthwise());
}

TEST(SpatialDropout2D, DropsAChannelOfAnImageAsAWhole) {
  const auto layer = lower("SpatialDropout2D", {{"rate", 0.5}}, {{5, 6, 4}}, /*training=*/true);
  EXPECT_EQ(layer.graph.ops[0].epilogue[0].shared, 30);
  EXPECT_TRUE(lower("SpatialDropout2D", {{"rate", 0.5}}, {{5, 6, 4}}).graph.ops.empty());
}

TEST(Normalization, AdaptsToData) {
  const auto layer = layer_from_config("Normalization", Json::object());
  layer->adapt({3, 2}, std::vector<float>{1, 10, 2, 20, 3, 30});
  EXPECT_EQ(layer->weights()[0].values()[1], 20);
  EXPECT_FLOAT_EQ(layer->weights()[1].values()[0], 2.0f / 3);
  EXPECT_THROW(layer->adapt({2, 2}, std::vector<float>{1}), ShapeError);
  EXPECT_THROW(layer_from_config("Dense", {{"units", 1}})->adapt({1, 1}, std::vector<float>{1}),
               ArgumentError);
}

TEST(Registry, EveryLayerTellsItsArguments) {
  for (const std::string_view name : layer_class_names()) {
    if (name == "Identity" || name == "Add" || name == "Average" || name == "Subtract" ||
        name == "Multiply" || name == "Maximum" || name == "Minimum")
      continue;
    EXPECT_FALSE(layer_arguments(name).empty()) << name;
  }
  const std::vector<KerasArgument> arguments = layer_arguments("UpSampling2D");
  EXPECT_EQ(arguments.back().name, "interpolation");
  EXPECT_EQ(arguments.back().supported, "nearest, bilinear");
}

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, SaysWhatWhereAndWhatWouldBeRight) {
  try {
    model_of(GetParam().class_name, GetParam().config, {GetParam().input});
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(GetParam().message));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Arguments, Refused,
    testing::Values(
        Refusal{"Dense", {{"name", "d"}}, {4}, "layer 'd': argument 'units' is missing"},
        Refusal{"Dense", {{"units", -3}}, {4}, "argument 'units' is -3; it must be positive"},
        Refusal{"Dense", {{"units", 2.5}}, {4}, "argument 'units' is 2.5; it must be an integer"},
        Refusal{"Dense", {{"units", 99999999999}}, {4}, "it must be an integer below 2^31"},
        Refusal{"Dense", {{"units", 2147483647}}, {2147483647}, "more than 2^40 elements"},
        Refusal{"Dense",
                {{"units", 3}, {"activation", "rellu"}},
                {4},
                "unknown activation 'rellu'; known are celu, elu"},
        Refusal{"Dense",
                {{"units", 3}, {"activation", {{"class_name", "ReLU"}}}},
                {4},
                "argument 'activation' is \"ReLU\""},
        Refusal{"Dense",
                {{"units", 3}, {"kernel_regularizer", {{"class_name", "Mine"}}}},
                {4},
                "argument 'kernel_regularizer': Pronghorn has no regularizer 'Mine'; it has l1, "
                "l2, l1_l2"},
        Refusal{
            "Dense",
            {{"units", 3}, {"bias_regularizer", {{"class_name", "L2"}, {"config", {{"l2", -1}}}}}},
            {4},
            "argument 'bias_regularizer': regularizer L2: argument 'l2' is -1"},
        Refusal{"Dense",
                {{"units", 3}, {"kernel_constraint", "max_norms"}},
                {4},
                "no constraint 'max_norms'; it has max_norm, min_max_norm, non_neg, unit_norm"},
        Refusal{"Dense",
                {{"units", 3},
                 {"bias_constraint", {{"class_name", "UnitNorm"}, {"config", {{"axis", 1}}}}}},
                {4},
                "weight 'bias': constraint UnitNorm: axis 1 is none of a weight of shape (3,)"},
        Refusal{"Dense",
                {{"units", 3}, {"kernel_initializer", "orthonormal"}},
                {4},
                "argument 'kernel_initializer': unknown initializer 'orthonormal'"},
        Refusal{"Dense", {{"units", 3}, {"dtype", "float16"}}, {4}, "computes in float32"},
        Refusal{"Dense", {{"units", 3}, {"name", "a/b"}}, {4}, "must not have a '/'"},
        Refusal{"Dense", {{"units", 3}, {"use_bias", 1}}, {4}, "must be true or false"},
        Refusal{"Dense", {{"units", 3}}, {}, "add a Flatten or Reshape"},
        Refusal{"Conv2D",
                {{"filters", 3}, {"kernel_size", 3}, {"groups", 2}},
                {8, 8, 4},
                "argument 'groups' is 2; it must be positive and divide the 3 filters"},
        Refusal{"Conv2D",
                {{"filters", 4}, {"kernel_size", 3}, {"groups", 2}},
                {8, 8, 3},
                "has 3 channels, which 2 groups don't divide"},
        Refusal{"Conv2D",
                {{"filters", 3}, {"kernel_size", 3}, {"data_format", "nchw"}},
                {8, 8, 4},
                "argument 'data_format' is 'nchw'; it must be 'channels_last' or"},
        Refusal{"Conv2D",
                {{"filters", 3}, {"kernel_size", 3}, {"padding", "causal"}},
                {8, 8, 4},
                "argument 'padding' is 'causal'; it must be 'valid' or 'same'"},
        Refusal{"Conv1D",
                {{"filters", 3}, {"kernel_size", 5}},
                {4, 4},
                "kernel (5,) is larger than its input (4,)"},
        Refusal{"Conv2DTranspose",
                {{"filters", 3}, {"kernel_size", 3}, {"strides", 2}, {"output_padding", 2}},
                {4, 4, 1},
                "argument 'output_padding' is (2, 2); it must be below the strides, (2, 2)"},
        Refusal{"DepthwiseConv2D",
                {{"kernel_size", 3}, {"depth_multiplier", 0}},
                {4, 4, 1},
                "argument 'depth_multiplier' is 0; it must be positive"},
        Refusal{"Cropping2D", {{"cropping", {{2, 2}, {0, 0}}}}, {4, 4, 1}, "all there are"},
        Refusal{"ZeroPadding2D", {{"padding", {1, 2, 3}}}, {4, 4, 1}, "or a list of 2"},
        Refusal{"ZeroPadding2D", {{"padding", -1}}, {4, 4, 1}, "must not be negative"},
        Refusal{"UpSampling2D",
                {{"interpolation", "bicubic"}},
                {4, 4, 1},
                "argument 'interpolation' is 'bicubic'; Pronghorn supports nearest, bilinear"},
        Refusal{"Permute", {{"dims", {1, 3}}}, {4, 4}, "must have each of 1 to 2 once"},
        Refusal{"Permute", {{"dims", {2, 1}}}, {4}, "permutes 2 axes"},
        Refusal{"Dense", {{"units", 2}, {"activation", "glu"}}, {4}, "an Activation layer"},
        Refusal{"Activation", {{"activation", "glu"}}, {5}, "is odd"},
        Refusal{"Normalization", {{"mean", 1.0}}, {4}, "must be given together"},
        Refusal{"Normalization", {{"axis", 1}}, {4, 3}, "is not of the last ones"},
        Refusal{"Normalization",
                {{"mean", {1, 2}}, {"variance", {1, 2}}},
                {4},
                "has 2 means for the 4"},
        Refusal{"Normalization", {{"invert", true}}, {4}, "argument 'invert' is true"},
        Refusal{"Discretization", {{"num_bins", 4}}, {4}, "does not learn them"},
        Refusal{"UnitNormalization", {{"axis", 0}}, {4}, "axis 0 is none of its input"},
        Refusal{"Conv2D",
                {{"filters", 3}, {"kernel_size", 3}, {"padding", "full"}},
                {8, 8, 4},
                "argument 'padding' is 'full'; it must be 'valid' or 'same'"},
        Refusal{"Conv2D",
                {{"filters", 3}, {"kernel_size", {3, 3, 3}}},
                {8, 8, 4},
                "argument 'kernel_size' is [3,3,3]; it must be an integer or a list of 2"},
        Refusal{"Conv2D",
                {{"filters", 3}, {"kernel_size", 3}, {"strides", 0}},
                {8, 8, 4},
                "argument 'strides' is 0"},
        Refusal{"Conv2D",
                {{"filters", 3}, {"kernel_size", 3}, {"strides", 2}, {"dilation_rate", 2}},
                {8, 8, 4},
                "both above 1"},
        Refusal{"Conv2D",
                {{"name", "c"}, {"filters", 3}, {"kernel_size", 5}},
                {4, 4, 1},
                "layer 'c': kernel (5, 5) is larger than its input (4, 4); use padding='same'"},
        Refusal{"MaxPooling2D", {{"pool_size", 5}}, {4, 4, 1}, "pool (5, 5) is larger"},
        Refusal{"MaxPooling2D", Json::object(), {4}, "needs images (height, width, channels)"},
        Refusal{"Reshape", {{"target_shape", {3, 3}}}, {4, 4, 1}, "(3, 3) does not have the 16"},
        Refusal{"Reshape", {{"target_shape", {-1, 3}}}, {4, 4, 1}, "does not have the 16"},
        Refusal{"Reshape", {{"target_shape", {-1, -1}}}, {4}, "one extent at most may be -1"},
        Refusal{"Reshape",
                {{"target_shape", {2147483647, 2147483647, 2147483647}}},
                {4},
                "does not have the 4"},
        Refusal{"Dropout", {{"rate", 1.5}}, {4}, "argument 'rate' is 1.5; it must be in [0, 1)"},
        Refusal{"Dropout", {{"rate", 0.5}, {"noise_shape", {1, 4}}}, {4}, "'noise_shape'"},
        Refusal{"Activation", Json::object(), {4}, "argument 'activation' is missing"},
        Refusal{"ReLU", {{"max_value", -6.0}}, {4}, "argument 'max_value' is -6"},
        Refusal{"Softmax", {{"axis", 3}}, {4, 4}, "axis 3 is none of its input"},
        Refusal{"Add", Json::object(), {4}, "takes two inputs or more"},
        Refusal{"Concatenate", {{"axis", 0}}, {4}, "axis 0 is none of its input"},
        Refusal{"BatchNormalization", {{"axis", 1}}, {4, 4, 3}, "axis 1 is not the last"},
        Refusal{"BatchNormalization", {{"synchronized", true}}, {4}, "'synchronized' is true"},
        Refusal{"GRUCell", {{"units", 3}}, {4}, "has no layer class GRUCell; it has Activation"},
        Refusal{"Lambda", {{"function", "x"}}, {4}, "executes nothing that a file brings"}));

}  // namespace
}  // namespace pronghorn::model
