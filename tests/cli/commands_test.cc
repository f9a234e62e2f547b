// What each command prints and writes when all is well.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "pronghorn/model.h"
#include "pronghorn/saving.h"

namespace pronghorn {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

json json_of(const std::vector<std::string>& arguments) {
  const ProgramResult result = run_program(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  // Nothing but one document; parse() refuses anything behind it.
  return json::parse(result.out);
}

std::vector<std::string> train(const Workplace& work, std::vector<std::string> more) {
  std::vector<std::string> arguments = {"train",        work.model(), "--data",
                                        work.samples(), "--labels",   work.labels()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(Program, HelpOfEveryCommandShowsAnExample) {
  for (const char* command : {"summary", "train", "evaluate", "predict", "explain", "compare",
                              "convert", "machine", "zoo", "data"}) {
    const ProgramResult result = run_program({command, "--help"});
    EXPECT_EQ(result.exit_code, 0) << command;
    EXPECT_THAT(result.out, HasSubstr(std::string("Example:\n  pronghorn ") + command));
    EXPECT_EQ(result.err, "");
  }
  EXPECT_THAT(run_program({"--help"}).out, AllOf(HasSubstr("train"), HasSubstr("Exit codes")));
}

TEST(Program, TellsItsVersion) {
  EXPECT_THAT(run_program({"--version"}).out, StartsWith("pronghorn "));
}

TEST(Program, WrongUseIsExitCodeTwoAndOneLine) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"dance"},
      {"train"},
      {"train", "mnist-mlp"},
      {"train", "mnist-mlp", "--data", "mnist-10k", "--epochs", "many"},
      {"train", "mnist-mlp", "--data", "mnist-10k", "--no-such-option"},
      {"train", "mnist-mlp", "--data", "mnist-10k", "--preset", "keras1"},
      {"evaluate", "mnist-mlp"},
      {"summary"}};
  for (const auto& arguments : wrong) {
    const ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, AllOf(StartsWith("pronghorn: "), HasSubstr("--help'\n")));
    EXPECT_EQ(result.err.find('\n'), result.err.size() - 1);
  }
}

TEST(Program, ListsTheCommandsForOneThatDoesNotExist) {
  EXPECT_EQ(
      run_program({"dance"}).err,
      "pronghorn: there is no command 'dance'; the commands are summary, train, evaluate, "
      "predict, explain, compare, convert, machine, tune, zoo, data; see 'pronghorn --help'\n");
}

TEST(SummaryCommand, ShowsLayersAndCosts) {
  const ProgramResult result = run_program({"summary", "mnist-cnn"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, AllOf(HasSubstr("110,986"), HasSubstr("10,903,680")));
  const json summary = json_of({"summary", "mnist-mlp", "--json"});
  EXPECT_EQ(summary["parameters"], 669706);
  EXPECT_EQ(summary["multiply_accumulates"], 668672);
  EXPECT_EQ(summary["layers"][0]["parameters"], 401920);
}

TEST(SummaryCommand, ShowsTheOpsOfAStep) {
  const Workplace work;
  const ProgramResult result =
      run_program({"summary", "--graph", "--batch-size", "7", work.model()});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, AllOf(HasSubstr("(7, 3)"), HasSubstr("arena: ")));
}

TEST(ZooCommand, ListsTheModelsAndPrintsOne) {
  const json zoo = json_of({"zoo", "--json"});
  std::vector<int64_t> parameters;
  for (const json& entry : zoo) parameters.push_back(entry["parameters"]);
  EXPECT_THAT(parameters, testing::UnorderedElementsAre(669706, 110986, 5958, 1199882));
  EXPECT_THAT(run_program({"zoo"}).out, HasSubstr("1,199,882"));
  EXPECT_EQ(json_of({"zoo", "mnist-cnn"})["class_name"], "Sequential");
}

TEST(DataCommand, ListsTheDataSetsAndDescribesOne) {
  EXPECT_THAT(run_program({"data"}).out, AllOf(HasSubstr("mnist-10k"), HasSubstr("fashion-mnist")));
  const json data = json_of({"data", "mnist-10k", "--json"});
  EXPECT_EQ(data["train"]["sample_shape"], (json{28, 28, 1}));
  EXPECT_EQ(data["train"]["samples"].get<int>() + data["test"]["samples"].get<int>(), 10000);
}

TEST(TrainCommand, TrainsAMultilayerPerceptronOnRealDigits) {
  const json result = json_of({"train", "mnist-mlp", "--data", "mnist-10k", "--epochs", "1",
                               "--batch-size", "128", "--json"});
  EXPECT_EQ(result["parameters"], 669706);
  EXPECT_EQ(result["multiply_accumulates"], 668672);
  EXPECT_EQ(result["seconds_per_epoch"].size(), 1u);
  EXPECT_GT(result["accuracy"], 0.75);
  EXPECT_GT(result["val_accuracy"], 0.85);
}

