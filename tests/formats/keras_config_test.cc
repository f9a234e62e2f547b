#include "formats/keras_config.h"

#include <gmock/gmock.h>

#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "pronghorn/error.h"
#include "pronghorn/model.h"

namespace pronghorn {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string source_file(const std::string& path) {
  return read_file(std::string(PRONGHORN_SOURCE_DIR) + "/" + path);
}

std::string sample(const std::string& name) { return source_file("tests/formats/samples/" + name); }

// What Pronghorn leaves out on purpose: arguments that only newer versions of Keras 3 know, at
// their defaults, and the numbers by which a file's objects refer to each other.
json without_new_arguments(json value) {
  static const std::set<std::string> kLeftOut = {
      "input_axes", "output_axes",     "quantization_config", "optional",
      "renorm",     "renorm_clipping", "renorm_momentum",     "shared_object_id"};
  if (value.is_object())
    for (const std::string& key : kLeftOut) value.erase(key);
  for (json& child : value)
    if (child.is_structured()) child = without_new_arguments(child);
  return value;
}

class KerasSample : public testing::TestWithParam<const char*> {};

// The samples were written by Keras itself (tests/parity/make_model_fixtures.py).
TEST_P(KerasSample, IsWrittenAsItWasRead) {
  const std::string text = sample(GetParam());
  const json expected = without_new_arguments(json::parse(text));
  const json written = json::parse(model_from_json(text).to_json());
  EXPECT_EQ(json::diff(expected, written), json::array());
}

INSTANTIATE_TEST_SUITE_P(Files, KerasSample,
                         testing::Values("tiny_to_json.json", "tiny_rmsprop.config.json",
                                         "tiny_sgdm.config.json", "all_layers.json",
                                         "branching.json", "shared.json", "chain.json"));

TEST(KerasConfig, ReadsAModelThatWasCompiledButNeverBuilt) {
  const Model model = model_from_json(sample("tiny_unbuilt.config.json"));
  EXPECT_EQ(model.input_shape(), (Shape{4}));
}

TEST(KerasConfig, RefusesAModelWithoutAnInputShape) {
  try {
    model_from_json(R"({"class_name": "Sequential", "config": {"layers": [
                    {"class_name": "Dense", "config": {"units": 2}}]}})");
    FAIL();
  } catch (const ShapeError& error) {
    EXPECT_THAT(error.what(), HasSubstr("has no input shape; begin it with keras.Input"));
  }
}

TEST(KerasConfig, ReadsTheShapeWhereverAVersionPutIt) {
  const char* layers =
      R"({"class_name": "Dense", "config": {"units": 2, "batch_input_shape": [null, 3]}})";
  EXPECT_EQ(model_from_json(R"({"class_name": "Sequential", "config": {"layers": [)" +
                            std::string(layers) + "]}}")
                .input_shape(),
            (Shape{3}));
  EXPECT_EQ(model_from_json(R"({"class_name": "Sequential", "config": {"build_input_shape":
                            [null, 5], "layers": [{"class_name": "Dense", "config":
                            {"units": 2, "dtype": "float32"}}]}})")
                .count_params(),
            12);
}

TEST(KerasConfig, ReadsInputsAsListsAndDictionaries) {
  const json functional = json::parse(sample("chain.json"));
  const json expected = json::parse(model_from_json(functional.dump()).to_json());
  for (const char* key : {"input_layers", "output_layers"}) {
    json nested = functional;
    nested["config"][key] = json::array({functional["config"][key]});
    EXPECT_EQ(json::parse(model_from_json(nested.dump()).to_json()), expected);
    nested["config"][key] = {{"x", functional["config"][key]}};
    json dictionary = expected;  // which it stays
    dictionary["config"][key] = {{"x", expected["config"][key]}};
    EXPECT_EQ(json::parse(model_from_json(nested.dump()).to_json()), dictionary);
  }
}

TEST(KerasConfig, ReadsWhatTheFileSaysOfTraining) {
  const Model model = load_model("mnist-cnn-128");
  ASSERT_TRUE(model.file_config());
  EXPECT_EQ(model.file_config()->optimizer.name, "adadelta");
  EXPECT_EQ(model.file_config()->optimizer.learning_rate, 1.0);
  EXPECT_EQ(model.file_config()->loss.name, "categorical_crossentropy");
  ASSERT_EQ(model.file_config()->metrics.size(), 1u);
  EXPECT_EQ(model.file_config()->metrics[0].name, "accuracy");
  EXPECT_FALSE(Sequential({3}, {layers::Dense(2)}).file_config());
}

