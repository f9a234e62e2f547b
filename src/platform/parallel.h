#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace pronghorn {

class LoopRecorder;

// A team of threads that runs loops of independent tasks, one loop at a time. Which thread runs a
// task is free, what a task computes is not: a task must write only what is its own and must not
// depend on the number of threads. Sums over tasks go through reduction_tree.h.
//
// While a loop runs, denormal floats are flushed to zero in every thread that takes part; the
// calling thread's setting is restored after it.
class Parallel {
 public:
  // `threads` is 1 to 256; 0 means one per CPU that this process may use.
  explicit Parallel(int threads = 0);
  // The same team, with each loop that is started through this one recorded; loops of `other` still
  // are not. Both must outlive it, and the recorder be made for as many threads.
  Parallel(const Parallel& other, LoopRecorder& recorder);
  ~Parallel();

  int threads() const { return threads_; }

  // Calls task(index, thread) for index in [0, tasks), thread in [0, threads()). Each thread has a
  // contiguous share of the indices and takes over others' when its own is done, so which thread
  // runs a task may differ from run to run. Returns when all are done. Tasks must not throw and
  // must not start loops of their own.
  template <class Task>
  void for_each(int64_t tasks, Task&& task) const {
    using Body = std::remove_reference_t<Task>;
    run(
        tasks,
        [](void* body, int64_t begin, int64_t end, int thread) {
          for (int64_t index = begin; index < end; ++index)
            (*static_cast<Body*>(body))(index, thread);
        },
        const_cast<void*>(static_cast<const void*>(std::addressof(task))));
  }

  // Calls task(begin, end) on consecutive ranges of at most `grain` elements that cover
  // [0, elements). The ranges depend on `grain` alone.
  template <class Task>
  void for_ranges(int64_t elements, int64_t grain, Task&& task) const {
    for_each((elements + grain - 1) / grain, [&](int64_t index, int) {
      const int64_t begin = index * grain;
      task(begin, begin + grain < elements ? begin + grain : elements);
    });
  }

 private:
  using Range = void (*)(void* body, int64_t begin, int64_t end, int thread);
  void run(int64_t tasks, Range range, void* body) const;
  void run_unrecorded(int64_t tasks, Range range, void* body) const;

  class Team;

  int threads_;
  std::unique_ptr<Team> own_team_;
  Team* team_ = nullptr;  // none for one thread
  LoopRecorder* recorder_ = nullptr;
};

// The number of CPUs that this process may run on (its affinity mask), at least 1.
int available_cpus();

}  // namespace pronghorn
