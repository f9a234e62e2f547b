// Machine's numbers, kept in a file.

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cost/calibration.h"
#include "platform/cpu_info.h"
#include "platform/parallel.h"
#include "pronghorn/error.h"
#include "pronghorn/machine.h"

namespace pronghorn {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "pronghorn.machine";

Json to_json(const Machine::Bandwidth& bandwidth) {
  return {{"read", bandwidth.read}, {"write", bandwidth.write}, {"copy", bandwidth.copy}};
}

// Numbers in a machine's file are rates and times: whatever is not positive is none.
double positive(const Json& json, const char* key) {
  const double number = json.at(key).get<double>();
  if (!std::isfinite(number) || number < 0)
    throw FileError(fmt::format("\"{}\" is {}; it must be a number, at least 0", key, number));
  return number;
}

Machine::Bandwidth bandwidth_from(const Json& json) {
  return {positive(json, "read"), positive(json, "write"), positive(json, "copy")};
}

Machine::Team team_from(const Json& json) {
  Machine::Team team;
  team.threads = json.at("threads").get<int>();
  team.clock_hertz = positive(json, "clock_hertz");
  team.peak_flops = positive(json, "peak_flops");
  team.region_seconds = positive(json, "region_seconds");
  team.wake_seconds = positive(json, "wake_seconds");
  for (int level = 0; level < kMemoryLevels; ++level)
    team.bandwidth[static_cast<size_t>(level)] =
        bandwidth_from(json.at("bandwidth").at(to_string(static_cast<MemoryLevel>(level))));
  for (const int level : {1, 2}) {
    const Json& exchange = json.at("exchange").at(to_string(static_cast<MemoryLevel>(level)));
    team.exchange[static_cast<size_t>(level - 1)] = {positive(exchange, "read"),
                                                     positive(exchange, "write")};
  }
  return team;
}

MemoryLevel level_from(const std::string& name) {
  for (int level = 0; level < kMemoryLevels; ++level)
    if (name == to_string(static_cast<MemoryLevel>(level))) return static_cast<MemoryLevel>(level);
  throw FileError(fmt::format("'{}' is no level of memory; use L1, L2, L3 or DRAM", name));
}

Machine::KernelSample sample_from(const Json& json) {
  Machine::KernelSample sample;
  sample.kernel = json.at("kernel").get<std::string>();
  sample.features = json.at("features").get<std::vector<double>>();
  sample.from = level_from(json.at("from").get<std::string>());
  sample.work = positive(json, "work");
  sample.seconds = positive(json, "seconds");
  if (sample.work <= 0 || sample.seconds <= 0)
    throw FileError(fmt::format("a sample of '{}' took no time or did no work", sample.kernel));
  return sample;
}

Machine machine_from(const Json& json) {
  if (!json.is_object() || json.value("format", "") != kFormat)
    throw FileError(fmt::format("it has no \"format\": \"{}\"", kFormat));
  const int version = json.at("version").get<int>();
  if (version != Machine::kVersion) {
    throw FileError(fmt::format("it is of version {}, this program reads version {}", version,
                                Machine::kVersion));
  }
  Machine machine;
  machine.cpu = json.at("cpu").get<std::string>();
  machine.cpus = json.at("cpus").get<int>();
  machine.cache_bytes = json.at("cache_bytes").get<std::array<int64_t, 3>>();
  machine.usable_l3_bytes = json.at("usable_l3_bytes").get<int64_t>();
  machine.instruction_set = json.at("instruction_set").get<std::string>();
  for (const Json& peak : json.at("peaks"))
    machine.peaks.push_back(
        {peak.at("instruction_set").get<std::string>(), positive(peak, "flops")});
  for (const Json& team : json.at("teams")) {
    machine.teams.push_back(team_from(team));
    const size_t count = machine.teams.size();
    const int before = count > 1 ? machine.teams[count - 2].threads : 0;
    if (machine.teams.back().threads <= before || (count == 1 && machine.teams[0].threads != 1))
      throw FileError("\"teams\" must begin with one thread and rise");
    if (machine.teams.back().peak_flops <= 0) throw FileError("a team's \"peak_flops\" is 0");
  }
  if (machine.teams.empty()) throw FileError("\"teams\" is empty");
  machine.unblocked_multiply_accumulates = positive(json, "unblocked_multiply_accumulates");
  machine.kernel_set = json.at("kernel_set").get<std::string>();
  size_t number = 0;
  for (const Json& sample : json.at("samples")) {
    machine.samples.push_back(sample_from(sample));
    const auto same = std::find_if(
        machine.samples.begin(), machine.samples.end(),
        [&](const auto& other) { return other.kernel == machine.samples.back().kernel; });
    if (same->features.size() != machine.samples.back().features.size())
      throw FileError(fmt::format("sample {} of '{}' has {} features, an earlier one {}", number,
                                  same->kernel, machine.samples.back().features.size(),
                                  same->features.size()));
    ++number;
  }
  return machine;
}

}  // namespace

