#include "formats/keras_archive.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/file.h"
#include "formats/fixtures.h"
#include "formats/hdf5_writer.h"
#include "formats/npz.h"
#include "formats/zip_archive.h"
#include "pronghorn/error.h"
#include "pronghorn/model.h"

namespace pronghorn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TemporaryDirectory;

// Files of real Keras versions (tests/formats/keras_files/make_keras_files.py).
std::string keras_file(const std::string& name) {
  return PRONGHORN_SOURCE_DIR "/tests/formats/keras_files/" + name;
}

Array read(formats::NpzFile& file, const std::string& name) { return file.read(name).array; }

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  return largest;
}

FitOptions quiet(int epochs, int initial_epoch = 0) {
  FitOptions options;
  options.batch_size = 8;
  options.epochs = epochs;
  options.initial_epoch = initial_epoch;
  options.verbose = Verbose::kSilent;
  return options;
}

class KerasVersion : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Versions, KerasVersion,
                         ::testing::Values("3.0.5", "3.3.3", "3.6.0", "3.10.0", "3.15.0"),
                         [](const auto& version) {
                           std::string name = version.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST_P(KerasVersion, ItsFilesPredictWhatItPredicts) {
  for (const char* kind : {"stack", "graph"}) {
    const std::string stem = keras_file(std::string("keras_") + GetParam() + "_" + kind);
    Model model = load_model(stem + ".keras");
    formats::NpzFile expected(stem + ".npz");
    EXPECT_LT(largest_difference(model.predict(read(expected, "x")).values,
                                 read(expected, "predictions").values),
              1e-6)
        << kind;
    EXPECT_EQ(model.optimizer_steps(), 5);
  }
}

TEST_P(KerasVersion, TrainingGoesOnAsThere) {
  const std::string stem = keras_file(std::string("keras_") + GetParam() + "_graph");
  Model model = load_model(stem + ".keras");
  formats::NpzFile expected(stem + ".npz");
  model.compile(*model.file_config());
  FitOptions options = quiet(20);
  options.shuffle = false;
  model.fit(read(expected, "x"), read(expected, "y"), options);
  const std::vector<NamedArray> weights = model.get_weights();
  for (size_t i = 0; i < weights.size(); ++i)
    EXPECT_LT(largest_difference(weights[i].array.values,
                                 read(expected, "after_20_" + std::to_string(i)).values),
              1e-4)
        << weights[i].name;
  EXPECT_EQ(model.optimizer_steps(), 25);
}

// Samples, and a model with all that is random: initial weights, dropout, shuffling.
struct Training {
  Array x{{40, 6}, {}};
  Array y{{40, 2}, {}};
  Training() {
    for (int i = 0; i < 240; ++i) x.values.push_back(std::sin(static_cast<float>(i * i)));
    for (int i = 0; i < 40; ++i) {
      y.values.push_back(static_cast<float>(i % 2));
      y.values.push_back(static_cast<float>(1 - i % 2));
    }
  }
  static Model model(const std::string& name = "adam") {
    Sequential model({6},
                     {layers::Dense(5, {.activation = "relu"}), layers::Dropout(0.3),
                      layers::BatchNormalization(), layers::Dense(2, {.activation = "softmax"})});
    CompileConfig config;
    config.optimizer = optimizer(name);
    // No float32.
    config.optimizer.learning_rate = 0.0123456789;
    config.optimizer.momentum = name == "sgd" || name == "rmsprop" ? 0.5 : 0;
    config.seed = 7;
    config.metrics = {"accuracy"};
    model.compile(config);
    return model;
  }
};

void expect_same_bits(const Model& a, const Model& b) {
  const std::vector<NamedArray> of_a = a.get_weights(), of_b = b.get_weights();
  ASSERT_EQ(of_a.size(), of_b.size());
  for (size_t i = 0; i < of_a.size(); ++i)
    EXPECT_EQ(of_a[i].array.values, of_b[i].array.values) << of_a[i].name;
}

class Interrupted : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Optimizers, Interrupted,
                         ::testing::Values("sgd", "rmsprop", "adam", "adamw", "adadelta",
                                           "adagrad"));

