// What a step gains by taking ops through the batch slice by slice (compiler/chains.h): the time
// with chains over the time of the same kernels run one after the other, on the same data.
//
//   build/release/bench/bench_chains [MODEL... [BATCH [THREADS [ROUNDS]]]]

#include <fmt/format.h>

#include <cstdlib>
#include <limits>
#include <vector>

#include "compiled_step.h"
#include "stopwatch.h"

using pronghorn::bench::CompiledStep;
using pronghorn::bench::median;

namespace {

double milliseconds(CompiledStep& step, int repeats, bool own_time) {
  using pronghorn::bench::milliseconds_since;
  using pronghorn::bench::thread_milliseconds;
  const double begin = own_time ? thread_milliseconds() : milliseconds_since({});
  for (int i = 0; i < repeats; ++i) step.run();
  return ((own_time ? thread_milliseconds() : milliseconds_since({})) - begin) / repeats;
}

size_t chained_ops(const CompiledStep& step) {
  const std::vector<int> numbers = step.executable().chain_numbers();
  size_t ops = 0;
  for (const auto& instruction : step.executable().instructions())
    if (instruction.kernel && numbers[instruction.op] > 0) ++ops;
  return ops;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> models;
  int next = 1;
  for (; next < argc && std::atoi(argv[next]) == 0; ++next) models.emplace_back(argv[next]);
  if (models.empty()) models = {"mnist-cnn-4", "mnist-cnn", "vgg-like", "resnet-20"};
  const int64_t batch = next < argc ? std::atol(argv[next]) : 128;
  const int threads = next + 1 < argc ? std::atoi(argv[next + 1]) : 1;
  const int rounds = next + 2 < argc ? std::atoi(argv[next + 2]) : 21;
  fmt::print("batch {}, {} threads, medians of {} rounds: ms alone, chained; chained / alone\n",
             batch, threads, rounds);
  for (const std::string& model : models) {
    CompiledStep alone(model, batch, threads, {}, std::numeric_limits<int64_t>::max());
    CompiledStep chained(model, batch, threads);
    // Blocks of at least 20 ms, in turns.
    const int repeats = 1 + static_cast<int>(20 / milliseconds(alone, 3, threads == 1));
    milliseconds(chained, repeats, threads == 1);
    std::vector<double> alone_ms, chained_ms, ratios;
    for (int round = 0; round < rounds; ++round) {
      alone_ms.push_back(milliseconds(alone, repeats, threads == 1));
      chained_ms.push_back(milliseconds(chained, repeats, threads == 1));
      const double after = milliseconds(alone, repeats, threads == 1);
      ratios.push_back(chained_ms.back() / (0.5 * (alone_ms.back() + after)));
    }
    fmt::print("{:16} {:8.3f} {:8.3f}  {:.3f}  ({} ops in chains)\n", model, median(alone_ms),
               median(chained_ms), median(ratios), chained_ops(chained));
  }
  return 0;
}