TEST(KerasConfig, WritesTheBuildersModels) {
  const KerasTensor input = Input({8, 8, 3}, "image");
  const KerasTensor x = layers::Conv2D(4, {3, 3}, {.padding = "same"})(input);
  const KerasTensor y = layers::Activation("relu")(layers::BatchNormalization()(x));
  const KerasTensor z = layers::Concatenate()({layers::Add()({x, y}), input});
  const KerasTensor end = layers::Dense(3)(layers::Flatten()(layers::Conv2D(2, {1, 1})(z)));
  json expected = without_new_arguments(json::parse(sample("branching.json")));
  expected.erase("compile_config");  // of this one, Keras says {}
  EXPECT_EQ(json::diff(expected, json::parse(Model(input, end, "branching").to_json())),
            json::array());
}

TEST(KerasConfig, LayersOfSeveralInputsAreCalledOnAList) {
  const KerasTensor a = Input({4}, "a"), b = Input({4}, "b");
  for (const Layer& layer : {layers::Subtract(), layers::Multiply(), layers::Average(),
                             layers::Maximum(), layers::Minimum(), layers::Dot({1, 1})}) {
    const json written = json::parse(Model({a, b}, {layer({a, b})}, "m").to_json());
    const json& args = written["config"]["layers"].back()["inbound_nodes"][0]["args"];
    ASSERT_EQ(args.size(), 1u) << args;
    EXPECT_EQ(args[0].size(), 2u) << args;
  }
}

TEST(KerasConfig, DictionariesOfOutputsStayDictionaries) {
  const KerasTensor input = Input({4}, "in");
  const Model model(
      {input}, {layers::Dense(2, {.name = "a"})(input), layers::Dense(3, {.name = "b"})(input)},
      "m");
  json written = json::parse(model.to_json());
  EXPECT_TRUE(written["config"]["output_layers"].is_array());
  const json outputs = {{"first", {"a", 0, 0}}, {"second", {"b", 0, 0}}};
  written["config"]["output_layers"] = outputs;
  EXPECT_EQ(json::parse(model_from_json(written.dump()).to_json())["config"]["output_layers"],
            outputs);
}

struct ZooCase {
  const char* name;
  int64_t params;
  int64_t multiply_accumulates;
};

void PrintTo(const ZooCase& c, std::ostream* out) { *out << c.name; }

class Zoo : public testing::TestWithParam<ZooCase> {};

TEST_P(Zoo, HasTheParametersAndCostsOfItsOps) {
  const Model model = load_model(GetParam().name);
  EXPECT_EQ(model.count_params(), GetParam().params);
  EXPECT_EQ(model.multiply_accumulates(), GetParam().multiply_accumulates);
  EXPECT_EQ(model.output_shape(), (Shape{10}));
}

TEST_P(Zoo, IsAFileThatCouldBeAUsers) {
  const std::string text = source_file(std::string("zoo/") + GetParam().name + ".json");
  EXPECT_EQ(json::diff(json::parse(text), json::parse(load_model(GetParam().name).to_json())),
            json::array());
}

INSTANTIATE_TEST_SUITE_P(Models, Zoo,
                         testing::Values(ZooCase{"mnist-mlp", 669706, 668672},
                                         ZooCase{"mnist-cnn", 110986, 10903680},
                                         ZooCase{"mnist-cnn-4", 5958, 113040},
                                         ZooCase{"mnist-cnn-128", 1199882, 11992448}));

TEST(Zoo, ListsItsModels) {
  std::vector<std::string> names;
  for (const ZooEntry& entry : zoo()) {
    names.push_back(entry.name);
    EXPECT_FALSE(entry.description.empty());
    EXPECT_NO_THROW(load_model(entry.name));
  }
  EXPECT_THAT(names,
              testing::ElementsAre("mnist-mlp", "mnist-cnn-4", "mnist-cnn", "mnist-cnn-128"));
}

