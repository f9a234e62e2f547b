// tune and the choices that it writes, --exact and --precision: what they print and refuse.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "pronghorn/machine.h"
#include "report/sample.h"

namespace pronghorn {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class TuneProgram : public testing::Test {
 protected:
  TuneProgram() { save_machine(report::sample_machine(), work_ / "machine.json"); }

  json explained(std::vector<std::string> more) const {
    more.insert(more.begin(), {"explain", "mnist-cnn", "--machine", work_ / "machine.json",
                               "--batch-size", "16", "--threads", "1", "--json"});
    const ProgramResult result = run_program(more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out);
  }
  static std::vector<std::string> kernels_of(const json& explanation) {
    std::vector<std::string> kernels;
    for (const json& op : explanation["ops"]) kernels.push_back(op["kernel"]);
    return kernels;
  }
  ProgramResult train(std::vector<std::string> more) const {
    more.insert(more.begin(), {"train", work_.model(), "--data", work_.samples(), "--labels",
                               work_.labels(), "--epochs", "1", "--quiet"});
    return run_program(more);
  }

  Workplace work_;
};

TEST_F(TuneProgram, PrintsEachCandidateAndWritesWhatTrainingReads) {
  const std::string choices = work_ / "choices.json";
  const ProgramResult result = run_program({"tune", "mnist-mlp", "--batch-size", "64", "--threads",
                                            "1", "--rounds", "1", "--refusals", "--out", choices});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("onednn.matmul"), HasSubstr("simd.matmul"), HasSubstr("selected"),
                    HasSubstr("textbook loops, not measured"), HasSubstr("choices: " + choices)));
  const json file = json::parse(contents_of(choices));
  EXPECT_EQ(file["format"], "pronghorn.choices");
  EXPECT_FALSE(file["choices"].empty());
  EXPECT_EQ(train({"--choices", choices}).exit_code, 0);
}

TEST_F(TuneProgram, PrintsJson) {
  const ProgramResult result = run_program(
      {"tune", "mnist-mlp", "--batch-size", "64", "--threads", "1", "--rounds", "1", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json document = json::parse(result.out);
  EXPECT_EQ(document["schema"], "pronghorn.tuning/1");
  EXPECT_GT(document["selected_seconds"], 0);
  ASSERT_FALSE(document["ops"].empty());
  for (const json& op : document["ops"]) {
    std::vector<std::string> kernels;
    for (const json& candidate : op["candidates"]) kernels.push_back(candidate["kernel"]);
    EXPECT_GE(kernels.size(), 2u);
    EXPECT_THAT(kernels, Contains(op["selected"].get<std::string>()));
    EXPECT_THAT(kernels, Contains(op["chosen"].get<std::string>()));
  }
}

TEST_F(TuneProgram, ExactRunsNoWinograd) {
  EXPECT_THAT(kernels_of(explained({})), Contains(HasSubstr("winograd")));
  const json exact = explained({"--exact"});
  EXPECT_THAT(kernels_of(exact), Not(Contains(HasSubstr("winograd"))));
  EXPECT_EQ(exact["kernels"], "auto, exact");
}

TEST_F(TuneProgram, SaysThePrecision) {
  EXPECT_EQ(explained({})["precision"], "float32");
  const ProgramResult unknown = train({"--precision", "float16"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.err, AllOf(HasSubstr("float16"), HasSubstr("mixed_bfloat16")));
}

TEST_F(TuneProgram, RefusesWhatIsNoFileOfChoices) {
  work_.write("broken.json", "{\"format\": \"pronghorn.machine\"}");
  const ProgramResult broken = train({"--choices", work_ / "broken.json"});
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_THAT(broken.err, AllOf(HasSubstr("broken.json"), HasSubstr("pronghorn tune")));
  EXPECT_EQ(train({"--choices", work_ / "missing.json"}).exit_code, 1);
}

TEST_F(TuneProgram, ChoicesOfAnotherMachineAreUsedWithANote) {
  work_.write("other.json",
              R"({"format": "pronghorn.choices", "version": 1, "cpu": "VAX", "choices": {}})");
  const ProgramResult result = train({"--choices", work_ / "other.json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("VAX"), HasSubstr("other.json")));
}

}  // namespace
}  // namespace pronghorn
