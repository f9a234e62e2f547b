// Chrome's trace event format: a JSON object with "traceEvents", times in microseconds
// (https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU). Perfetto's
// page reads it.

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "pronghorn/report.h"
#include "report/documents.h"

namespace pronghorn::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kProcess = 1;
// The track of the steps stands above those of the threads.
constexpr int kStepsTrack = 0;
int track(int thread) { return thread + 1; }

Json named(const char* what, int thread, const std::string& name) {
  return {
      {"name", what}, {"ph", "M"}, {"pid", kProcess}, {"tid", thread}, {"args", {{"name", name}}}};
}

Json stretch(const std::string& name, const char* category, int thread, double begin, double end) {
  return {{"name", name},
          {"cat", category},
          {"ph", "X"},
          {"pid", kProcess},
          {"tid", thread},
          {"ts", begin * 1e6},
          {"dur", std::max(end - begin, 0.0) * 1e6}};
}

Json to_json(const TraceEvent& event, const StepProfile& profile) {
  static const OpTime kUnknown;
  const OpTime& op = event.op < profile.ops.size() ? profile.ops[event.op] : kUnknown;
  const std::string name = op.layer.empty() ? op.kind : op.layer + ": " + op.kind;
  // Perfetto gives each category and name a colour: the phase is what one looks for.
  Json json = stretch(name, op.phase.c_str(), track(event.thread), event.begin, event.end);
  json["args"] = {{"kind", op.kind},     {"layer", op.layer}, {"phase", op.phase},
                  {"kernel", op.kernel}, {"op", event.op},    {"step", event.step}};
  return json;
}

}  // namespace

std::string trace(const StepProfile& profile, const std::string& model) {
  Json events = Json::array();
  events.push_back(named("process_name", kStepsTrack,
                         model + ", batch size " + std::to_string(profile.batch_size)));
  events.push_back(named("thread_name", kStepsTrack, "steps"));

  std::set<int> threads;
  std::map<int64_t, std::pair<double, double>> steps;
  for (const TraceEvent& event : profile.trace) {
    threads.insert(event.thread);
    const auto [step, first] = steps.try_emplace(event.step, event.begin, event.end);
    if (first) continue;
    step->second.first = std::min(step->second.first, event.begin);
    step->second.second = std::max(step->second.second, event.end);
  }
  for (const int thread : threads) {
    events.push_back(
        named("thread_name", track(thread),
              thread == 0 ? "thread 0 (runs the step)" : "thread " + std::to_string(thread)));
    Json order = named("thread_sort_index", track(thread), "");
    order["args"] = {{"sort_index", track(thread)}};
    events.push_back(order);
  }
  for (const auto& [step, times] : steps) {
    Json json =
        stretch("step " + std::to_string(step), "step", kStepsTrack, times.first, times.second);
    json["args"] = {{"step", step}};
    events.push_back(json);
  }
  for (const TraceEvent& event : profile.trace) events.push_back(to_json(event, profile));

  const Json document = {{"displayTimeUnit", "ms"},
                         {"traceEvents", events},
                         {"otherData", {{"model", model}, {"threads", profile.threads}}}};
  return to_text(document, -1) + '\n';
}

}  // namespace pronghorn::report