template <class E>
std::string message_of(const std::string& text) {
  try {
    model_from_json(text);
  } catch (const E& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(LoadModel, SaysWhatThereIs) {
  try {
    load_model("mnist-cmm");
    FAIL();
  } catch (const ArgumentError& error) {
    EXPECT_STREQ(error.what(),
                 "'mnist-cmm' is neither a file nor a model of the zoo, which are mnist-mlp, "
                 "mnist-cnn-4, mnist-cnn, mnist-cnn-128");
  }
}

TEST(LoadModel, NamesTheFileInItsErrors) {
  const std::string path = testing::TempDir() + "/no_model.json";
  write_file_atomically(path, "{\"class_name\": 1}");
  try {
    load_model(path);
    FAIL();
  } catch (const FileError& error) {
    EXPECT_EQ(error.what(), path + ": class_name: is 1, not a string");
  }
  write_file_atomically(path, std::string("PK\x03\x04", 4));
  EXPECT_THROW(load_model(path), FileError);
}

TEST(BadKerasConfig, SaysTheLineOfASyntaxError) {
  EXPECT_THAT(message_of<FileError>("{\n \"class_name\": \"Sequential\",\n \"config\": }"),
              HasSubstr("line 3, column 12: no valid JSON: "));
  EXPECT_THAT(message_of<FileError>(""), HasSubstr("line 1, column 1: no valid JSON"));
  std::string truncated = sample("chain.json");
  truncated.resize(truncated.size() / 2);
  EXPECT_THAT(message_of<FileError>(truncated), HasSubstr("line 1, column"));
}

TEST(BadKerasConfig, SaysThePathOfAMissingKey) {
  EXPECT_EQ(message_of<FileError>("{}"), "the JSON: has no key 'class_name'");
  EXPECT_EQ(message_of<FileError>("[]"), "the JSON: is [], not an object");
  EXPECT_EQ(message_of<FileError>(R"({"class_name": "Sequential", "config": {}})"),
            "config: has no key 'layers'");
  EXPECT_EQ(message_of<FileError>(
                R"({"class_name": "Sequential", "config": {"layers": [{"config": {}}]}})"),
            "config.layers[0]: has no key 'class_name'");
  EXPECT_EQ(message_of<FileError>(R"({"class_name": "Functional", "config": {"layers": [
                {"class_name": "Dense", "name": "d", "config": {"units": 2}}]}})"),
            "config.layers[0]: has no key 'inbound_nodes'");
}

std::string sequential(const std::string& layers) {
  return R"({"class_name": "Sequential", "config": {"build_input_shape": [null, 4], "layers": [)" +
         layers + "]}}";
}

TEST(BadKerasConfig, RefusesLayersThatPronghornHasNot) {
  EXPECT_THAT(message_of<UnsupportedError>(sequential(
                  R"({"class_name": "GRUCell", "config": {"name": "memory", "units": 3}})")),
              HasSubstr("layer 'memory': Pronghorn has no layer class GRUCell; it has Activation, "
                        "ActivityRegularization, Add"));
  EXPECT_THAT(message_of<UnsupportedError>(
                  sequential(R"({"class_name": "Lambda", "config": {"function": {}}})")),
              HasSubstr("a Lambda layer is Python code"));
  EXPECT_THAT(message_of<UnsupportedError>(sequential(
                  R"({"module": "builtins", "class_name": "Dense", "config": {"units": 3},
                      "registered_name": "MyPackage>Dense"})")),
              HasSubstr("config.layers[0] is a layer of the module \"builtins\""));
  EXPECT_THAT(message_of<UnsupportedError>(R"({"class_name": "Transformer", "config": {}})"),
              HasSubstr("Sequential and Functional"));
}

TEST(BadKerasConfig, RefusesSizesThatOverflow) {
  EXPECT_THAT(
      message_of<ArgumentError>(sequential(R"({"class_name": "Dense", "config": {"units": -1}})")),
      HasSubstr("'units' is -1; it must be positive"));
  EXPECT_THAT(message_of<ArgumentError>(sequential(
                  R"({"class_name": "Dense", "config": {"units": 18446744073709551615}})")),
              HasSubstr("must be an integer below 2^31"));
  EXPECT_THAT(
      message_of<FileError>(sequential(R"({"class_name": "Dense", "config": {"units": 1e400}})")),
      HasSubstr("no valid JSON: number overflow parsing '1e400'"));
  EXPECT_THAT(message_of<ShapeError>(R"({"class_name": "Sequential", "config": {"layers": [
          {"class_name": "InputLayer", "config": {"batch_shape":
          [null, 2147483647, 2147483647, 2147483647]}}]}})"),
              HasSubstr("more than 2^40 elements"));
}

// A summary of a model that no memory could hold costs none.
TEST(BadKerasConfig, AHugeModelIsReadWithoutItsMemory) {
  const Model model =
      model_from_json(sequential(R"({"class_name": "Dense", "config": {"units": 2000000000}})"));
  EXPECT_EQ(model.count_params(), 5 * int64_t{2000000000});
}

