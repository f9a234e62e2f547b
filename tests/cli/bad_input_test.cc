// Bad input ends with exit code 1 and one line on standard error that says what, where and what
// would be right; nothing is printed elsewhere and no output file is left.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "cli/program.h"
#include "pronghorn/model.h"
#include "pronghorn/saving.h"

namespace pronghorn {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Runs the command with `--out` where it has one, and expects it to fail with all these phrases.
void expect_refused(const Workplace& work, std::vector<std::string> arguments,
                    const std::vector<std::string>& phrases) {
  const std::string out = work / "out.safetensors";
  if (arguments[0] == "train") arguments.insert(arguments.end(), {"--out", out});
  const ProgramResult result = run_program(arguments);
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, StartsWith("pronghorn: "));
  EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << result.err;
  for (const std::string& phrase : phrases) EXPECT_THAT(result.err, HasSubstr(phrase));
  // Neither the file nor a temporary one beside it.
  for (const auto& entry : std::filesystem::directory_iterator(work / "."))
    EXPECT_EQ(entry.path().filename().string().find("out"), std::string::npos) << entry.path();
}

std::vector<std::string> train(const Workplace& work, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"train",        work.model(), "--data",
                                        work.samples(), "--labels",   work.labels()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::string cut(const std::string& bytes, size_t less) {
  return bytes.substr(0, bytes.size() - less);
}

TEST(BadInput, OptimizerArguments) {
  const Workplace work;
  const auto refused = [&](std::vector<std::string> options, const std::string& phrase) {
    expect_refused(work, train(work, std::move(options)), {phrase});
  };
  refused({"--clipnorm", "1", "--clipvalue", "1"}, "only one of the optimizer's clipnorm");
  refused({"--clipnorm", "-1"}, "clipnorm is -1");
  refused({"--gradient-accumulation-steps", "1"}, "must be 2 or more");
  refused({"--ema-momentum", "2"}, "ema_momentum is 2");
  refused({"--learning-rate-schedule", "cosine"}, "known are exponential_decay");
  refused({"--learning-rate-schedule", "cosine_decay:alpha=0.1"}, "'decay_steps' is missing");
  refused({"--learning-rate-schedule", "cosine_decay:decay_steps=9", "--reduce-lr", "1"},
          "ReduceLROnPlateau sets the learning rate");
}

TEST(BadInput, AMissingDataFile) {
  const Workplace work;
  for (const char* name : {"none.npy", "none.npz", "none.csv"})
    expect_refused(work, {"train", work.model(), "--data", work / name}, {name});
}

TEST(BadInput, AnUnknownDataSetListsTheKnown) {
  const Workplace work;
  expect_refused(work, {"train", work.model(), "--data", "cifar-11"}, {"cifar-11", "mnist-10k"});
}

TEST(BadInput, ATruncatedDataFile) {
  const Workplace work;
  work.write("x.npy", cut(contents_of(work.samples()), 5));
  expect_refused(work, train(work), {"x.npy"});
}

TEST(BadInput, ACorruptDataFile) {
  const Workplace work;
  work.write("x.npy", "this is no array");
  expect_refused(work, train(work), {"x.npy"});
  work.write("broken.npz", "PK no zip");
  expect_refused(work, {"train", work.model(), "--data", work / "broken.npz"}, {"broken.npz"});
  work.write("broken.csv", "1,2,3,4,0\n1,2,three,4,0\n");
  expect_refused(work, {"train", work.model(), "--data", work / "broken.csv"}, {"broken.csv", "2"});
}

TEST(BadInput, ATruncatedGzipFile) {
  const Workplace work;
  std::filesystem::create_directory(work / "data");
  for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                           "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    // The begin of a gzip stream and no more.
    work.write(std::string("data/") + name + ".gz",
               std::string("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xed\xc1", 12));
  }
  expect_refused(work, {"train", "mnist-mlp", "--data", "mnist", "--data-dir", work / "data"},
                 {"idx"});
}

TEST(BadInput, ALabelOutsideOfTheClasses) {
  const Workplace work;
  Array labels = Workplace::some_labels();
  labels.values[7] = 3;
  save_npy(work.labels(), labels);
  expect_refused(work, train(work), {"7", "3"});
  labels.values[7] = 0.5f;
  save_npy(work.labels(), labels);
  expect_refused(work, train(work, {"--loss", "sparse_categorical_crossentropy"}),
                 {"sample 7", "classes 0 to 2"});
}

TEST(BadInput, AsManyLabelsAsSamples) {
  const Workplace work;
  save_npy(work.labels(), {{2}, {0, 1}});
  expect_refused(work, train(work), {"40 samples, but 2 labels"});
}