TEST(TrainCommand, PrintsALinePerEpochAndTheResult) {
  const Workplace work;
  const ProgramResult result =
      run_program(train(work, {"--epochs", "2", "--validation-split", "0.25"}));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out,
              AllOf(StartsWith(work.model() + ": 15 parameters, 12 multiply-accumulates"),
                    HasSubstr("30 samples to train on, 10 to validate\n"),
                    HasSubstr("\nEpoch 1/2 - 1/1 - "), HasSubstr("\nEpoch 2/2 - 1/1 - "),
                    HasSubstr("training seconds per epoch: "), HasSubstr("val_accuracy ")));
  EXPECT_EQ(result.out.find('\r'), std::string::npos);
  EXPECT_EQ(result.out.find('\x1b'), std::string::npos);
}

TEST(TrainCommand, QuietPrintsOnlyTheResult) {
  const Workplace work;
  const ProgramResult result = run_program(train(work, {"--epochs", "2", "--quiet"}));
  EXPECT_THAT(result.out, StartsWith("training seconds per epoch: "));
}

TEST(TrainCommand, TheSameSeedWritesTheSameFile) {
  const Workplace work;
  const auto weights_with = [&](const char* seed, const char* threads) {
    const std::string path = work / "w.safetensors";
    const ProgramResult result = run_program(train(
        work, {"--epochs", "2", "--seed", seed, "--threads", threads, "--out", path, "--quiet"}));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return contents_of(path);
  };
  EXPECT_EQ(weights_with("1", "1"), weights_with("1", "2"));
  EXPECT_NE(weights_with("1", "1"), weights_with("2", "1"));
}

TEST(TrainCommand, WhatItWritesEvaluateAndPredictRead) {
  const Workplace work;
  const std::string weights = work / "w.safetensors";
  const json trained = json_of(
      train(work, {"--epochs", "200", "--learning-rate", "0.05", "--out", weights, "--json"}));
  EXPECT_EQ(trained["weights"], weights);
  EXPECT_EQ(trained["history"]["loss"].size(), 200u);

  // CSV and npy hold the same data.
  const json evaluated =
      json_of({"evaluate", work.model(), "--weights", weights, "--data", work.csv(), "--json"});
  EXPECT_EQ(evaluated["accuracy"], 1.0);
  EXPECT_EQ(evaluated["samples"], 40);
  EXPECT_NEAR(evaluated["loss"].get<double>(), trained["loss"].get<double>(), 0.05);

  const std::vector<std::string> predict = {"predict", work.model(), "--weights",
                                            weights,   "--data",     work.samples()};
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = predict;
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  const json predicted = json_of(with({"--json"}))["predictions"];
  ASSERT_EQ(predicted.size(), 40u);
  EXPECT_EQ(predicted[2]["class"], 2);
  EXPECT_GT(predicted[2]["probability"], 0.5);
  EXPECT_THAT(run_program(predict).out, StartsWith("sample,class,probability\n0,0,0."));

  const ProgramResult to_csv = run_program(with({"--out", work / "p.csv"}));
  EXPECT_EQ(to_csv.out, "");
  EXPECT_EQ(contents_of(work / "p.csv"), run_program(predict).out);
  run_program(with({"--out", work / "p.npy"}));
  EXPECT_EQ(load_npy(work / "p.npy").shape, (Shape{40, 3}));
}

TEST(TrainCommand, InterruptedAndResumedItGivesTheSameBits) {
  const Workplace work;
  const std::string whole = work / "whole.safetensors", half = work / "half.keras",
                    rest = work / "rest.safetensors";
  const auto train_from = [&](const std::string& model, std::vector<std::string> more) {
    std::vector<std::string> arguments = {"train",    model,         "--data", work.samples(),
                                          "--labels", work.labels(), "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
  };
  const std::vector<std::string> how = {"--optimizer", "adam", "--batch-size", "16", "--seed", "3"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), how.begin(), how.end());
    return more;
  };
  train_from(work.model(), with({"--epochs", "4", "--out", whole}));
  train_from(work.model(), with({"--epochs", "2", "--out", half}));
  // Optimizer and seed are the file's.
  train_from(half, {"--epochs", "4", "--initial-epoch", "2", "--batch-size", "16", "--out", rest});
  EXPECT_EQ(contents_of(rest), contents_of(whole));
  // Its weights are its own.
  EXPECT_EQ(json_of({"evaluate", half, "--data", work.csv(), "--json"})["samples"], 40);
  EXPECT_THAT(run_program({"evaluate", work.model(), "--data", work.csv()}).err,
              HasSubstr("--weights is missing"));
}

