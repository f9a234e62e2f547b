#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pronghorn {

// Counts what the CPU and the operating system note of this process: cycles, instructions, cache
// misses, page faults, context switches, over all threads that it has when this is made. Events
// that can't be counted here (a virtual machine without counters, a kernel that forbids it, another
// operating system) are left out; there may be none at all.
class HardwareCounters {
 public:
  HardwareCounters();
  ~HardwareCounters();
  HardwareCounters(const HardwareCounters&) = delete;
  HardwareCounters& operator=(const HardwareCounters&) = delete;

  const std::vector<std::string>& names() const { return names_; }
  // The counts since this was made, one per name. Where the CPU has fewer counters than there are
  // events, they took turns and the counts are scaled up. A system call per thread and group of
  // events; allocates nothing.
  void read(std::span<double> counts) const;

 private:
  // Events that are read together, of one thread. The first descriptor is the group's.
  struct Group {
    std::vector<int> descriptors;
    size_t first;  // place of its first event among the names
  };

  std::vector<std::string> names_;
  std::vector<Group> groups_;
};

}  // namespace pronghorn
