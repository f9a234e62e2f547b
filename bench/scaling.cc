// How many times as fast a training step is on several threads as on one: the median over rounds
// of the time on one thread, just before and just after, over the time on several. Beside it, what
// the machine lets be had: how many steps of one thread each run at once in the time of one alone.
//
//   build/release/bench/bench_scaling [MODEL... [BATCH [THREADS... ]]]

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "compiled_step.h"
#include "platform/parallel.h"
#include "stopwatch.h"

using pronghorn::bench::CompiledStep;
using pronghorn::bench::median;

namespace {

constexpr int kRounds = 31;

double milliseconds(CompiledStep& step, int repeats) {
  const auto begin = pronghorn::bench::Clock::now();
  for (int i = 0; i < repeats; ++i) step.run();
  return pronghorn::bench::milliseconds_since(begin) / repeats;
}

// Of steps that know nothing of each other, until all are done.
double milliseconds_at_once(const std::vector<std::unique_ptr<CompiledStep>>& steps, int repeats) {
  const auto begin = pronghorn::bench::Clock::now();
  std::vector<std::thread> threads;
  for (const auto& step : steps)
    threads.emplace_back([&] {
      for (int i = 0; i < repeats; ++i) step->run();
    });
  for (std::thread& thread : threads) thread.join();
  return pronghorn::bench::milliseconds_since(begin) / repeats;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> models;
  int next = 1;
  for (; next < argc && std::atoi(argv[next]) == 0; ++next) models.emplace_back(argv[next]);
  if (models.empty())
    models = {"mnist-mlp", "mnist-cnn-4", "mnist-cnn", "mnist-cnn-128", "vgg-like", "resnet-20"};
  const int64_t batch = next < argc ? std::atol(argv[next++]) : 128;
  std::vector<int> counts;
  for (; next < argc; ++next) counts.push_back(std::atoi(argv[next]));
  if (counts.empty())
    for (int threads = 2; threads <= pronghorn::available_cpus(); threads *= 2)
      counts.push_back(threads);

  fmt::print("batch {}, medians of {} rounds and quartiles; of steps apart from each other\n",
             batch, kRounds);
  for (const std::string& model : models) {
    CompiledStep one(model, batch, 1);
    // Blocks of at least 20 ms on one thread.
    const int repeats = 1 + static_cast<int>(20 / milliseconds(one, 3));
    for (const int threads : counts) {
      CompiledStep several(model, batch, threads);
      milliseconds(several, repeats);
      std::vector<std::unique_ptr<CompiledStep>> apart;
      for (int i = 0; i < threads; ++i)
        apart.push_back(std::make_unique<CompiledStep>(model, batch, 1));
      milliseconds_at_once(apart, repeats);
      std::vector<double> ones, times, ratios, bounds;
      double before = milliseconds(one, repeats);
      for (int round = 0; round < kRounds; ++round) {
        times.push_back(milliseconds(several, repeats));
        ones.push_back(milliseconds(one, repeats));
        ratios.push_back(0.5 * (before + ones.back()) / times.back());
        bounds.push_back(threads * ones.back() / milliseconds_at_once(apart, repeats));
        before = milliseconds(one, repeats);
      }
      std::sort(ratios.begin(), ratios.end());
      fmt::print("{:14} {:8.3f} ms on 1, {:8.3f} on {:2}: {:5.2f} ({:.2f} to {:.2f}) of {:.2f}\n",
                 model, median(ones), median(times), threads, median(ratios), ratios[kRounds / 4],
                 ratios[kRounds - 1 - kRounds / 4], median(bounds));
    }
  }
  return 0;
}