TEST(ConvertCommand, WritesWhatTheNameEndsIn) {
  const Workplace work;
  const std::string keras = work / "m.keras";
  run_program(train(work, {"--out", keras}));
  for (const char* name : {"w.weights.h5", "w.safetensors", "m.json", "m.onnx", "again.keras"}) {
    const ProgramResult result = run_program({"convert", keras, work / name});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_TRUE(std::filesystem::exists(work / name)) << name;
  }
  const auto predict = [&](const std::string& model, std::vector<std::string> more) {
    std::vector<std::string> arguments = {"predict", model, "--data", work.samples()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments).out;
  };
  const std::string expected = predict(keras, {});
  EXPECT_THAT(expected, StartsWith("sample,class"));
  EXPECT_EQ(predict(work / "again.keras", {}), expected);
  EXPECT_EQ(predict(work / "m.json", {"--weights", work / "w.weights.h5"}), expected);
  EXPECT_EQ(predict(work / "m.json", {"--weights", work / "w.safetensors"}), expected);
  EXPECT_EQ(predict(work / "m.json", {"--weights", keras}), expected);

  EXPECT_THAT(run_program({"convert", keras, work / "m.h5"}).err,
              HasSubstr("is read, not written"));
  EXPECT_THAT(run_program({"convert", work / "w.weights.h5", work / "n.keras"}).err,
              HasSubstr("not the model that they are for"));
  EXPECT_THAT(run_program({"convert", work.model(), work / "n.keras"}).err,
              HasSubstr("--weights is missing"));
  EXPECT_THAT(run_program({"convert", keras, work / "m.txt"}).err, HasSubstr(".safetensors"));
}

TEST(TrainCommand, GoesOnFromGivenWeights) {
  const Workplace work;
  const std::string weights = work / "w.safetensors";
  run_program(train(work, {"--epochs", "3", "--out", weights}));
  const json still = json_of(train(work, {"--learning-rate", "0", "--weights", weights, "--out",
                                          work / "same.safetensors", "--json"}));
  EXPECT_EQ(contents_of(work / "same.safetensors"), contents_of(weights));
  EXPECT_EQ(still["learning_rate"], 0);
}

TEST(TrainCommand, WritesTheLogAndCheckpoints) {
  const Workplace work;
  run_program(train(work, {"--epochs", "2", "--log", work / "h.csv", "--checkpoint",
                           work / "w{epoch:02d}.safetensors"}));
  EXPECT_THAT(contents_of(work / "h.csv"), StartsWith("epoch,accuracy,loss\r\n0,"));
  EXPECT_NE(contents_of(work / "w01.safetensors"), contents_of(work / "w02.safetensors"));
}

TEST(TrainCommand, StopsEarlyAndReducesTheLearningRate) {
  const Workplace work;
  // Nothing improves with a learning rate of 0.
  const json result = json_of(train(work, {"--epochs", "9", "--learning-rate", "0", "--no-shuffle",
                                           "--early-stopping", "2", "--reduce-lr", "1", "--json"}));
  EXPECT_EQ(result["epochs"], 3);
}

TEST(TrainCommand, OptimizersHaveTheDefaultsOfThePreset) {
  const Workplace work;
  const auto rate = [&](std::vector<std::string> more) {
    more.push_back("--json");
    return json_of(train(work, std::move(more)))["learning_rate"].get<double>();
  };
  EXPECT_EQ(rate({"--optimizer", "adadelta"}), 0.001);
  EXPECT_EQ(rate({"--optimizer", "adadelta", "--preset", "keras2017"}), 1.0);
  EXPECT_EQ(rate({"--optimizer", "adadelta", "--preset", "keras2017", "--learning-rate", "0.5"}),
            0.5);
  EXPECT_EQ(rate({}), 0.001);
}

TEST(TrainCommand, MeasuresTheMetricsThatWereAskedFor) {
  const Workplace work;
  const json result =
      json_of(train(work, {"--metrics", "accuracy,top_2_categorical_accuracy", "--json"}));
  EXPECT_GE(result["top_2_categorical_accuracy"], result["accuracy"]);
}

TEST(TrainCommand, ChecksWhereTheResultGoesAndWritesItThere) {
  const Workplace work;
  const ProgramResult result = run_program(train(work, {"--result", work / "r.json"}));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(json::parse(contents_of(work / "r.json"))["model"], work.model());
}