std::string machine_to_json(const Machine& machine) {
  Json json;
  json["format"] = kFormat;
  json["version"] = Machine::kVersion;
  json["cpu"] = machine.cpu;
  json["cpus"] = machine.cpus;
  json["cache_bytes"] = machine.cache_bytes;
  json["usable_l3_bytes"] = machine.usable_l3_bytes;
  json["instruction_set"] = machine.instruction_set;
  json["peaks"] = Json::array();
  for (const Machine::Peak& peak : machine.peaks)
    json["peaks"].push_back({{"instruction_set", peak.instruction_set}, {"flops", peak.flops}});
  json["teams"] = Json::array();
  for (const Machine::Team& team : machine.teams) {
    Json bandwidth;
    for (int level = 0; level < kMemoryLevels; ++level)
      bandwidth[to_string(static_cast<MemoryLevel>(level))] =
          to_json(team.bandwidth[static_cast<size_t>(level)]);
    Json exchange;
    for (const int level : {1, 2}) {
      const Machine::Team::Exchange& rates = team.exchange[static_cast<size_t>(level - 1)];
      exchange[to_string(static_cast<MemoryLevel>(level))] = {{"read", rates.read},
                                                              {"write", rates.write}};
    }
    json["teams"].push_back({{"threads", team.threads},
                             {"clock_hertz", team.clock_hertz},
                             {"peak_flops", team.peak_flops},
                             {"region_seconds", team.region_seconds},
                             {"wake_seconds", team.wake_seconds},
                             {"bandwidth", bandwidth},
                             {"exchange", exchange}});
  }
  json["unblocked_multiply_accumulates"] = machine.unblocked_multiply_accumulates;
  json["kernel_set"] = machine.kernel_set;
  json["samples"] = Json::array();
  for (const Machine::KernelSample& sample : machine.samples)
    json["samples"].push_back({{"kernel", sample.kernel},
                               {"features", sample.features},
                               {"from", to_string(sample.from)},
                               {"work", sample.work},
                               {"seconds", sample.seconds}});
  return json.dump(1) + '\n';
}

Machine load_machine(const std::string& path) {
  constexpr uint64_t kMostBytes = 64 << 20;
  const std::string text = read_file(path, kMostBytes);
  try {
    return machine_from(Json::parse(text));
  } catch (const FileError& error) {
    throw FileError(
        fmt::format("'{}': no machine's file: {}; 'pronghorn machine --out FILE' "
                    "writes one",
                    path, error.what()));
  } catch (const nlohmann::json::exception& error) {
    throw FileError(
        fmt::format("'{}': no machine's file: {}; 'pronghorn machine --out FILE' "
                    "writes one",
                    path, error.what()));
  }
}

void save_machine(const Machine& machine, const std::string& path) {
  write_file_atomically(path, machine_to_json(machine));
}

std::string machine_cache_path() {
  const auto environment = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty())
    return cache + "/pronghorn/machine.json";
  if (const std::string home = environment("HOME"); !home.empty())
    return home + "/.cache/pronghorn/machine.json";
  return "";
}

Machine this_machine(std::string* note, bool fresh) {
  std::string why = "measured anew, as asked";
  const std::string path = machine_cache_path();
  if (!fresh) {
    why = "this machine has not been measured before";
    std::error_code ignored;
    if (!path.empty() && std::filesystem::exists(path, ignored)) {
      try {
        Machine machine = load_machine(path);
        if (machine.cpu != cpu_info().name || machine.cpus != available_cpus()) {
          why = fmt::format("'{}' is of another machine ({}, {} CPUs)", path, machine.cpu,
                            machine.cpus);
        } else if (machine.kernel_set != cost::kernel_set()) {
          why = fmt::format("'{}' was measured with the kernels of another version", path);
        } else {
          if (note != nullptr) note->clear();
          measure_placement(machine);
          return machine;
        }
      } catch (const Error& error) {
        why = error.what();
      }
    }
  }
  Machine machine = measure_machine();
  if (path.empty()) {
    why += "; not kept, since neither XDG_CACHE_HOME nor HOME is set";
  } else {
    try {
      std::filesystem::create_directories(std::filesystem::path(path).parent_path());
      save_machine(machine, path);
      why += fmt::format("; kept in '{}'", path);
    } catch (const std::exception& error) {
      why += fmt::format("; not kept: {}", error.what());
    }
  }
  if (note != nullptr) *note = why;
  return machine;
}

}  // namespace pronghorn