TEST_P(Interrupted, TrainingGoesOnWithTheSameBits) {
  const TemporaryDirectory directory;
  const Training training;
  Model whole = Training::model(GetParam());
  whole.fit(training.x, training.y, quiet(5));

  Model first = Training::model(GetParam());
  first.fit(training.x, training.y, quiet(2));
  first.save(directory / "first.keras");
  Model second = load_model(directory / "first.keras");
  second.compile(*second.file_config());
  second.fit(training.x, training.y, quiet(5, 2));
  expect_same_bits(whole, second);

  // Also by the weights file, whose rest is given again.
  first.save_weights(directory / "first.weights.h5");
  Model third = Training::model(GetParam());
  third.fit(training.x, training.y, quiet(1));
  third.load_weights(directory / "first.weights.h5");
  EXPECT_EQ(third.optimizer_steps(), 10);
}

TEST(KerasArchive, AModelIsWhatItWas) {
  const TemporaryDirectory directory;
  const Training training;
  Model model = Training::model();
  model.fit(training.x, training.y, quiet(1));
  model.save(directory / "model.keras");
  Model again = load_model(directory / "model.keras");
  EXPECT_EQ(again.to_json(), again.to_json());
  EXPECT_EQ(model.predict(training.x).values, again.predict(training.x).values);
  ASSERT_TRUE(again.file_config());
  EXPECT_EQ(again.file_config()->optimizer.name, "adam");
  EXPECT_EQ(again.file_config()->optimizer.learning_rate, 0.0123456789);
  EXPECT_EQ(again.file_config()->seed, 7);
  ASSERT_EQ(again.file_config()->metrics.size(), 1u);
  EXPECT_EQ(again.file_config()->metrics[0].name, "accuracy");
  // Saved again without being compiled, nothing is lost.
  again.save(directory / "again.keras");
  Model third = load_model(directory / "again.keras");
  third.compile(*third.file_config());
  again.compile(*again.file_config());
  EXPECT_EQ(third.optimizer_steps(), 5);
  third.fit(training.x, training.y, quiet(2, 1));
  again.fit(training.x, training.y, quiet(2, 1));
  expect_same_bits(third, again);
}

TEST(KerasArchive, CompiledWithAnotherOptimizerItStartsAfresh) {
  const TemporaryDirectory directory;
  const Training training;
  Model model = Training::model();
  model.fit(training.x, training.y, quiet(1));
  model.save(directory / "model.keras");
  Model again = load_model(directory / "model.keras");
  CompileConfig config = *again.file_config();
  config.optimizer = optimizer("sgd");
  again.compile(config);
  EXPECT_EQ(again.optimizer_steps(), 0);
}

TEST(KerasArchive, AFailedWriteLeavesTheOldFile) {
  const TemporaryDirectory directory;
  const Model model = Training::model();
  EXPECT_THAT(message_of<ArgumentError>([&] { model.save(directory / "model.onnx"); }),
              HasSubstr("a whole model is written as .keras"));
  EXPECT_THAT(message_of<ArgumentError>([&] { model.save_weights(directory / "w.h5"); }),
              HasSubstr(".weights.h5 or .safetensors"));
  EXPECT_THROW(model.save("/none/such/model.keras"), FileError);
}

// Hostile archives.

constexpr const char* kJson = R"({"class_name": "Sequential", "config": {"layers": [
  {"class_name": "InputLayer", "config": {"batch_shape": [null, 2]}},
  {"class_name": "Dense", "config": {"units": 3}}]}})";

std::string dense_weights(const Shape& kernel) {
  formats::Hdf5Writer writer;
  const std::vector<float> values(static_cast<size_t>(kernel.elements()), 0.5f);
  writer.add("layers/dense/vars/0", kernel, values.data());
  writer.add("layers/dense/vars/1", {3}, values.data());
  return writer.finish();
}

