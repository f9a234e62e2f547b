// Training steps in float32 and in mixed_bfloat16, in turns on one thread, CPU time of the thread:
// the median of float32's milliseconds, and medians of its time in the same round over the others'.
//
//   build/release/bench/bench_precision [ROUNDS [BATCH]]

#include <fmt/format.h>
#include <cstdlib>
#include <memory>
#include <vector>

#include "compiled_step.h"
#include "stopwatch.h"

namespace {

using pronghorn::bench::CompiledStep;
using pronghorn::bench::thread_milliseconds;
using pronghorn::kernels::Policy;
using pronghorn::kernels::Precision;

double milliseconds(CompiledStep& step) {
  const double begin = thread_milliseconds();
  step.run();
  return thread_milliseconds() - begin;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 15;
  const int64_t batch = argc > 2 ? std::atoll(argv[2]) : 128;
  const Policy policies[] = {{},
                             {.precision = Precision::kMixedBfloat16},
                             {.exact = true},
                             {.exact = true, .precision = Precision::kMixedBfloat16}};
  fmt::print("batch {}: float32 ms, times as fast: mixed_bfloat16, exact, exact mixed_bfloat16\n",
             batch);
  for (const char* model : {"mnist-mlp", "mnist-cnn", "vgg-like", "wide-mlp"}) {
    std::vector<std::unique_ptr<CompiledStep>> steps;
    for (const Policy& policy : policies)
      steps.push_back(std::make_unique<CompiledStep>(model, batch, 1, policy));
    std::vector<double> first;
    std::vector<std::vector<double>> ratios(steps.size());
    for (int round = -2; round < rounds; ++round) {
      std::vector<double> times;
      for (const auto& step : steps) times.push_back(milliseconds(*step));
      if (round < 0) continue;
      first.push_back(times[0]);
      for (size_t i = 0; i < times.size(); ++i) ratios[i].push_back(times[0] / times[i]);
    }
    fmt::print("{:12} {:8.2f}", model, pronghorn::bench::median(first));
    for (size_t i = 1; i < ratios.size(); ++i)
      fmt::print(" {:6.2f}", pronghorn::bench::median(ratios[i]));
    fmt::print("\n");
  }
  return 0;
}
