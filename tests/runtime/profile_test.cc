#include "runtime/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "compiler/net.h"
#include "pronghorn/error.h"
#include "runtime/executable.h"

namespace pronghorn::runtime {
namespace {

using compiler::testing::Net;
using compiler::testing::WeightStore;

// A training step, its data and its threads.
class Step {
 public:
  Step(int64_t batch, graph::ValueId (*build)(Net&), int threads = 1,
       int64_t least_chained_bytes = compiler::kLeastChainedBytes)
      : weights_(1), net_(weights_, batch), parallel_(threads) {
    net_.train(build(net_), optimizer("rmsprop"));
    compiler::CompileOptions options;
    options.threads = threads;
    options.least_chained_bytes = least_chained_bytes;
    executable_ = net_.compile(options);
    compiler::testing::fill_batch(net_, *executable_, 0);
  }

  const Executable& executable() const { return *executable_; }
  void run() { executable_->run({parallel_, 1, step_++, 1e-3f}); }
  void run(Profile& profile) { executable_->run({parallel_, 1, step_++, 1e-3f}, profile); }
  std::vector<float> weights() const { return weights_.all_values(); }

 private:
  WeightStore weights_;
  Net net_;
  Parallel parallel_;
  std::unique_ptr<Executable> executable_;
  uint64_t step_ = 0;
};

graph::ValueId small(Net& net) {
  graph::ValueId value = net.input({6, 6, 1});
  value = net.activation(net.conv2d(value, 2, "conv2d"), "relu");
  return net.activation(net.dense(net.flatten(value), 3, "dense"), "softmax");
}

graph::ValueId mnist_cnn_4(Net& net) {
  graph::ValueId value = net.input({28, 28, 1});
  value = net.activation(net.conv2d(value, 4, "conv2d"), "relu");
  value = net.activation(net.conv2d(value, 4, "conv2d_1"), "relu");
  value = net.dropout(net.max_pool(value, 2), 0.25, 1);
  return net.activation(net.dense(net.flatten(value), 10, "dense"), "softmax");
}

TEST(Profile, ListsTheOpsInTheOrderInWhichTheyRun) {
  Step step(4, small);
  Profile profile(step.executable());
  step.run(profile);
  const StepProfile summary = profile.summarize();
  EXPECT_EQ(summary.batch_size, 4);
  EXPECT_EQ(summary.threads, 1);
  EXPECT_EQ(summary.steps, 1);

  const graph::Graph& graph = step.executable().graph();
  size_t place = 0;
  int views = 0;
  for (const Instruction& instruction : step.executable().instructions()) {
    const graph::Op& op = graph.ops[instruction.op];
    if (op.kind->is_view()) {
      ++views;
      continue;
    }
    ASSERT_LT(place, summary.ops.size());
    const OpTime& time = summary.ops[place++];
    EXPECT_EQ(time.kind, op.kind->name());
    EXPECT_EQ(time.layer, op.layer);
    EXPECT_EQ(time.phase, graph::to_string(op.phase));
    EXPECT_EQ(time.kernel, instruction.selection.chosen->name());
    EXPECT_GT(time.seconds.median, 0) << time.kind;
  }
  EXPECT_EQ(place, summary.ops.size());
  EXPECT_GT(views, 0) << "the flatten, to be left out";
}

TEST(Profile, ComputesWhatAPlainRunComputes) {
  Step plain(20, small), profiled(20, small);
  Profile profile(profiled.executable());
  for (int i = 0; i < 3; ++i) {
    plain.run();
    profiled.run(profile);
  }
  EXPECT_EQ(plain.weights(), profiled.weights());
}

TEST(Profile, KeepsTheLatestSteps) {
  Step step(4, small);
  Profile ring(step.executable(), {.capacity = 3}), all(step.executable(), {.capacity = 8});
  for (int i = 0; i < 5; ++i) step.run(all);
  EXPECT_EQ(all.summarize().steps, 5);
  for (int i = 0; i < 5; ++i) step.run(ring);
  EXPECT_EQ(ring.steps(), 3);
  EXPECT_EQ(ring.summarize().steps, 3);

  // Steps without ops in them take no time and stand for those that must be gone.
  Profile stamps(step.executable(), {.capacity = 2});
  const Parallel parallel(1);
  step.run(stamps);
  step.run(stamps);
  const auto ops = static_cast<int64_t>(stamps.summarize().ops.size());
  const double real = stamps.summarize().step_seconds.median;
  for (int i = 0; i < 2; ++i) {
    stamps.begin_step(step.executable(), {parallel, 1, 0, 0.0f});
    for (int64_t op = 0; op < ops; ++op) stamps.end_op();
    stamps.end_step();
  }
  EXPECT_EQ(stamps.steps(), 2);
  EXPECT_LT(stamps.summarize().step_seconds.median, real);
}

TEST(Profile, LeavesOutTheWarmUp) {
  Step step(4, small);
  Profile profile(step.executable(), {.capacity = 10, .warm_up = 2});
  step.run(profile);
  step.run(profile);
  EXPECT_EQ(profile.summarize().steps, 0);
  EXPECT_EQ(profile.summarize().ops.front().seconds.median, 0);
  step.run(profile);
  EXPECT_EQ(profile.summarize().steps, 1);
  EXPECT_GT(profile.summarize().ops.front().seconds.median, 0);
}

TEST(Profile, RefusesAnotherExecutableAndNoSteps) {
  Step step(4, small), other(4, small);
  Profile profile(step.executable());
  EXPECT_THROW(other.run(profile), std::logic_error);
  EXPECT_THROW(Profile(step.executable(), {.capacity = 0}), ArgumentError);
  EXPECT_THROW(Profile(step.executable(), {.warm_up = -1}), ArgumentError);
  EXPECT_THROW(Profile(step.executable(), {.trace_steps = -1}), ArgumentError);
  Profile traced(step.executable(), {.trace_steps = 1, .threads = 2});
  EXPECT_THROW(step.run(traced), std::logic_error);
}

TEST(Profile, TracesTheFirstStepsOnTheirThreads) {
  constexpr int kThreads = 2;
  constexpr int kTraced = 30;
  Step step(64, small, kThreads);
  Profile profile(step.executable(),
                  {.capacity = 2, .warm_up = 1, .trace_steps = kTraced, .threads = kThreads});
  for (int i = 0; i < kTraced + 5; ++i) step.run(profile);
  const StepProfile summary = profile.summarize();
  ASSERT_FALSE(summary.trace.empty());
  std::vector<int> seen(kTraced * summary.ops.size());
  bool other_thread = false;
  double last_end = 0;
  for (const TraceEvent& event : summary.trace) {
    ASSERT_LT(event.op, summary.ops.size());
    ASSERT_TRUE(event.step >= 0 && event.step < kTraced);
    ASSERT_TRUE(event.thread >= 0 && event.thread < kThreads);
    EXPECT_GE(event.begin, 0);
    EXPECT_LE(event.begin, event.end);
    seen[static_cast<size_t>(event.step) * summary.ops.size() + event.op]++;
    other_thread |= event.thread == 1;
    if (event.thread == 0) {  // one thing after the other
      EXPECT_GE(event.begin, last_end);
      last_end = event.end;
    }
  }
  for (const int events : seen) EXPECT_GE(events, 1) << "an op of a step is missing";
  // On a busy machine the second thread may come too late for any single loop.
  if (!other_thread) GTEST_SKIP() << "the second thread got no CPU";
}

TEST(Profile, TraceIsOfTheStepsThatRan) {
  Step step(4, small);
  Profile profile(step.executable(), {.trace_steps = 5});
  step.run(profile);
  step.run(profile);
  std::vector<int64_t> steps;
  for (const TraceEvent& event : profile.summarize().trace) steps.push_back(event.step);
  EXPECT_THAT(steps, ::testing::Contains(0));
  EXPECT_THAT(steps, ::testing::Contains(1));
  EXPECT_THAT(steps, ::testing::Each(::testing::Lt(2)));
}

TEST(Profile, TracedStepsComputeWhatOthersCompute) {
  Step plain(64, small, 2), traced(64, small, 2);
  Profile profile(traced.executable(), {.trace_steps = 2, .threads = 2});
  for (int i = 0; i < 3; ++i) {
    plain.run();
    traced.run(profile);
  }
  EXPECT_EQ(plain.weights(), traced.weights());
}

// The ops of a chain run at once: each has its share of the time, and its own parts in the trace.
TEST(Profile, TellsTheOpsOfAChainApart) {
  for (const int threads : {1, 2}) {
    Step step(128, mnist_cnn_4, threads, /*least_chained_bytes=*/1), plain(128, mnist_cnn_4, 1);
    const std::vector<int> chains = step.executable().chain_numbers();
    ASSERT_GE(std::count_if(chains.begin(), chains.end(), [](int chain) { return chain > 0; }), 4);
    Profile profile(step.executable(), {.trace_steps = 2, .threads = threads});
    for (int i = 0; i < 4; ++i) {
      step.run(profile);
      plain.run();
    }
    EXPECT_EQ(step.weights(), plain.weights());
    const StepProfile summary = profile.summarize();
    EXPECT_GT(summary.coverage, 0.5);
    EXPECT_LE(summary.coverage, 1.001);
    std::vector<int> slices(summary.ops.size());
    for (const TraceEvent& event : summary.trace) {
      EXPECT_LE(event.begin, event.end);
      slices[event.op] += event.step == 0;
    }
    size_t op = 0;
    for (const Instruction& instruction : step.executable().instructions()) {
      if (!instruction.kernel) continue;
      EXPECT_GT(summary.ops[op].seconds.median, 0) << summary.ops[op].kernel;
      // Eight slices of 16 images, and what comes before or after them.
      if (chains[instruction.op] > 0) {
        EXPECT_GE(slices[op], 8) << summary.ops[op].kernel;
      }
      ++op;
    }
  }
}

TEST(Profile, CountsWhatTheMachineLetsItCount) {
  Step step(4, small);
  Profile profile(step.executable(), {.warm_up = 2, .counters = true});
  for (int i = 0; i < 20; ++i) step.run(profile);
  const StepProfile summary = profile.summarize();
  const HardwareCounters here;
  ASSERT_EQ(summary.counters.size(), here.names().size());
  for (size_t i = 0; i < here.names().size(); ++i) {
    EXPECT_EQ(summary.counters[i].first, here.names()[i]);
    // A step touches no new memory.
    if (here.names()[i] == "page faults") {
      EXPECT_LT(summary.counters[i].second, 10);
    }
    if (here.names()[i] == "instructions") {
      EXPECT_GT(summary.counters[i].second, 1000);
    }
  }
}

class Coverage : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Threads, Coverage, ::testing::Values(1, 2));

// Every moment of a step is some op's: nothing is hidden between the ops.
TEST_P(Coverage, IsAtLeast98Percent) {
  const int threads = GetParam();
  Step cnn(32, mnist_cnn_4, threads), mlp(32, compiler::testing::mnist_mlp, threads);
  for (Step* step : {&cnn, &mlp}) {
    Profile profile(step->executable(), {.warm_up = 2});
    for (int i = 0; i < 20; ++i) step->run(profile);
    const StepProfile summary = profile.summarize();
    EXPECT_GE(summary.coverage, 0.98);
    EXPECT_LE(summary.coverage, 1.001) << "two clocks disagree";
    EXPECT_LE(summary.step_seconds.low, summary.step_seconds.median);
    EXPECT_LE(summary.step_seconds.median, summary.step_seconds.high);
  }
}

// A bound that doesn't depend on how busy the machine is: the least that a stamp takes, times the
// stamps of a step, against the least that a step takes. bench/profile_cost.cc measures the rest.
TEST(Profile, StampsCostLessThanAHundredthOfAStep) {
  Step step(128, compiler::testing::mnist_mlp);
  Profile profile(step.executable(), {.capacity = 2});
  const Parallel parallel(1);
  step.run(profile);
  const auto ops = static_cast<int64_t>(profile.summarize().ops.size());
  int64_t least_step = std::numeric_limits<int64_t>::max();
  int64_t least_stamps = least_step;
  for (int i = 0; i < 10; ++i) {
    const int64_t begin = TickClock::steady_nanoseconds();
    step.run();
    least_step = std::min(least_step, TickClock::steady_nanoseconds() - begin);
  }
  for (int i = 0; i < 1000; ++i) {
    const int64_t begin = TickClock::steady_nanoseconds();
    profile.begin_step(step.executable(), {parallel, 1, 0, 0.0f});
    for (int64_t op = 0; op < ops; ++op) profile.end_op();
    profile.end_step();
    least_stamps = std::min(least_stamps, TickClock::steady_nanoseconds() - begin);
  }
  EXPECT_LE(100 * least_stamps, least_step) << least_stamps << " ns of " << least_step << " ns";
}

TEST(Spread, IsMedianAndQuartiles) {
  const Spread spread = spread_of({5, 1, 2, 4, 3});
  EXPECT_EQ(spread.median, 3);
  EXPECT_EQ(spread.low, 2);
  EXPECT_EQ(spread.high, 4);
  const Spread even = spread_of({1, 2});
  EXPECT_EQ(even.median, 1.5);
  EXPECT_EQ(even.low, 1.25);
  EXPECT_EQ(even.high, 1.75);
  EXPECT_EQ(spread_of({}).median, 0);
}

}  // namespace
}  // namespace pronghorn::runtime
