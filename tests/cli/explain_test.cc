// explain and compare: what they print and write, and what they refuse before anything is
// measured. The machine is always a file's, so that no test measures this one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "pronghorn/machine.h"
#include "report/sample.h"

namespace pronghorn {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ExplainProgram : public testing::Test {
 protected:
  // Where the program would keep this machine's numbers. In a test that fails, too, the user's own
  // stay as they are: a machine that runs tests is no good one to measure.
  ExplainProgram() {
    ::setenv("XDG_CACHE_HOME", cache().c_str(), /*overwrite=*/1);
    save_machine(report::sample_machine(), machine());
  }
  // No test here may measure the machine.
  ~ExplainProgram() override {
    EXPECT_FALSE(std::filesystem::exists(cache())) << "the machine was measured";
  }
  std::string cache() const { return work_ / "cache"; }
  std::string machine() const { return work_ / "machine.json"; }

  // The command on that machine's numbers, for a small step of one thread.
  ProgramResult run(std::vector<std::string> arguments, std::vector<std::string> more = {}) const {
    arguments.insert(arguments.end(),
                     {"--machine", machine(), "--batch-size", "8", "--threads", "1"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  json json_of(std::vector<std::string> arguments, std::vector<std::string> more = {}) const {
    more.push_back("--json");
    const ProgramResult result = run(std::move(arguments), std::move(more));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    return json::parse(result.out);
  }
  void expect_refused(const ProgramResult& result, const std::vector<std::string>& phrases) const {
    EXPECT_EQ(result.exit_code, 1) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << result.err;
    for (const std::string& phrase : phrases) EXPECT_THAT(result.err, HasSubstr(phrase));
  }

  Workplace work_;
};

TEST_F(ExplainProgram, RefusesAMachinesFileThatIsNone) {
  work_.write("broken.json", "{\"format\": \"pronghorn.machine\", \"version\": 99}");
  expect_refused(run_program({"explain", work_.model(), "--machine", work_ / "broken.json"}),
                 {"broken.json", "version 99"});
}

TEST_F(ExplainProgram, ExplainPrintsTheAnswerFirst) {
  const ProgramResult result = run({"explain", work_.model()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const std::string first = result.out.substr(0, result.out.find('\n'));
  EXPECT_THAT(first, HasSubstr("model"));
  EXPECT_THAT(result.out, AllOf(HasSubstr("multiply-accumulates"), HasSubstr("flops"),
                                HasSubstr("Assumptions"), Not(HasSubstr("ms mea-"))));
}

TEST_F(ExplainProgram, ExplainCountsTheZoo) {
  const json cnn = json_of({"explain", "mnist-cnn"});
  EXPECT_EQ(cnn["schema"], "pronghorn.explanation/1");
  EXPECT_EQ(cnn["model"], "mnist-cnn");
  EXPECT_EQ(cnn["parameters"], 110986);
  EXPECT_EQ(cnn["forward_multiply_accumulates"], 10903680);
  EXPECT_EQ(cnn["batch_size"], 8);
  EXPECT_EQ(cnn["steps_per_epoch"], 7500);
  EXPECT_EQ(cnn["loss"], "categorical_crossentropy");
  EXPECT_TRUE(cnn["profile"].is_null());
}

TEST_F(ExplainProgram, TakesOptimizerLossAndSamples) {
  const json document =
      json_of({"explain", work_.model()}, {"--optimizer", "adam", "--preset", "keras2017", "--loss",
                                           "mean_squared_error", "--samples", "81"});
  EXPECT_EQ(document["optimizer"], "adam");
  EXPECT_EQ(document["loss"], "mean_squared_error");
  EXPECT_EQ(document["steps_per_epoch"], 11);
}

TEST_F(ExplainProgram, SeveralModelsAreAListAndAPage) {
  const json documents =
      json_of({"explain", "mnist-mlp", work_.model()}, {"--html", work_ / "page.html"});
  ASSERT_EQ(documents.size(), 2u);
  EXPECT_EQ(documents[0]["model"], "mnist-mlp");
  EXPECT_EQ(documents[1]["model"], "model");
  EXPECT_THAT(contents_of(work_ / "page.html"),
              AllOf(HasSubstr("<title>mnist-mlp, model"), HasSubstr("</html>")));
}

TEST_F(ExplainProgram, FilesOfOneNameKeepTheirPaths) {
  std::filesystem::create_directory(work_ / "other");
  std::filesystem::copy_file(work_.model(), work_ / "other/model.json");
  const json documents = json_of({"explain", work_.model(), work_ / "other/model.json"});
  EXPECT_EQ(documents[0]["model"], work_.model());
  EXPECT_EQ(documents[1]["model"], work_ / "other/model.json");
}

TEST_F(ExplainProgram, MeasuresAndTraces) {
  const json document = json_of({"explain", work_.model()}, {"--trace", work_ / "trace.json"});
  EXPECT_GT(document["profile"]["step"]["median_seconds"], 0);
  const json trace = json::parse(contents_of(work_ / "trace.json"));
  EXPECT_GT(trace["traceEvents"].size(), 4u);
  EXPECT_THAT(run({"explain", work_.model()}, {"--measure"}).out, HasSubstr("ms mea-"));
}

TEST_F(ExplainProgram, TheTextbookLoopsComeWithTheLadder) {
  EXPECT_FALSE(json_of({"explain", work_.model()}, {"--kernels", "reference"})["ladder"].empty());
  EXPECT_TRUE(json_of({"explain", work_.model()})["ladder"].empty());
}

TEST_F(ExplainProgram, WhatIfTakesListsAndMayBeRepeated) {
  const auto names = [&](const std::vector<std::string>& what_if) {
    std::vector<std::string> result;
    const json document = json_of({"explain", work_.model()}, what_if);
    for (const json& variant : document["variants"]) result.push_back(variant["name"]);
    return result;
  };
  const auto expected = names({"--what-if", "batch-size=1,32 threads=1..2"});
  EXPECT_EQ(expected.size(), 5u);  // as it is, two batch sizes, two numbers of threads
  EXPECT_EQ(names({"--what-if", "batch-size=1,32", "threads=1..2"}), expected);
  EXPECT_EQ(names({"--what-if", "batch-size=1,32", "--what-if", "threads=1..2"}), expected);
  EXPECT_THAT(run({"explain", work_.model()}, {"--what-if", "batch-size=32"}).out,
              HasSubstr("batch-size=32"));
}

TEST_F(ExplainProgram, ComparePrintsTheFactors) {
  const json document = json_of({"compare", "mnist-mlp", "mnist-cnn"});
  EXPECT_EQ(document["schema"], "pronghorn.comparison/1");
  EXPECT_EQ(document["a"]["model"], "mnist-mlp");
  EXPECT_EQ(document["b"]["model"], "mnist-cnn");
  double product = 1;
  for (const json& factor : document["factors"]) product *= factor["ratio"].get<double>();
  EXPECT_NEAR(product / document["ratio"].get<double>(), 1, 1e-9);
  const ProgramResult result =
      run({"compare", "mnist-mlp", "mnist-cnn"}, {"--html", work_ / "page.html"});
  EXPECT_THAT(result.out, HasSubstr("their product"));
  EXPECT_THAT(contents_of(work_ / "page.html"), HasSubstr("</html>"));
}

TEST_F(ExplainProgram, PathsThatCanNotBeWrittenAreRefusedBeforeAnythingIsMeasured) {
  for (const char* option : {"--html", "--trace"})
    expect_refused(run_program({"explain", work_.model(), option, work_ / "missing/file"}),
                   {"missing/file"});
  expect_refused(
      run_program({"compare", work_.model(), work_.model(), "--html", work_ / "no/file"}),
      {"no/file"});
}

TEST_F(ExplainProgram, WrongChangesAndModelsAreRefusedBeforeAnythingIsMeasured) {
  expect_refused(run_program({"explain", work_.model(), "--what-if", "batch-sise=1"}),
                 {"batch-sise"});
  expect_refused(run_program({"explain", work_.model(), "--what-if", "batch-size=0"}), {"0"});
  expect_refused(run_program({"explain", "mnist-rnn"}), {"mnist-rnn", "mnist-cnn-4"});
  expect_refused(run_program({"compare", work_.model(), "mnist-rnn"}), {"mnist-rnn"});
  expect_refused(run_program({"explain", "mnist-mlp", "mnist-cnn", "--what-if", "batch-size=1"}),
                 {"--what-if", "one model"});
  expect_refused(run_program({"explain", "mnist-mlp", "mnist-cnn", "--trace", work_ / "t.json"}),
                 {"--trace", "one model"});
  EXPECT_FALSE(std::filesystem::exists(work_ / "t.json"));
}

TEST_F(ExplainProgram, NumbersOutOfTheirRange) {
  expect_refused(
      run_program({"explain", work_.model(), "--machine", machine(), "--batch-size", "0"}),
      {"batch size is 0"});
  expect_refused(run_program({"explain", work_.model(), "--machine", machine(), "--samples", "0"}),
                 {"samples"});
  expect_refused(run_program({"explain", work_.model(), "--machine", machine(), "--threads", "-1"}),
                 {"threads is -1"});
  expect_refused(
      run_program({"explain", work_.model(), "--machine", machine(), "--kernels", "cuda"}),
      {"cuda", "onednn"});
  expect_refused(
      run_program({"explain", work_.model(), "--machine", machine(), "--optimizer", "lamb"}),
      {"lamb", "rmsprop"});
}

}  // namespace
}  // namespace pronghorn