TEST(BadKerasConfig, RefusesDeepNesting) {
  const std::string deep(1000000, '[');
  EXPECT_THAT(message_of<FileError>(deep), HasSubstr("nested more than 100 deep"));
  EXPECT_THAT(message_of<FileError>("{\"a\": \"[[[[\\\"[[[\"" + std::string(200, '{')),
              HasSubstr("nested more than 100 deep"));
}

TEST(BadKerasConfig, RefusesConnectionsThatAreNone) {
  const json good = json::parse(sample("branching.json"));
  const auto source = [](json& config) -> json& {
    return config["config"]["layers"][1]["inbound_nodes"][0]["args"][0]["config"]["keras_history"];
  };
  json bad = good;
  source(bad) = {"imagine", 0, 0};
  EXPECT_THAT(message_of<FileError>(bad.dump()),
              HasSubstr("refers to a layer 'imagine', which is not there"));
  source(bad) = {"image", 1, 0};
  EXPECT_THAT(message_of<FileError>(bad.dump()),
              HasSubstr("refers to call 1 of layer 'image', which is called 1 times"));
  source(bad) = {"image", 0, 1};
  EXPECT_THAT(message_of<FileError>(bad.dump()), HasSubstr("layers have one output"));
  source(bad) = {"image", -1, 0};
  EXPECT_THAT(message_of<FileError>(bad.dump()), HasSubstr("must be [layer, call, tensor]"));
  source(bad) = {"conv2d_1", 0, 0};
  EXPECT_THAT(message_of<FileError>(bad.dump()), HasSubstr("in a circle"));
  bad = good;
  bad["config"]["layers"][1]["inbound_nodes"][0]["kwargs"] = {{"training", true}};
  EXPECT_THAT(message_of<UnsupportedError>(bad.dump()),
              HasSubstr("config.layers[1].inbound_nodes[0].kwargs: argument 'training' is true"));
  bad = good;
  bad["config"]["layers"][2]["name"] = "conv2d";
  EXPECT_THAT(message_of<FileError>(bad.dump()), HasSubstr("two layers are called 'conv2d'"));
  bad = good;
  bad["config"]["output_layers"] = "dense";
  EXPECT_THAT(message_of<FileError>(bad.dump()), HasSubstr("config.output_layers: is \"dense\""));
}

// A functional model of so many activations, each called on the one before.
std::string long_chain(int length) {
  json functional = json::parse(sample("chain.json"));
  json& layers = functional["config"]["layers"];
  json input = layers[0];
  layers = json::array({input});
  std::string last = input["name"];
  for (int i = 0; i < length; ++i) {
    const std::string name = "a" + std::to_string(i);
    const json tensor = {{"class_name", "__keras_tensor__"},
                         {"config", {{"keras_history", {last, 0, 0}}}}};
    layers.push_back({{"class_name", "Activation"},
                      {"name", name},
                      {"config", {{"name", name}, {"activation", "relu"}}},
                      {"inbound_nodes", {{{"args", {tensor}}, {"kwargs", json::object()}}}}});
    last = name;
  }
  functional["config"]["output_layers"] = {last, 0, 0};
  return functional.dump();
}

TEST(KerasConfig, ReadsLongModelsUpToABound) {
  EXPECT_EQ(model_from_json(long_chain(4095)).summary_rows().size(), 4096u);
  EXPECT_THAT(message_of<FileError>(long_chain(4096)),
              HasSubstr("has more than 4096 layers and calls of them"));
}

// Whatever is broken in a file, the answer is an Error and never a crash.
TEST(BadKerasConfig, AnySingleChangeIsReadOrRefused) {
  const json good = json::parse(sample("shared.json"));
  const json values[] = {nullptr,
                         -1,
                         1e300,
                         "",
                         "dense",
                         json::array(),
                         json::object(),
                         true,
                         json::array({json::array()}),
                         4294967296};
  const json flat = good.flatten();
  for (const auto& [path, old] : flat.items()) {
    for (const json& value : values) {
      json bad = good;
      bad[json::json_pointer(path)] = value;
      try {
        model_from_json(bad.dump());
      } catch (const Error&) {
      }
    }
    // And without the key's parent.
    json bad = good;
    bad[json::json_pointer(path).parent_pointer()] = 7;
    try {
      model_from_json(bad.dump());
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace pronghorn
