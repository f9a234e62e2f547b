#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "platform/hardware_counters.h"

namespace pronghorn {
namespace {

struct Event {
  const char* name;
  uint64_t config;
  // Of what the program itself does, all that a kernel lets an unprivileged user count as it comes.
  // A context switch happens in the kernel by its nature.
  bool user_only;
};

// Groups are counted together or not at all, so hardware counters that are short leave the other
// group alone.
struct EventGroup {
  uint32_t type;
  std::vector<Event> events;
};

std::vector<EventGroup> wanted() {
  return {{PERF_TYPE_HARDWARE,
           {{"cycles", PERF_COUNT_HW_CPU_CYCLES, true},
            {"instructions", PERF_COUNT_HW_INSTRUCTIONS, true},
            {"cache misses", PERF_COUNT_HW_CACHE_MISSES, true}}},
          {PERF_TYPE_SOFTWARE,
           {{"page faults", PERF_COUNT_SW_PAGE_FAULTS, true},
            {"context switches", PERF_COUNT_SW_CONTEXT_SWITCHES, false}}}};
}

constexpr size_t kMostInGroup = 4;

int open_event(uint32_t type, const Event& event, int thread, int leader) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = type;
  attributes.config = event.config;
  attributes.exclude_kernel = event.user_only;
  attributes.exclude_hv = event.user_only;
  attributes.read_format =
      PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  constexpr int kAnyCpu = -1;
  return static_cast<int>(syscall(SYS_perf_event_open, &attributes, thread, kAnyCpu, leader,
                                  static_cast<unsigned long>(PERF_FLAG_FD_CLOEXEC)));
}

// Those of this process, the calling one first.
std::vector<int> threads() {
  std::vector<int> threads = {static_cast<int>(syscall(SYS_gettid))};
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
    const std::string name = entry.path().filename();
    int thread = 0;
    const auto end = name.data() + name.size();
    if (std::from_chars(name.data(), end, thread).ptr == end && thread != threads.front())
      threads.push_back(thread);
  }
  return threads;
}

void close_all(const std::vector<int>& descriptors) {
  for (const int descriptor : descriptors) close(descriptor);
}

}  // namespace

HardwareCounters::HardwareCounters() {
  const std::vector<int> all_threads = threads();
  for (const auto& [type, events] : wanted()) {
    // What the calling thread may count decides.
    std::vector<Event> possible;
    Group own{{}, names_.size()};
    for (const Event& event : events) {
      const int leader = own.descriptors.empty() ? -1 : own.descriptors.front();
      const int descriptor = open_event(type, event, all_threads.front(), leader);
      if (descriptor < 0) continue;
      own.descriptors.push_back(descriptor);
      possible.push_back(event);
      names_.emplace_back(event.name);
    }
    if (possible.empty()) continue;
    groups_.push_back(own);
    for (size_t i = 1; i < all_threads.size(); ++i) {
      Group group{{}, own.first};
      for (const Event& event : possible) {
        const int leader = group.descriptors.empty() ? -1 : group.descriptors.front();
        const int descriptor = open_event(type, event, all_threads[i], leader);
        if (descriptor < 0) break;  // the thread has ended, or there are too many open files
        group.descriptors.push_back(descriptor);
      }
      if (group.descriptors.size() == possible.size())
        groups_.push_back(std::move(group));
      else
        close_all(group.descriptors);
    }
  }
}

HardwareCounters::~HardwareCounters() {
  for (const Group& group : groups_) close_all(group.descriptors);
}

void HardwareCounters::read(std::span<double> counts) const {
  std::fill(counts.begin(), counts.end(), 0.0);
  for (const Group& group : groups_) {
    // perf_event_open(2), PERF_FORMAT_GROUP.
    struct {
      uint64_t events, enabled, running;
      std::array<uint64_t, kMostInGroup> values;
    } result{};
    if (::read(group.descriptors.front(), &result, sizeof result) < 0 || result.running == 0)
      continue;
    const double scale = static_cast<double>(result.enabled) / static_cast<double>(result.running);
    for (size_t i = 0; i < group.descriptors.size(); ++i)
      counts[group.first + i] += static_cast<double>(result.values[i]) * scale;
  }
}

}  // namespace pronghorn
