// What it costs to profile a training step: steps with and without a profile in turns, and the
// median of the ratios of neighbours, with its quartiles. Under 1 % is the aim (mnist-mlp, batch
// 128). The same with two plain steps shows what the machine's own noise does to such a ratio.
//
//   build/release/bench/bench_profile_cost [model] [batch] [threads] [rounds]

#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "compiled_step.h"
#include "stopwatch.h"

using pronghorn::bench::Clock;
using pronghorn::bench::milliseconds_since;

namespace {

template <class Run>
double milliseconds_of(Run&& run) {
  const auto start = Clock::now();
  run();
  return milliseconds_since(start);
}

void print(const char* what, std::vector<double> ratios) {
  const pronghorn::Spread spread = pronghorn::runtime::spread_of(std::move(ratios));
  fmt::print("{:<28} {:.4f}  (middle half {:.4f} to {:.4f})\n", what, spread.median, spread.low,
             spread.high);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string model = argc > 1 ? argv[1] : "mnist-mlp";
  const int64_t batch = argc > 2 ? std::atol(argv[2]) : 128;
  const int threads = argc > 3 ? std::atoi(argv[3]) : 1;
  const int rounds = argc > 4 ? std::atoi(argv[4]) : 301;
  pronghorn::bench::CompiledStep step(model, batch, threads);
  pronghorn::runtime::Profile profile(step.executable(), {.warm_up = 3, .counters = true});
  for (int warm_up = 0; warm_up < 3; ++warm_up) step.run(profile);

  std::vector<double> profiled_to_plain, plain_to_plain;
  const auto plain = [&] { step.run(); };
  const auto profiled = [&] { step.run(profile); };
  for (int round = 0; round < rounds; ++round) {
    // Which comes first alternates, so that a clock that speeds up or slows down favours neither.
    const bool first = round % 2 == 0;
    double with = 0, without = 0;
    if (first) with = milliseconds_of(profiled);
    without = milliseconds_of(plain);
    if (!first) with = milliseconds_of(profiled);
    profiled_to_plain.push_back(with / without);
    const double one = milliseconds_of(plain), other = milliseconds_of(plain);
    plain_to_plain.push_back(first ? one / other : other / one);
  }

  const pronghorn::StepProfile summary = profile.summarize();
  fmt::print("{}, batch {}, {} threads: a step takes {:.4f} ms; {} stamps; {:.2f} % of it in ops\n",
             model, batch, threads, summary.step_seconds.median * 1e3, summary.ops.size() + 1,
             summary.coverage * 100);
  print("with a profile / without", std::move(profiled_to_plain));
  print("without / without", std::move(plain_to_plain));
  return 0;
}
