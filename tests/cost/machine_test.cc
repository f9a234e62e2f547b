#include "pronghorn/machine.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cost/calibration.h"
#include "cost/sample_machine.h"
#include "platform/cpu_info.h"
#include "platform/parallel.h"
#include "pronghorn/error.h"
#include "test_files.h"

namespace pronghorn {
namespace {

std::string message_of(const std::string& path) {
  try {
    load_machine(path);
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

class MachineFile : public ::testing::Test {
 protected:
  // The sample's file with one thing changed.
  std::string write(const std::string& from = "", const std::string& to = "") {
    std::string text = machine_to_json(test::sample_machine());
    if (!from.empty()) replace(text, from, to);
    const std::string path = directory_.path() + "/machine.json";
    std::ofstream(path) << text;
    return path;
  }

  pronghorn::testing::TemporaryDirectory directory_;
};

TEST_F(MachineFile, ComesBackAsItWas) {
  Machine machine = test::sample_machine();
  machine.teams[1].exchange = {{{1e9, 2e9}, {3e9, 4e9}}};
  const std::string path = directory_.path() + "/machine.json";
  save_machine(machine, path);
  EXPECT_EQ(machine_to_json(load_machine(path)), machine_to_json(machine));
}

TEST_F(MachineFile, OfAnotherVersionIsRefused) {
  const std::string message =
      message_of(write("\"version\": " + std::to_string(Machine::kVersion), "\"version\": 999"));
  EXPECT_NE(message.find("version 999"), std::string::npos) << message;
  EXPECT_NE(message.find("machine.json"), std::string::npos) << message;
}

TEST_F(MachineFile, ThatIsBrokenSaysWhatIsWrong) {
  EXPECT_NE(message_of(write("\"format\"", "\"Format\"")).find("format"), std::string::npos);
  EXPECT_NE(message_of(write("\"cpu\"", "\"xpu\"")).find("cpu"), std::string::npos);
  EXPECT_NE(message_of(write("\"from\": \"L1\"", "\"from\": \"L9\"")).find("L9"),
            std::string::npos);
  EXPECT_NE(message_of(write("\"threads\": 1", "\"threads\": 3")).find("teams"), std::string::npos);
  EXPECT_NE(
      message_of(write("\"clock_hertz\": 3000000000.0", "\"clock_hertz\": -1")).find("clock_hertz"),
      std::string::npos);
  EXPECT_NE(message_of(write("{", "[")).find("no machine's file"), std::string::npos);
  EXPECT_NE(message_of(directory_.path() + "/none.json"), "");
}

TEST(Machine, BetweenTwoTeamsIsInterpolated) {
  Machine machine = test::sample_machine();
  machine.teams[1].threads = 3;
  machine.teams[1].peak_flops = 300e9;
  EXPECT_DOUBLE_EQ(machine.team(2).peak_flops, 200e9);
  EXPECT_EQ(machine.team(2).threads, 2);
}

TEST(Machine, BeyondItsCpusMoreThreadsGiveNothing) {
  const Machine machine = test::sample_machine();
  EXPECT_DOUBLE_EQ(machine.team(64).peak_flops, machine.team(2).peak_flops);
}

// The cache directory is this test's own, and holds a file of this machine: nothing is measured.
class ThisMachine : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("XDG_CACHE_HOME", directory_.path().c_str(), 1);
    std::filesystem::create_directories(directory_.path() + "/pronghorn");
  }
  void TearDown() override { unsetenv("XDG_CACHE_HOME"); }

  pronghorn::testing::TemporaryDirectory directory_;
};

TEST_F(ThisMachine, IsTakenFromTheCacheDirectory) {
  EXPECT_EQ(machine_cache_path(), directory_.path() + "/pronghorn/machine.json");
  Machine machine = test::sample_machine();
  machine.cpu = cpu_info().name;
  machine.cpus = available_cpus();
  machine.kernel_set = cost::kernel_set();
  save_machine(machine, machine_cache_path());
  std::string note = "something";
  Machine found = this_machine(&note);
  ASSERT_EQ(found.teams.size(), machine.teams.size());
  // Measured each time.
  for (size_t i = 0; i < machine.teams.size(); ++i) {
    found.teams[i].peak_flops = machine.teams[i].peak_flops;
    found.teams[i].region_seconds = machine.teams[i].region_seconds;
    found.teams[i].wake_seconds = machine.teams[i].wake_seconds;
    found.teams[i].exchange = machine.teams[i].exchange;
  }
  EXPECT_EQ(machine_to_json(found), machine_to_json(machine));
  EXPECT_EQ(note, "");
}

}  // namespace
}  // namespace pronghorn
