#include "platform/parallel.h"

#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string>

#include "platform/denormals.h"
#include "pronghorn/error.h"

namespace pronghorn {
namespace {

constexpr int kMostThreads = 256;

// A thread's part of a loop's tasks, on a cache line of its own.
struct alignas(64) Share {
  std::atomic<int64_t> next{0};
  int64_t end = 0;
};

}  // namespace

Parallel::Parallel(int threads)
    : threads_(threads == 0 ? std::min(available_cpus(), kMostThreads) : threads) {
  if (threads < 0 || threads > kMostThreads) {
    throw ArgumentError("threads is " + std::to_string(threads) + "; use 1 to " +
                        std::to_string(kMostThreads) + ", or 0 for one per CPU");
  }
}

void Parallel::run(int64_t tasks, Range range, void* body) const {
  if (threads_ == 1 || tasks <= 1) {
    const FlushDenormals flush;
    if (tasks > 0) range(body, 0, tasks, 0);
    return;
  }
  std::array<Share, kMostThreads> shares;
  // Always the whole team, though some may find nothing to do: to change its size, GCC's runtime
  // ends and starts threads and allocates, a hundred times the cost of an idle one.
#pragma omp parallel num_threads(threads_)
  {
    const FlushDenormals flush;
    // The runtime may grant fewer threads than asked for: share the tasks out by what it granted.
    const int64_t granted = omp_get_num_threads();
    const int64_t thread = omp_get_thread_num();
    shares[static_cast<size_t>(thread)].next.store(tasks * thread / granted,
                                                   std::memory_order_relaxed);
    shares[static_cast<size_t>(thread)].end = tasks * (thread + 1) / granted;
#pragma omp barrier
    // Its own share first, which keeps a slice's data in one core's cache from op to op; then what
    // others have left: a thread whose core is busy with another program holds nobody up.
    for (int64_t offset = 0; offset < granted; ++offset) {
      Share& share = shares[static_cast<size_t>((thread + offset) % granted)];
      for (;;) {
        const int64_t task = share.next.fetch_add(1, std::memory_order_relaxed);
        if (task >= share.end) break;
        range(body, task, task + 1, static_cast<int>(thread));
      }
    }
  }
}

int available_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return std::max(1, omp_get_num_procs());
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace pronghorn
