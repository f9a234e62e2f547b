#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pronghorn {

// Where data live between two uses.
enum class MemoryLevel : uint8_t { kL1, kL2, kL3, kDram };
inline constexpr int kMemoryLevels = 4;
// "L1", "L2", "L3", "DRAM"
const char* to_string(MemoryLevel level);

// What a CPU reaches, measured: the numbers that predictions are made of. Rates are per second.
struct Machine {
  // Of the file's format and of the set of shapes that kernels are measured at.
  static constexpr int kVersion = 2;

  std::string cpu;  // the CPU's name, as it says itself
  int cpus = 0;     // those that this process may use
  // Bytes of L1, L2, L3 of one core; 0 where there is none. (DRAM has no entry.)
  std::array<int64_t, 3> cache_bytes{};
  // What this program gets of L3, which others share; measured.
  int64_t usable_l3_bytes = 0;
  // The one that kernels run with: the best that the CPU has.
  std::string instruction_set;

  struct Bandwidth {
    double read = 0, write = 0, copy = 0;  // bytes moved; a copy's are those read and those written
  };
  // All threads together.
  struct Team {
    int threads = 0;
    double clock_hertz = 0;  // of a core, while all compute
    double peak_flops = 0;   // float32 multiply-accumulates, two flops each
    // What a parallel loop costs beyond its work when the threads just had another one, and when
    // they sleep.
    double region_seconds = 0;
    double wake_seconds = 0;
    std::array<Bandwidth, kMemoryLevels> bandwidth{};
    // What goes from core to core: bytes read that another thread wrote, and bytes written where
    // another thread has read. [0] where they still are in that core's L2, [1] where they went to
    // L3. 0 for one thread. Cores that share no L3 exchange data several times slower, and the CPUs
    // of a virtual machine may be on such cores today and on others tomorrow.
    struct Exchange {
      double read = 0, write = 0;
    };
    std::array<Exchange, 2> exchange{};
  };
  // By number of threads, rising; the first has one.
  std::vector<Team> teams;

  // The peak of one thread by instruction set, weakest first.
  struct Peak {
    std::string instruction_set;
    double flops = 0;
  };
  std::vector<Peak> peaks;

  // Tells which kernels were there to be measured (cost::kernel_set).
  std::string kernel_set;

  // Textbook loops for a product, vectorized but not blocked: multiply-accumulates, one thread.
  double unblocked_multiply_accumulates = 0;

  // What one kernel took for one shape, on one thread, when its operands came from a level of
  // memory.
  struct KernelSample {
    std::string kernel;  // "onednn.conv2d.winograd"
    // What its speed depends on (src/cost/kernel_point.h), as logarithms to base 2.
    std::vector<double> features;
    MemoryLevel from = MemoryLevel::kL1;
    double work = 0;  // flops that it executes, or bytes where it does nothing but move them
    double seconds = 0;
  };
  std::vector<KernelSample> samples;

  // The team of so many threads; between and beyond those measured, it is interpolated, and beyond
  // the CPUs more threads give nothing.
  Team team(int threads) const;
};

// Measures this machine. Takes some 20 seconds, more with many CPUs (50 with 16); everything else
// that runs meanwhile spoils it.
Machine measure_machine();

// Measures anew what depends on the places of this program's CPUs, which a virtual machine's host
// changes: whether its threads share a core (peak_flops), what parallel loops cost, and what goes
// from core to core. Takes some 0.1 seconds a team.
void measure_placement(Machine& machine);

// What is known of this machine: from the user's cache directory ($XDG_CACHE_HOME or ~/.cache,
// pronghorn/machine.json), or measured now, and kept there, where that file is missing, broken, of
// another version or another CPU; measure_placement's part anew each time. `note` receives why it
// was measured, or why it could not be kept; empty where the file was good.
Machine this_machine(std::string* note = nullptr, bool fresh = false);
std::string machine_cache_path();

// A machine's file, this one's or another's. Throws FileError where it is none, or of another
// version, saying what is wrong and where.
Machine load_machine(const std::string& path);
void save_machine(const Machine& machine, const std::string& path);
std::string machine_to_json(const Machine& machine);

}  // namespace pronghorn