TEST(TrainCommand, ProfilesItsSteps) {
  const Workplace work;
  const std::vector<std::string> profiled =
      train(work, {"--batch-size", "8", "--epochs", "2", "--profile"});
  EXPECT_THAT(run_program(profiled).out, AllOf(HasSubstr("matmul"), HasSubstr("optimizer_update")));

  std::vector<std::string> as_json = profiled;
  as_json.push_back("--json");
  const json profile = json_of(as_json)["profile"];
  EXPECT_EQ(profile["batch_size"], 8);
  EXPECT_EQ(profile["steps"], 2 * 5 - 2);
  EXPECT_GT(profile["step_seconds"]["median"], 0);
  EXPECT_GT(profile["coverage"], 0.5);
  EXPECT_TRUE(profile["counters"].is_object());
  EXPECT_EQ(profile["ops"][0]["kind"], "matmul");
  EXPECT_EQ(profile["ops"][0]["phase"], "forward");
  EXPECT_GT(profile["ops"][0]["seconds"]["median"], 0);
}

TEST(TrainCommand, TracesThreeStepsOnTheirThreads) {
  const Workplace work;
  run_program(train(work, {"--batch-size", "8", "--epochs", "2", "--trace", work / "t.json"}));
  const json trace = json::parse(contents_of(work / "t.json"));
  const json& events = trace.is_array() ? trace : trace["traceEvents"];
  const auto products = std::count_if(events.begin(), events.end(), [](const json& event) {
    return event.value("ph", "") == "X" && event.dump().find("matmul") != std::string::npos;
  });
  EXPECT_GE(products, 2 * 3) << "forward and to weights, in each of the steps";
}

TEST(TrainCommand, WritesEventsForTensorBoard) {
  const Workplace work;
  run_program(train(
      work, {"--epochs", "2", "--validation-split", "0.25", "--tensorboard", work / "logs/run"}));
  for (const std::string run : {"train", "validation"}) {
    const auto files = std::filesystem::directory_iterator(work / ("logs/run/" + run));
    EXPECT_EQ(std::distance(files, {}), 1) << run;
  }
}

TEST(TrainCommand, TakesClassWeightsAndLossesAndMetricsWithArguments) {
  const Workplace work;
  const ProgramResult result = run_program(train(
      work, {"--class-weight", R"({"0": 2, "1": 0.5})", "--loss",
             R"({"class_name": "CategoricalCrossentropy", "config": {"label_smoothing": 0.1}})",
             "--metrics", R"(["accuracy", {"class_name": "AUC", "config": {"curve": "PR"}}])",
             "--quiet"}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("auc "), HasSubstr("accuracy ")));
  for (const char* wrong : {"nonsense", "[1, 2]", R"({"a": 1})", R"({"0": "much"})"})
    EXPECT_THAT(run_program(train(work, {"--class-weight", wrong})).err,
                HasSubstr("--class-weight '" + std::string(wrong)));
  EXPECT_THAT(run_program(train(work, {"--loss", "{nonsense"})).err, HasSubstr("is no JSON"));
  EXPECT_THAT(run_program(train(work, {"--loss-weights", "much"})).err, HasSubstr("OUTPUT=NUMBER"));
  EXPECT_THAT(run_program(train(work, {"--loss", "other=mse"})).err,
              HasSubstr("the model has no output 'other'"));
}

TEST(TrainCommand, TakesWhatActsOnGradientsAndWeights) {
  const Workplace work;
  const std::vector<std::vector<std::string>> all = {
      {"--clipnorm", "0.5"},
      {"--global-clipnorm", "0.5"},
      {"--clipvalue", "0.1"},
      {"--use-ema", "--ema-momentum", "0.9", "--ema-overwrite-frequency", "2"},
      {"--gradient-accumulation-steps", "2"},
      {"--learning-rate-schedule", "cosine_decay_restarts:first_decay_steps=3"},
      {"--learning-rate-schedule", "piecewise_constant_decay:boundaries=1/2,values=0.1/0.05/0.01"}};
  for (std::vector<std::string> options : all) {
    options.emplace_back("--quiet");
    const ProgramResult result = run_program(train(work, options));
    EXPECT_EQ(result.exit_code, 0) << options[0] << ": " << result.err;
  }
}

TEST(TrainCommand, TakesEveryOptimizerAndLoss) {
  const Workplace work;
  for (const std::string& name : optimizer_names()) {
    const ProgramResult result = run_program(train(work, {"--optimizer", name, "--quiet"}));
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
  for (const std::string& name : loss_names()) {
    const ProgramResult result = run_program(train(work, {"--loss", name, "--quiet"}));
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
}

}  // namespace
}  // namespace pronghorn
