// The names and sums of explain.h that need no machine.

#include <algorithm>
#include <array>

#include "graph/op.h"
#include "pronghorn/explain.h"
#include "pronghorn/machine.h"

namespace pronghorn {

const char* to_string(MemoryLevel level) {
  constexpr std::array<const char*, kMemoryLevels> kNames = {"L1", "L2", "L3", "DRAM"};
  return kNames[static_cast<size_t>(level)];
}

const char* to_string(Bound bound) {
  switch (bound) {
    case Bound::kArithmetic:
      return "arithmetic";
    case Bound::kL1:
      return "L1";
    case Bound::kL2:
      return "L2";
    case Bound::kL3:
      return "L3";
    case Bound::kDram:
      return "DRAM";
    case Bound::kOverhead:
      return "overhead";
  }
  return "";
}

const char* phase_name(int phase) { return graph::to_string(static_cast<graph::Phase>(phase)); }

Work& Work::operator+=(const Work& other) {
  multiply_accumulates += other.multiply_accumulates;
  other_flops += other.other_flops;
  bytes_read += other.bytes_read;
  bytes_written += other.bytes_written;
  executed_multiply_accumulates += other.executed_multiply_accumulates;
  executed_other_flops += other.executed_other_flops;
  return *this;
}

double Explanation::share_of_peak(const Work& work, double seconds) const {
  const double peak = machine.team(threads).peak_flops;
  return peak > 0 && seconds > 0 ? static_cast<double>(work.flops()) / seconds / peak : 0;
}

}  // namespace pronghorn
