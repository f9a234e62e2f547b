#include <gtest/gtest.h>
#include <omp.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <ostream>
#include <thread>

#include "compiler/net.h"
#include "kernels/selection.h"
#include "runtime/allocation_counter.h"

// A compiled step allocates nothing and touches no memory for the first time.

namespace pronghorn::runtime {
namespace {

using compiler::testing::Net;
using compiler::testing::WeightStore;
using pronghorn::testing::AllocationCounter;
using pronghorn::testing::AllocationCounts;

struct StepCase {
  std::string model;
  std::function<graph::ValueId(Net&)> build;
  int64_t batch;
  std::string family;
  int threads;
};

std::vector<StepCase> step_cases() {
  std::vector<StepCase> cases;
  for (const std::string family : {"auto", "onednn", "simd", "reference"}) {
    // Where convolutions are the reference kernel's loops, small batches have to do.
    const bool slow = family == "reference" || family == "simd";
    for (int threads : {1, 2, 3}) {
      if (family == "reference" && threads > 1) continue;  // it runs on one thread anyway
      if (family != "auto" && threads == 2) continue;      // to save time
      // 52 and 20 rows end in a short slice.
      cases.push_back({"mnist_mlp", compiler::testing::mnist_mlp, slow ? 4 : 52, family, threads});
      cases.push_back({"mnist_cnn", compiler::testing::mnist_cnn, slow ? 1 : 20, family, threads});
      cases.push_back({"resnet_block",
                       [](Net& net) {
                         return compiler::testing::resnet_block(net, {8, 8, 3}, 16, 10);
                       },
                       20, family, threads});
    }
  }
  return cases;
}

// How GoogleTest prints a case.
std::ostream& operator<<(std::ostream& out, const StepCase& test) { return out << test.model; }

class StepLoop : public ::testing::TestWithParam<StepCase> {};
INSTANTIATE_TEST_SUITE_P(Models, StepLoop, ::testing::ValuesIn(step_cases()), [](const auto& test) {
  return test.param.model + "_" + test.param.family + "_" + std::to_string(test.param.threads) +
         "_threads";
});

int64_t minor_page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

TEST_P(StepLoop, AllocatesNothingAndFaultsNoPage) {
  if (!AllocationCounter::kWorks) GTEST_SKIP() << "sanitizers replace malloc themselves";
  const StepCase& test = GetParam();
  WeightStore weights(1);
  Net net(weights, test.batch);
  net.train(test.build(net), optimizer("rmsprop"));
  compiler::CompileOptions options;
  options.threads = test.threads;
  options.policy.family = kernels::parse_family(test.family);
  const auto executable = net.compile(options);
  compiler::testing::fill_batch(net, *executable, 0);
  const Parallel parallel(test.threads);
  // OpenMP's runtime takes memory when a thread first sets its number of threads, and on a busy
  // machine one may come to its first task only while allocations are counted. None of these tasks
  // ends before every thread has one.
  std::atomic<int> inside = 0;
  parallel.for_each(test.threads, [&](int64_t, int) {
    omp_set_num_threads(omp_get_max_threads());
    ++inside;
    while (inside < test.threads) std::this_thread::yield();
  });
  // The first steps start the threads, and make oneDNN's code and glibc's caches.
  uint64_t step = 0;
  while (step < 3) executable->run({parallel, 1, step++, 0.001f});

  // A step that touches new memory faults each time. What may come once is a thread that found no
  // task in the first steps, because others took them over, and touches its stack and heap later.
  // Counted apart from allocations, since the counter's walks up the stack touch pages, too.
  const int64_t before = minor_page_faults();
  for (int i = 0; i < 100; ++i) executable->run({parallel, 1, step++, 0.001f});
  EXPECT_LT(minor_page_faults() - before, 100) << "at least one page fault a step";

  AllocationCounter::start();
  for (int i = 0; i < 100; ++i) executable->run({parallel, 1, step++, 0.001f});
  const AllocationCounts counts = AllocationCounter::stop();

  EXPECT_EQ(counts.others, 0) << "in 100 steps, the first one by\n" << counts.first_of_others;
  if (test.family == "reference" || test.family == "simd") {
    EXPECT_EQ(counts.in_onednn, 0);
  }
  RecordProperty("allocations_in_onednn", static_cast<int>(counts.in_onednn));
}

// The counter sees what the test claims not to be there.
TEST(AllocationCounterTest, CountsNewAndMallocOfThisProgram) {
  if (!AllocationCounter::kWorks) GTEST_SKIP() << "sanitizers replace malloc themselves";
  AllocationCounter::start();
  void* volatile raw = std::malloc(100);
  auto* volatile number = new int(1);
  const AllocationCounts counts = AllocationCounter::stop();
  std::free(raw);
  delete number;
  EXPECT_EQ(counts.others, 2);
  EXPECT_EQ(counts.in_onednn, 0);
}

}  // namespace
}  // namespace pronghorn::runtime
