#include "platform/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "platform/denormals.h"
#include "platform/loop_recorder.h"
#include "pronghorn/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pronghorn {
namespace {

constexpr int kMostThreads = 256;

// How often a thread that waits looks again before it sleeps. Some 20 microseconds are longer than
// what lies between two loops of a step, and about what waking up costs; some 100 are longer than
// the last task of a loop, for which a thread waits that has had its own. OpenMP's runtime of GCC
// spins for milliseconds: with another program on one of two cores, a step of mnist-mlp took 50
// times as long on two threads as on one.
constexpr int kFewestSpins = 1000, kMostSpins = 6000;

void spin_once() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// How one thread waits: the longer, the more often that has spared it the sleep.
class Patience {
 public:
  // Returns when `value` is no longer `old`.
  uint32_t wait_while(const std::atomic<uint32_t>& value, uint32_t old) {
    for (int spin = 0; spin < spins_; ++spin) {
      const uint32_t now = value.load(std::memory_order_acquire);
      if (now != old) {
        spins_ = std::min(2 * spins_, kMostSpins);
        return now;
      }
      spin_once();
    }
    spins_ = std::max(spins_ / 2, kFewestSpins);
    value.wait(old, std::memory_order_acquire);
    return value.load(std::memory_order_acquire);
  }

 private:
  int spins_ = kMostSpins;
};

// A thread's part of a loop's tasks, on a cache line of its own.
struct alignas(64) Share {
  std::atomic<int64_t> next{0};
  int64_t end = 0;
};

}  // namespace

// The calling thread is number 0; the others are made once and wait between loops. A loop is a job
// that is open while its caller works on it. A worker that comes in time takes part, and the caller
// waits for those that did: one that gets no core, because another program has it, holds nobody up.
class Parallel::Team {
 public:
  explicit Team(int threads) : shares_(static_cast<size_t>(threads)) {
    for (int thread = 1; thread < threads; ++thread)
      workers_.emplace_back([this, thread] { serve(thread); });
  }

  ~Team() {
    ended_.store(true, std::memory_order_relaxed);
    jobs_.fetch_add(1, std::memory_order_release);
    jobs_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void run(int64_t tasks, Range range, void* body) {
    // Nobody is inside: the last job was left before this one.
    const auto threads = static_cast<int64_t>(shares_.size());
    for (int64_t thread = 0; thread < threads; ++thread) {
      Share& share = shares_[static_cast<size_t>(thread)];
      share.next.store(tasks * thread / threads, std::memory_order_relaxed);
      share.end = tasks * (thread + 1) / threads;
    }
    range_ = range;
    body_ = body;
    inside_.store(kOpen, std::memory_order_release);
    jobs_.fetch_add(1, std::memory_order_release);
    jobs_.notify_all();
    work(0);
    uint32_t inside = inside_.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
    while (inside != 0) inside = patience_.wait_while(inside_, inside);
  }

 private:
  static constexpr uint32_t kOpen = uint32_t{1} << 31;

  void serve(int thread) {
    const FlushDenormals flush;
    Patience patience;
    uint32_t seen = 0;
    for (;;) {
      seen = patience.wait_while(jobs_, seen);
      if (ended_.load(std::memory_order_relaxed)) return;
      if (!enter()) continue;
      work(thread);
      // The last one out of a closed job wakes the caller.
      if (inside_.fetch_sub(1, std::memory_order_acq_rel) == 1) inside_.notify_one();
    }
  }

  bool enter() {
    uint32_t inside = inside_.load(std::memory_order_relaxed);
    while ((inside & kOpen) != 0) {
      if (inside_.compare_exchange_weak(inside, inside + 1, std::memory_order_acq_rel)) return true;
    }
    return false;
  }

  // Its own share first, which keeps a slice's data in one core's cache from op to op; then what
  // others have left.
  void work(int thread) {
    const size_t threads = shares_.size();
    for (size_t offset = 0; offset < threads; ++offset) {
      Share& share = shares_[(static_cast<size_t>(thread) + offset) % threads];
      for (;;) {
        const int64_t task = share.next.fetch_add(1, std::memory_order_relaxed);
        if (task >= share.end) break;
        range_(body_, task, task + 1, thread);
      }
    }
  }

  std::vector<Share> shares_;
  Range range_ = nullptr;
  void* body_ = nullptr;
  Patience patience_;  // the caller's
  // Counts jobs; workers wait for it to change.
  alignas(64) std::atomic<uint32_t> jobs_{0};
  // How many workers are in the job, and kOpen while more may come in.
  alignas(64) std::atomic<uint32_t> inside_{0};
  std::atomic<bool> ended_{false};
  std::vector<std::thread> workers_;
};

Parallel::Parallel(int threads)
    : threads_(threads == 0 ? std::min(available_cpus(), kMostThreads) : threads) {
  if (threads < 0 || threads > kMostThreads) {
    throw ArgumentError("threads is " + std::to_string(threads) + "; use 1 to " +
                        std::to_string(kMostThreads) + ", or 0 for one per CPU");
  }
  if (threads_ > 1) {
    own_team_ = std::make_unique<Team>(threads_);
    team_ = own_team_.get();
  }
}

Parallel::Parallel(const Parallel& other, LoopRecorder& recorder)
    : threads_(other.threads_), team_(other.team_), recorder_(&recorder) {}

Parallel::~Parallel() = default;

void Parallel::run(int64_t tasks, Range range, void* body) const {
  if (recorder_ == nullptr) {
    run_unrecorded(tasks, range, body);
    return;
  }
  // The team runs a loop whose tasks are recorded ones, and knows of no recorder.
  struct Recorded {
    Range range;
    void* body;
    LoopRecorder& recorder;
  } recorded{range, body, *recorder_};
  recorder_->begin_loop();
  run_unrecorded(
      tasks,
      [](void* context, int64_t begin, int64_t end, int thread) {
        const auto& [inner_range, inner_body, recorder] = *static_cast<Recorded*>(context);
        const int64_t begin_ticks = recorder.now();
        inner_range(inner_body, begin, end, thread);
        recorder.record(thread, begin_ticks, recorder.now());
      },
      &recorded);
}

void Parallel::run_unrecorded(int64_t tasks, Range range, void* body) const {
  const FlushDenormals flush;
  if (threads_ == 1 || tasks <= 1) {
    if (tasks > 0) range(body, 0, tasks, 0);
    return;
  }
  team_->run(tasks, range, body);
}

int available_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0)
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace pronghorn
