// A whole training step of mnist-cnn against the sum of its oneDNN primitives' own times, each run
// by itself with the formats it likes best (plain_onednn.h). Interleaved in one run, same threads,
// medians. The step also drops, computes loss and accuracy's inputs, reorders, and updates weights.
//
//   build/release/bench/bench_step_against_onednn [threads] [rounds]

#include <fmt/format.h>
#include <omp.h>

#include <cstdlib>
#include <vector>

#include "compiled_step.h"
#include "plain_onednn.h"
#include "stopwatch.h"

using pronghorn::bench::Clock;
using pronghorn::bench::median;
using pronghorn::bench::milliseconds_since;

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 41;
  constexpr int64_t kBatch = 128;
  omp_set_num_threads(threads);
  pronghorn::bench::PlainOneDnn plain(kBatch, /*winograd=*/true);
  pronghorn::bench::CompiledStep step("mnist-cnn", kBatch, threads);

  std::vector<double> step_ms;
  std::vector<std::vector<double>> primitive_ms(plain.primitives().size());
  // Each side runs twice in a row and its second run is timed: in training a step follows a step,
  // and oneDNN's OpenMP threads spin for milliseconds after their last work.
  for (int round = -3; round < rounds; ++round) {
    step.run();
    const auto start = Clock::now();
    step.run();
    if (round >= 0) step_ms.push_back(milliseconds_since(start));
    for (const auto& primitive : plain.primitives()) plain.run(primitive);
    for (size_t i = 0; i < primitive_ms.size(); ++i) {
      const auto primitive_start = Clock::now();
      plain.run(plain.primitives()[i]);
      if (round >= 0) primitive_ms[i].push_back(milliseconds_since(primitive_start));
    }
  }

  fmt::print("mnist-cnn, batch {}, {} threads, medians of {} interleaved rounds\n", kBatch, threads,
             rounds);
  double sum = 0;
  for (size_t i = 0; i < primitive_ms.size(); ++i) {
    sum += median(primitive_ms[i]);
    fmt::print("{:9.3f} ms  {} [{}]\n", median(primitive_ms[i]), plain.primitives()[i].name,
               plain.primitives()[i].implementation);
  }
  fmt::print("{:9.3f} ms  all of oneDNN's primitives\n", sum);
  fmt::print("{:9.3f} ms  Pronghorn's whole step\n", median(step_ms));
  fmt::print("{:9.3f}     ratio\n", median(step_ms) / sum);
  return 0;
}
