#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "pronghorn/report.h"
#include "report/sample.h"

namespace pronghorn::report {
namespace {

using nlohmann::json;

TEST(Trace, HasEachStretchOfWorkOnItsThread) {
  const StepProfile profile = *sample_cnn().profile;
  const json document = json::parse(trace(profile, "mnist-cnn"));
  std::map<std::string, size_t> stretches;
  double first_step_end = 0, last_op_end = 0;
  for (const json& event : document["traceEvents"]) {
    EXPECT_EQ(event["pid"], 1);
    if (event["ph"] != "X") continue;
    ++stretches[event["cat"]];
    EXPECT_GE(event["dur"].get<double>(), 0);
    const double end = event["ts"].get<double>() + event["dur"].get<double>();
    if (event["cat"] == "step") {
      EXPECT_EQ(event["tid"], 0);
      if (event["name"] == "step 0") first_step_end = end;
      continue;
    }
    EXPECT_GE(event["tid"], 1);
    EXPECT_LE(event["tid"], profile.threads);
    for (const char* key : {"kind", "layer", "phase", "kernel"})
      EXPECT_TRUE(event["args"].contains(key)) << key;
    if (event["args"]["step"] == 0) last_op_end = std::max(last_op_end, end);
  }
  EXPECT_EQ(stretches["step"], 2u);
  // Microseconds, in which events may differ by their rounding.
  EXPECT_NEAR(first_step_end, last_op_end, 1e-6);
  size_t work = 0;
  for (const auto& [category, number] : stretches)
    if (category != "step") work += number;
  EXPECT_EQ(work, profile.trace.size());
}

TEST(Trace, TimesAreMicroseconds) {
  StepProfile profile;
  profile.ops = {{"matmul", "dense", "forward", "simd.matmul", {}}};
  profile.trace = {{0, 7, 1, 0.25, 0.5}};
  const json document = json::parse(trace(profile, "m"));
  const json& event = document["traceEvents"].back();
  EXPECT_EQ(event["name"], "dense: matmul");
  EXPECT_EQ(event["ts"], 250000);
  EXPECT_EQ(event["dur"], 250000);
  EXPECT_EQ(event["tid"], 2);
  EXPECT_EQ(event["args"]["step"], 7);
}

TEST(Trace, ThreadsAndStepsAreNamed) {
  const json document = json::parse(trace(*sample_cnn().profile, "mnist-cnn"));
  std::map<int, std::string> names;
  for (const json& event : document["traceEvents"])
    if (event["ph"] == "M" && event["name"] == "thread_name")
      names[event["tid"].get<int>()] = event["args"]["name"];
  EXPECT_EQ(names, (std::map<int, std::string>{
                       {0, "steps"}, {1, "thread 0 (runs the step)"}, {2, "thread 1"}}));
}

TEST(Trace, NamesMayBeAnythingAndNothingIsATraceToo) {
  StepProfile profile;
  profile.ops = {{"matmul", "\xff\"", "forward", "simd.matmul", {}}};
  profile.trace = {{0, 0, 0, 0, 1}, {99, 0, 0, 1, 2}};  // an op that there is not
  EXPECT_TRUE(json::accept(trace(profile, "\xfe")));
  EXPECT_TRUE(json::accept(trace(StepProfile{}, "")));
}

}  // namespace
}  // namespace pronghorn::report
