// Machine's numbers, measured.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <optional>

#include "cost/calibration.h"
#include "cost/probes.h"
#include "platform/aligned_buffer.h"
#include "platform/cpu_info.h"
#include "platform/parallel.h"
#include "pronghorn/machine.h"

namespace pronghorn {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The greatest rate of several tries, work per second: what else runs on the machine can only make
// a try slower. `work` does something and returns how much that was.
double best_rate(int tries, const std::function<double()>& work) {
  double best = 0;
  for (int i = 0; i < tries; ++i) {
    const auto begin = Clock::now();
    const double done = work();
    best = std::max(best, done / seconds_since(begin));
  }
  return best;
}

// Numbers of threads to measure: 1, 2, 4, ... and all.
std::vector<int> team_sizes(int cpus) {
  std::vector<int> sizes;
  for (int threads = 1; threads < cpus; threads *= 2) sizes.push_back(threads);
  sizes.push_back(cpus);
  return sizes;
}

double peak_flops(const Parallel& parallel, const cost::Probes& probes) {
  constexpr int64_t kIterations = 200'000;
  return best_rate(5, [&] {
    std::vector<int64_t> done(static_cast<size_t>(parallel.threads()));
    parallel.for_each(parallel.threads(), [&](int64_t task, int) {
      done[static_cast<size_t>(task)] = probes.multiply_accumulate(kIterations);
    });
    double sum = 0;
    for (const int64_t count : done) sum += static_cast<double>(count);
    return 2 * sum;
  });
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// What a parallel loop costs beyond its work, when the thread that starts it has worked alone for
// some time before: the time of a loop whose threads have equal work, less that of one share.
double region_seconds(const Parallel& parallel, const cost::Probes& probes, int64_t alone) {
  constexpr int64_t kShare = 400;  // iterations, some 2 us
  std::vector<double> shares, loops;
  for (int i = 0; i < 51; ++i) {
    probes.multiply_accumulate(alone);
    auto begin = Clock::now();
    probes.multiply_accumulate(kShare);
    shares.push_back(seconds_since(begin));
    probes.multiply_accumulate(alone);
    begin = Clock::now();
    parallel.for_each(parallel.threads(),
                      [&](int64_t, int) { probes.multiply_accumulate(kShare); });
    loops.push_back(seconds_since(begin));
  }
  return std::max(0.0, median(loops) - median(shares));
}

// The most memory that is read faster than half way (in ratios) from DRAM's to L3's bandwidth.
int64_t usable_l3(int64_t nominal, double l3_read, double dram_read, const cost::Probes& probes) {
  if (nominal == 0) return 0;
  const AlignedBuffer buffer(static_cast<size_t>(nominal));
  const double half_way = std::sqrt(l3_read * dram_read);
  int64_t usable = nominal / 8;
  for (int eighths = 2; eighths <= 8; ++eighths) {
    const int64_t bytes = nominal / 8 * eighths;
    std::vector<double> rates;
    for (int i = 0; i < 5; ++i) {
      const auto begin = Clock::now();
      volatile float kept = probes.read(buffer.floats(), bytes / 4);
      static_cast<void>(kept);
      rates.push_back(static_cast<double>(bytes) / seconds_since(begin));
    }
    if (median(std::move(rates)) < half_way) break;
    usable = bytes;
  }
  return usable;
}

// How much memory to walk over so that it comes from a level. DRAM: more than any cache holds.
int64_t bytes_in_level(const Machine& machine, int level, int threads) {
  const int64_t shared = std::max<int64_t>(machine.cache_bytes[2], 4 << 20);
  switch (level) {
    case 0:
      return machine.cache_bytes[0] / 2;
    case 1:
      return machine.cache_bytes[1] / 2;
    case 2:  // one for all cores; more than all their L2 together, which may be no part of it
      return std::max(shared / 3 / threads, 2 * machine.cache_bytes[1]);
    default:
      return std::max<int64_t>(4 * shared, 64 << 20) / threads;
  }
}

Machine::Bandwidth bandwidth(const Parallel& parallel, const cost::Probes& probes, int64_t bytes) {
  const int threads = parallel.threads();
  // Half for a copy's source, half for its destination.
  const int64_t half = std::max<int64_t>(1024, bytes / 2 / 64 * 16);  // floats
  std::vector<AlignedBuffer> buffers;
  for (int thread = 0; thread < threads; ++thread)
    buffers.emplace_back(static_cast<size_t>(2 * half) * sizeof(float));
  // Some 1 MB a try in the near caches and one pass in the far ones.
  const int64_t passes = std::max<int64_t>(1, (4 << 20) / (2 * half * 4));
  const double moved = static_cast<double>(2 * half * 4 * passes * threads);
  const auto rate = [&](const std::function<void(float*)>& walk) {
    return best_rate(4, [&] {
      parallel.for_each(threads, [&](int64_t task, int) {
        float* const data = buffers[static_cast<size_t>(task)].floats();
        for (int64_t pass = 0; pass < passes; ++pass) walk(data);
      });
      return moved;
    });
  };
  return {rate([&](float* data) {
            volatile float kept = probes.read(data, 2 * half);
            static_cast<void>(kept);
          }),
          rate([&](float* data) { probes.write(data, 2 * half, 1.0f); }),
          rate([&](float* data) { probes.copy(data, data + half, half); })};
}

// All threads write, read what the next one wrote, and write over what was read.
Machine::Team::Exchange exchange(const Parallel& parallel, const cost::Probes& probes,
                                 int64_t bytes) {
  const int threads = parallel.threads();
  const int64_t floats = bytes / 256 * 64;
  std::vector<AlignedBuffer> buffers;
  for (int thread = 0; thread < threads; ++thread)
    buffers.emplace_back(static_cast<size_t>(floats) * sizeof(float));
  const auto write = [&](int64_t task) {
    probes.write(buffers[static_cast<size_t>(task)].floats(), floats, 1.0f);
  };
  const auto read_next = [&](int64_t task) {
    volatile float kept =
        probes.read(buffers[static_cast<size_t>((task + 1) % threads)].floats(), floats);
    static_cast<void>(kept);
  };
  // Adds the seconds of a walk, unless a thread came late and another one took its share.
  const auto time = [&](const auto& walk, std::vector<double>& times) {
    std::vector<int> by(static_cast<size_t>(threads));
    const auto begin = Clock::now();
    parallel.for_each(threads, [&](int64_t task, int thread) {
      walk(task);
      by[static_cast<size_t>(task)] = thread;
    });
    const double seconds = seconds_since(begin);
    for (int thread = 0; thread < threads; ++thread)
      if (by[static_cast<size_t>(thread)] != thread) return;
    times.push_back(seconds);
  };
  constexpr size_t kTries = 21;
  std::vector<double> first_writes, reads, writes;
  for (size_t i = 0; i < 10 * kTries && writes.size() < kTries; ++i) {
    time(write, first_writes);
    time(read_next, reads);
    time(write, writes);
  }
  // Threads that never run together exchange nothing.
  if (reads.empty() || writes.empty()) return {};
  const double moved = static_cast<double>(floats) * sizeof(float) * threads;
  return {moved / median(std::move(reads)), moved / median(std::move(writes))};
}

void measure_exchange(const Parallel& parallel, const cost::Probes& probes, const Machine& machine,
                      Machine::Team& team) {
  // The smallest of a few tries: what else runs on the machine can only make a loop slower.
  const auto smallest = [&](int64_t alone) {
    double seconds = HUGE_VAL;
    for (int i = 0; i < 4; ++i)
      seconds = std::min(seconds, region_seconds(parallel, probes, alone));
    return seconds;
  };
  team.region_seconds = smallest(400);
  team.wake_seconds = smallest(40'000);  // 200 us: they sleep
  const int64_t l2 = machine.cache_bytes[1];
  const int64_t l3 = std::max(machine.cache_bytes[2] / 3 / parallel.threads(), 2 * l2);
  team.exchange = {exchange(parallel, probes, l2 / 2),
                   exchange(parallel, probes, std::min(4 * l2, l3))};
}

double unblocked_rate(const cost::Probes& probes) {
  constexpr int64_t kM = 8, kN = 512, kK = 512;
  const AlignedBuffer a(kM * kK * sizeof(float)), b(kK * kN * sizeof(float)),
      dst(kM * kN * sizeof(float));
  return best_rate(5, [&] {
    probes.product(a.floats(), b.floats(), dst.floats(), kM, kN, kK);
    return static_cast<double>(kM * kN * kK);
  });
}

}  // namespace

Machine measure_machine() {
  Machine machine;
  const CpuInfo info = cpu_info();
  machine.cpu = info.name;
  machine.cpus = available_cpus();
  machine.cache_bytes = info.cache_bytes;
  const std::vector<std::string> sets = cost::instruction_sets();
  machine.instruction_set = sets.back();
  const cost::Probes best = cost::probes(sets.size() - 1);

  const Parallel one(1);
  for (size_t i = 0; i < sets.size(); ++i)
    machine.peaks.push_back({sets[i], peak_flops(one, cost::probes(i))});
  for (const int threads : team_sizes(machine.cpus)) {
    const Parallel parallel(threads);
    Machine::Team team;
    team.threads = threads;
    team.peak_flops = peak_flops(parallel, best);
    // The first thread's clock, while the others compute.
    parallel.for_each(threads, [&](int64_t task, int) {
      if (task == 0)
        team.clock_hertz = cost::measure_clock();
      else
        best.multiply_accumulate(200'000);
    });
    if (threads > 1) measure_exchange(parallel, best, machine, team);
    for (int level = 0; level < kMemoryLevels; ++level)
      team.bandwidth[static_cast<size_t>(level)] =
          bandwidth(parallel, best, bytes_in_level(machine, level, threads));
    machine.teams.push_back(team);
  }
  machine.usable_l3_bytes = usable_l3(machine.cache_bytes[2], machine.teams[0].bandwidth[2].read,
                                      machine.teams[0].bandwidth[3].read, best);
  machine.unblocked_multiply_accumulates = unblocked_rate(best);
  machine.kernel_set = cost::kernel_set();
  machine.samples = cost::measure_kernels();
  return machine;
}

void measure_placement(Machine& machine) {
  const cost::Probes probes = cost::probes(cost::instruction_sets().size() - 1);
  for (Machine::Team& team : machine.teams)
    if (team.threads > 1) {
      const Parallel parallel(team.threads);
      // CPUs that were idle are slow to come back.
      parallel.for_each(team.threads, [&](int64_t, int) { probes.multiply_accumulate(5'000'000); });
      team.peak_flops = peak_flops(parallel, probes);
      measure_exchange(parallel, probes, machine, team);
    }
}

Machine::Team Machine::team(int threads) const {
  if (teams.empty()) return {.threads = threads};
  const int known = std::clamp(threads, teams.front().threads, teams.back().threads);
  const auto above = std::find_if(teams.begin(), teams.end(),
                                  [&](const Team& team) { return team.threads >= known; });
  Team result = *above;
  if (above->threads != known) {
    const Team& below = *std::prev(above);
    const double t = static_cast<double>(known - below.threads) / (above->threads - below.threads);
    const auto between = [t](double a, double b) { return a + t * (b - a); };
    result.clock_hertz = between(below.clock_hertz, above->clock_hertz);
    result.peak_flops = between(below.peak_flops, above->peak_flops);
    result.region_seconds = between(below.region_seconds, above->region_seconds);
    result.wake_seconds = between(below.wake_seconds, above->wake_seconds);
    for (size_t i = 0; i < result.bandwidth.size(); ++i) {
      const Bandwidth& a = below.bandwidth[i];
      const Bandwidth& b = above->bandwidth[i];
      result.bandwidth[i] = {between(a.read, b.read), between(a.write, b.write),
                             between(a.copy, b.copy)};
    }
    for (size_t i = 0; i < result.exchange.size(); ++i)
      result.exchange[i] = {between(below.exchange[i].read, above->exchange[i].read),
                            between(below.exchange[i].write, above->exchange[i].write)};
  }
  result.threads = threads;
  return result;
}

}  // namespace pronghorn