std::string archive(const std::string& config, const std::string& weights,
                    const std::string& extra = "") {
  std::vector<std::pair<std::string, std::string>> members = {{"config.json", config},
                                                              {"model.weights.h5", weights}};
  if (!extra.empty()) members.emplace_back(extra, "text");
  return formats::write_zip(members);
}

void read(const std::string& bytes) { formats::read_keras_archive(bytes, "a.keras"); }

TEST(HostileKerasArchive, TheSmallestThatIsNoneIsRead) {
  read(archive(kJson, dense_weights({2, 3})));
}

TEST(HostileKerasArchive, MissingMembersAreNamed) {
  EXPECT_THAT(message_of<FileError>([] {
                read(formats::write_zip({{"config.json", kJson}}));
              }),
              HasSubstr("'a.keras': no .keras archive: has no member model.weights.h5"));
}

TEST(HostileKerasArchive, PathsOutOfTheArchiveAreRefused) {
  for (const char* name : {"/etc/passwd", "../../up", "a/../../b", "c:\\windows", "a\\..\\b"})
    EXPECT_THAT(message_of<FileError>([&] {
                  read(archive(kJson, dense_weights({2, 3}), name));
                }),
                HasSubstr("leads out of the archive"))
        << name;
}

TEST(HostileKerasArchive, WrongShapesAndMissingArraysSayWhere) {
  EXPECT_THAT(
      message_of<FileError>([] {
        read(archive(kJson, dense_weights({3, 2})));
      }),
      HasSubstr("'a.keras:model.weights.h5': layers/dense/vars/0: has shape (3, 2); (2, 3) is "
                "expected"));
  formats::Hdf5Writer empty;
  empty.add_group("layers");
  EXPECT_THAT(message_of<FileError>([&] { read(archive(kJson, empty.finish())); }),
              HasSubstr("layers/dense/vars: weights of another model: holds 0 arrays; the model's "
                        "layer 'dense' has 2"));
}

TEST(HostileKerasArchive, EveryTruncationIsOneError) {
  const std::string bytes = archive(kJson, dense_weights({2, 3}));
  for (size_t size = 0; size < bytes.size(); size += 37)
    EXPECT_THROW(read(bytes.substr(0, size)), FileError) << size;
}

// CVE-2025-1550: config.json names any module, class or function, and loading calls it.
TEST(HostileKerasArchive, NoCodeIsNamedByAFile) {
  const auto with_layer = [](const std::string& layer) {
    return archive(R"({"class_name": "Sequential", "config": {"layers": [
      {"class_name": "InputLayer", "config": {"batch_shape": [null, 2]}},)" +
                       layer + "]}}",
                   dense_weights({2, 3}));
  };
  EXPECT_THROW(read(with_layer(R"({"module": "os", "class_name": "system",
      "registered_name": "system", "config": "touch /tmp/x"})")),
               Error);
  EXPECT_THROW(
      read(with_layer(R"({"class_name": "Dense", "config": {"units": 3, "kernel_initializer":
      {"module": "subprocess", "class_name": "function", "config": "Popen", "registered_name":
       "function"}}})")),
      Error);
  // CVE-2025-8747: code of Keras's own that fetches files, keras.utils.get_file.
  EXPECT_THROW(read(with_layer(R"({"module": "keras.utils", "class_name": "get_file",
      "registered_name": null, "config": {"origin": "http://example.com"}})")),
               Error);
  // CVE-2025-9905: a Lambda.
  EXPECT_THAT(message_of<UnsupportedError>([&] {
                read(with_layer(R"({"class_name": "Lambda", "config": {"function":
                   {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}}})"));
              }),
              AllOf(HasSubstr("Lambda"), HasSubstr("code")));
}

}  // namespace
}  // namespace pronghorn
