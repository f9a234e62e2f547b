#include "platform/hardware_counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace pronghorn {
namespace {

// Faults in so many pages, one by one.
void touch_new_pages(size_t pages) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* const memory =
      mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  madvise(memory, pages * page, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < pages; ++i) static_cast<volatile char*>(memory)[i * page] = 1;
  munmap(memory, pages * page);
}

// The place of an event; the number of names where it is not counted.
size_t place_of(const HardwareCounters& counters, const std::string& name) {
  const auto& names = counters.names();
  return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

TEST(HardwareCounters, NamesWhatItCanCount) {
  const HardwareCounters counters;
  for (const std::string& name : counters.names())
    EXPECT_THAT(name, testing::AnyOf("cycles", "instructions", "cache misses", "page faults",
                                     "context switches"));
  std::vector<double> first(counters.names().size()), second = first;
  counters.read(first);
  counters.read(second);
  for (size_t i = 0; i < first.size(); ++i) EXPECT_GE(second[i], first[i]) << counters.names()[i];
}

TEST(HardwareCounters, CountOtherThreadsToo) {
  constexpr size_t kPages = 500;
  std::atomic<int> stage = 0;
  // It exists before the counters do, and works after.
  std::thread other([&] {
    while (stage != 1) std::this_thread::yield();
    touch_new_pages(kPages);
    stage = 2;
    while (stage != 3) std::this_thread::yield();
  });
  {
    const HardwareCounters counters;
    const size_t faults = place_of(counters, "page faults");
    std::vector<double> before(counters.names().size()), between = before, after = before;
    counters.read(before);
    touch_new_pages(kPages);
    counters.read(between);
    stage = 1;
    while (stage != 2) std::this_thread::yield();
    counters.read(after);
    stage = 3;
    other.join();
    if (faults == counters.names().size()) GTEST_SKIP() << "page faults can't be counted here";
    EXPECT_GE(between[faults] - before[faults], kPages);
    EXPECT_GE(after[faults] - between[faults], kPages);
  }
}

TEST(HardwareCounters, CountInstructions) {
  const HardwareCounters counters;
  const size_t instructions = place_of(counters, "instructions");
  if (instructions == counters.names().size())
    GTEST_SKIP() << "this machine's kernel lets nobody count instructions";
  std::vector<double> before(counters.names().size()), after = before;
  counters.read(before);
  std::atomic<int> steps = 0;
  while (steps < 1'000'000) ++steps;
  counters.read(after);
  EXPECT_GE(after[instructions] - before[instructions], 1e6);
}

}  // namespace
}  // namespace pronghorn
