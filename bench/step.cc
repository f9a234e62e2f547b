// The time of one training step of the zoo's models, batch 128: whole, and by kernel family for the
// small ones. "MAC/s" counts the multiply-accumulates that the layers name; one is two flops.
//
//   build/release/bench/bench_step --benchmark_repetitions=5
//   --benchmark_enable_random_interleaving=true

#include <benchmark/benchmark.h>

#include "compiled_step.h"

namespace {

using pronghorn::bench::CompiledStep;

constexpr int64_t kBatch = 128;

void training_step(benchmark::State& state, const std::string& model,
                   const pronghorn::kernels::Policy& policy) {
  CompiledStep step(model, kBatch, static_cast<int>(state.range(0)), policy);
  for (int warm_up = 0; warm_up < 3; ++warm_up) step.run();
  for (auto _ : state) step.run();
  state.counters["MAC/s"] = benchmark::Counter(static_cast<double>(step.multiply_accumulates()),
                                               benchmark::Counter::kIsIterationInvariantRate);
  state.counters["images/s"] = benchmark::Counter(static_cast<double>(kBatch),
                                                  benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace

int main(int argc, char** argv) {
  for (const char* model : {"mnist-mlp", "mnist-cnn-4", "mnist-cnn", "mnist-cnn-128"}) {
    benchmark::RegisterBenchmark(model, training_step, model, pronghorn::kernels::Policy{})
        ->ArgName("threads")
        ->Arg(1)
        ->Arg(2)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  }
  for (const char* model : {"mnist-mlp", "mnist-cnn-4"}) {
    benchmark::RegisterBenchmark(
        (std::string(model) + "/reference").c_str(), training_step, model,
        pronghorn::kernels::Policy{.family = pronghorn::kernels::Family::kReference})
        ->ArgName("threads")
        ->Arg(1)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
