#include "cost/sample_machine.h"

namespace pronghorn::test {

Machine sample_machine(double rate) {
  Machine machine;
  machine.cpu = "a CPU of round numbers";
  machine.cpus = 2;
  machine.cache_bytes = {32 << 10, 1 << 20, 16 << 20};
  machine.usable_l3_bytes = 16 << 20;
  machine.instruction_set = "AVX2";
  machine.peaks = {{"SSE4", 50e9}, {"AVX2", 100e9}};
  for (int threads : {1, 2}) {
    Machine::Team team;
    team.threads = threads;
    team.clock_hertz = 3e9;
    team.peak_flops = 100e9 * threads;
    if (threads > 1) {
      team.region_seconds = 1e-6;
      team.wake_seconds = 10e-6;
    }
    // DRAM is one for all.
    const double bandwidth[] = {200e9 * threads, 100e9 * threads, 50e9 * threads, 10e9};
    for (size_t level = 0; level < kMemoryLevels; ++level)
      team.bandwidth[level] = {bandwidth[level], bandwidth[level], bandwidth[level]};
    machine.teams.push_back(team);
  }
  machine.unblocked_multiply_accumulates = 5e9;
  machine.samples.push_back({"no kernel", {0}, MemoryLevel::kL1, rate, 1});
  return machine;
}

}  // namespace pronghorn::test
