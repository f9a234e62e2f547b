#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "formats/fixtures.h"
#include "formats/npz.h"
#include "pronghorn/error.h"
#include "pronghorn/model.h"

namespace pronghorn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

// tests/formats/keras_files/make_legacy_files.py
std::string legacy(const std::string& name) {
  return PRONGHORN_SOURCE_DIR "/tests/formats/keras_files/" + name;
}

class LegacyFile : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Files, LegacyFile,
                         ::testing::Values("keras_1.2.2_theano", "keras_2.0.2_theano",
                                           "keras_2.0.2_tensorflow"),
                         [](const auto& file) {
                           std::string name = file.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST_P(LegacyFile, PredictsWhatItsBackendDid) {
  Model model = load_model(legacy(GetParam()) + std::string(".h5"));
  EXPECT_EQ(model.input_shape(), (Shape{6, 6, 2}));
  formats::NpzFile expected(legacy(GetParam()) + std::string(".npz"));
  const Array predictions = model.predict(expected.read("x").array);
  const Array wanted = expected.read("predictions").array;
  for (size_t i = 0; i < wanted.values.size(); ++i)
    EXPECT_NEAR(predictions.values[i], wanted.values[i], 1e-5);
  ASSERT_TRUE(model.file_config());
  EXPECT_EQ(model.file_config()->loss.name, "categorical_crossentropy");
}

TEST(LegacyFiles, KeepTheirOptimizer) {
  Model model = load_model(legacy("keras_2.0.2_tensorflow.h5"));
  EXPECT_EQ(model.file_config()->optimizer.name, "adam");
  model.compile(*model.file_config());
  EXPECT_EQ(model.optimizer_steps(), 5);
  Model adadelta = load_model(legacy("keras_1.2.2_theano.h5"));
  EXPECT_EQ(adadelta.file_config()->optimizer.learning_rate, 1.0);
}

TEST(LegacyFiles, WeightsLoadIntoTheModelOfTheirJson) {
  Model model = load_model(legacy("keras_1.2.2_theano.h5"));
  Model other = load_model(legacy("keras_2.0.2_theano.h5"));
  other.load_weights(legacy("keras_2.0.2_theano.h5"));
  EXPECT_THAT(message_of<FileError>(
                  [] { load_model("mnist-mlp").load_weights(legacy("keras_1.2.2_theano.h5")); }),
              HasSubstr("weights of another model"));
}

TEST(LegacyJson, OfTheOldMnistExampleIsTodays) {
  const Model old = model_from_json(R"({"class_name": "Sequential", "keras_version": "1.1.0",
    "config": [
      {"class_name": "Convolution2D", "config": {"name": "c", "nb_filter": 4, "nb_row": 3,
        "nb_col": 5, "border_mode": "same", "subsample": [2, 2], "dim_ordering": "tf",
        "init": "he_normal", "bias": false, "activation": "relu",
        "batch_input_shape": [null, 28, 28, 1]}},
      {"class_name": "BatchNormalization", "config": {"name": "b", "mode": 0, "axis": -1,
        "epsilon": 1e-5, "momentum": 0.99, "beta_init": "zero", "gamma_init": "one"}},
      {"class_name": "LeakyReLU", "config": {"name": "l", "alpha": 0.1}},
      {"class_name": "Dropout", "config": {"name": "d", "p": 0.25}},
      {"class_name": "Flatten", "config": {"name": "f"}},
      {"class_name": "Dense", "config": {"name": "e", "output_dim": 10, "init": "uniform",
        "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5},
        "W_constraint": {"name": "MaxNorm", "m": 2, "axis": 0}, "activation": "softmax"}}]})");
  EXPECT_EQ(old.output_shape(), (Shape{10}));
  const std::string json = old.to_json();
  EXPECT_THAT(json, AllOf(HasSubstr("\"kernel_size\":[3,5]"), HasSubstr("\"padding\":\"same\""),
                          HasSubstr("\"use_bias\":false"), HasSubstr("\"rate\":0.25"),
                          HasSubstr("\"units\":10")));
}

TEST(LegacyJson, FunctionalModelsOfKeras2AreRead) {
  const Model model = model_from_json(R"({"class_name": "Model", "keras_version": "2.0.4",
    "config": {"name": "m", "layers": [
      {"class_name": "InputLayer", "name": "in", "inbound_nodes": [], "config":
        {"name": "in", "batch_input_shape": [null, 3], "dtype": "float32", "sparse": false}},
      {"class_name": "Dense", "name": "a", "inbound_nodes": [[["in", 0, 0, {}]]],
        "config": {"name": "a", "units": 2}},
      {"class_name": "Dense", "name": "b", "inbound_nodes": [[["in", 0, 0, {}]]],
        "config": {"name": "b", "units": 2}},
      {"class_name": "Concatenate", "name": "c", "config": {"name": "c", "axis": -1},
        "inbound_nodes": [[["a", 0, 0, {}], ["b", 0, 0, {}]]]}],
      "input_layers": [["in", 0, 0]], "output_layers": [["c", 0, 0]]}})");
  EXPECT_EQ(model.output_shape(), (Shape{4}));
}

TEST(LegacyJson, WhatCantBeTurnedIsRefusedByName) {
  EXPECT_THAT(message_of<UnsupportedError>([] {
                model_from_json(R"({"class_name": "Sequential", "config": [
      {"class_name": "Convolution2D", "config": {"name": "c", "nb_filter": 4, "nb_row": 3,
        "nb_col": 3, "dim_ordering": "th", "batch_input_shape": [null, 3, 8, 8]}},
      {"class_name": "Permute", "config": {"name": "turned", "dims": [2, 1, 3]}}]})");
              }),
              AllOf(HasSubstr("turned"), HasSubstr("channels-first")));
}

}  // namespace
}  // namespace pronghorn
