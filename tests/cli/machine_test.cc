// The command machine, with a file's numbers: no test measures this machine.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "cli/program.h"
#include "pronghorn/machine.h"
#include "report/sample.h"

namespace pronghorn {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class MachineProgram : public testing::Test {
 protected:
  // Where the program would keep this machine's numbers: where a test fails, too, the user's own
  // stay as they are.
  MachineProgram() {
    ::setenv("XDG_CACHE_HOME", (work_ / "cache").c_str(), /*overwrite=*/1);
    save_machine(report::sample_machine(), machine());
  }
  ~MachineProgram() override {
    EXPECT_FALSE(std::filesystem::exists(work_ / "cache")) << "the machine was measured";
  }
  std::string machine() const { return work_ / "machine.json"; }

  Workplace work_;
};

TEST_F(MachineProgram, ShowsAFilesNumbers) {
  const ProgramResult result = run_program({"machine", "--machine", machine()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, AllOf(HasSubstr("A CPU of the tests"), HasSubstr("AVX-512"),
                                HasSubstr("multiply-"), HasSubstr("flops/s")));
}

TEST_F(MachineProgram, WritesAndPrintsTheFile) {
  const ProgramResult result =
      run_program({"machine", "--machine", machine(), "--out", work_ / "copy.json", "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, contents_of(machine()));
  EXPECT_EQ(contents_of(work_ / "copy.json"), contents_of(machine()));
}

TEST_F(MachineProgram, RefusesAFileThatIsNone) {
  work_.write("broken.json", "{\"format\": \"pronghorn.machine\", \"version\": 99}");
  const ProgramResult result = run_program({"machine", "--machine", work_ / "broken.json"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(HasSubstr("broken.json"), HasSubstr("version 99")));
}

TEST_F(MachineProgram, APathThatCanNotBeWrittenIsRefusedBeforeAnythingIsMeasured) {
  const ProgramResult result = run_program({"machine", "--fresh", "--out", work_ / "missing/file"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("missing/file"));
}

TEST_F(MachineProgram, AFileIsNotMeasuredAnew) {
  EXPECT_EQ(run_program({"machine", "--machine", machine(), "--fresh"}).exit_code, 2);
}

}  // namespace
}  // namespace pronghorn