TEST(BadInput, ImagesOfAnotherShape) {
  const Workplace work;
  save_npy(work.samples(), {{40, 2, 3}, std::vector<float>(240)});
  expect_refused(work, train(work), {"images of (2, 3), the model takes (4,)"});
}

TEST(BadInput, AnUnknownModelListsTheZoo) {
  const Workplace work;
  expect_refused(work, {"train", "mnist-rnn", "--data", "mnist-10k"}, {"mnist-rnn", "mnist-cnn-4"});
}

TEST(BadInput, AModelFileThatIsNone) {
  const Workplace work;
  work.write("bad.json", "{\"class_name\": \"Sequential\",\n oops");
  expect_refused(work, {"summary", work / "bad.json"}, {"bad.json", "line 2"});
}

TEST(BadInput, AnUnknownLayerOrActivationListsTheKnown) {
  const Workplace work;
  const std::string model = contents_of(work.model());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = model;
    const size_t place = changed.find(from);
    EXPECT_NE(place, std::string::npos) << from;
    changed.replace(place, from.size(), to);
    work.write("changed.json", changed);
    return work / "changed.json";
  };
  expect_refused(work, {"summary", with("\"Dense\"", "\"GRUCell\"")}, {"GRUCell", "Conv2D"});
  expect_refused(work, {"summary", with("\"softmax\"", "\"sparsemax\"")}, {"sparsemax", "relu"});
}

TEST(BadInput, UnknownNamesListTheKnown) {
  const Workplace work;
  expect_refused(work, train(work, {"--optimizer", "lamb"}), {"'lamb'", "rmsprop"});
  expect_refused(work, train(work, {"--loss", "hubris"}), {"'hubris'", "categorical_crossentropy"});
  expect_refused(work, train(work, {"--metrics", "accuracy,auk"}), {"'auk'", "accuracy"});
  expect_refused(work, train(work, {"--kernels", "cuda"}), {"cuda", "onednn"});
}

TEST(BadInput, NumbersOutOfTheirRange) {
  const Workplace work;
  expect_refused(work, train(work, {"--batch-size", "0"}), {"batch size is 0", "1 or more"});
  expect_refused(work, train(work, {"--epochs", "-1"}), {"epochs is -1"});
  expect_refused(work, train(work, {"--learning-rate", "nan"}), {"learning_rate is nan"});
  expect_refused(work, train(work, {"--validation-split", "1.5"}), {"1.5"});
  expect_refused(work, train(work, {"--threads", "-2"}), {"threads is -2"});
  expect_refused(work, {"summary", "--graph", "--batch-size", "0", work.model()},
                 {"batch size is 0"});
}

TEST(BadInput, WeightsOfAnotherModel) {
  const Workplace work;
  const std::string weights = work / "other.safetensors";
  Sequential({4}, {layers::Dense(2, {.name = "other"})}).save_weights(weights);
  expect_refused(work, train(work, {"--weights", weights}), {"other.safetensors", "another model"});
  expect_refused(work, {"evaluate", work.model(), "--weights", weights, "--data", work.csv()},
                 {"other.safetensors", "another model"});
  work.write("broken.safetensors", "no weights");
  expect_refused(
      work,
      {"predict", work.model(), "--weights", work / "broken.safetensors", "--data", work.csv()},
      {"broken.safetensors"});
}

TEST(BadInput, ADirectoryThatCanNotBeWrittenIsRefusedBeforeTraining) {
  const Workplace work;
  for (const char* option : {"--out", "--log", "--result", "--trace"}) {
    // More epochs than anyone could wait for: it must not begin.
    const ProgramResult result = run_program(
        train(work, {"--epochs", "2000000000", option, work / "missing/file.safetensors"}));
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr("missing"));
  }
  EXPECT_FALSE(std::filesystem::exists(work / "missing"));
  const ProgramResult result =
      run_program(train(work, {"--epochs", "2000000000", "--tensorboard", work.model() + "/logs"}));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("/logs/train': the directory can't be made"));
}

TEST(BadInput, AFullDiskLeavesAnErrorAndNoWeights) {
  const Workplace work;
  // Every write to this device fails as on a full disk.
  const ProgramResult result = run_program(train(work, {"--quiet", "--log", "/dev/full"}));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("'/dev/full'"));
}

TEST(BadInput, PredictionsGoToKnownKindsOfFiles) {
  const Workplace work;
  const std::string weights = work / "w.safetensors";
  load_model(work.model()).save_weights(weights);
  expect_refused(work,
                 {"predict", work.model(), "--weights", weights, "--data", work.csv(), "--out",
                  work / "p.txt"},
                 {".npy or .csv"});
}

}  // namespace
}  // namespace pronghorn
