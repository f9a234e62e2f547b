#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "platform/timer.h"

namespace pronghorn {

// Which thread took part in which loop of a Parallel, and from when to when. Each thread writes
// into memory of its own, taken when the recorder is made: nothing allocates or waits while loops
// run.
class LoopRecorder {
 public:
  struct Part {
    int64_t loop;   // counted from 0
    int64_t label;  // what the loop was for
    int64_t begin;  // of the thread's first task, in ticks of TickClock
    int64_t end;    // of its last
  };

  // For a team of so many threads, each of which keeps its first `capacity` parts.
  LoopRecorder(int threads, int64_t capacity);

  // Loops begun so far.
  int64_t loops() const { return loops_; }
  // In the order in which the thread ran them. While no loop runs.
  std::span<const Part> parts(int thread) const;
  // Those for which there was no room, over all threads.
  int64_t dropped() const;

  // Of the loops to come; any number.
  void set_label(int64_t label) { label_ = label; }
  // A part of a loop that is not recorded itself, where its tasks do several things: its label.
  void record_task(int thread, int64_t label, int64_t begin, int64_t end);

  // For Parallel: a loop begins; a thread ran some of its tasks.
  void begin_loop() { ++loops_; }
  int64_t now() const { return clock_.now(); }
  void record(int thread, int64_t begin, int64_t end);

 private:
  // On cache lines of its own, so that threads don't slow each other down.
  struct alignas(64) Track {
    std::vector<Part> parts;
    int64_t count = 0;
    int64_t dropped = 0;
    int64_t last_loop = -1;
  };

  void add(Track& track, const Part& part);

  TickClock clock_;
  int64_t loops_ = 0;
  int64_t label_ = 0;
  std::vector<Track> tracks_;
};

}  // namespace pronghorn
