#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/kernel.h"
#include "platform/hardware_counters.h"
#include "platform/loop_recorder.h"
#include "platform/timer.h"
#include "pronghorn/profile.h"

namespace pronghorn::runtime {

class Executable;

struct ProfileOptions {
  // The latest so many steps are kept.
  int64_t capacity = 1000;
  // The first so many steps are run and not recorded: they bring weights into caches and the CPU's
  // clock to its pace.
  int64_t warm_up = 0;
  // Of the first so many that are recorded it is kept which thread ran what.
  int64_t trace_steps = 0;
  // Of the team that will run the steps; for the trace.
  int threads = 1;
  // Reads hardware_counters.h around some of the steps.
  bool counters = false;
};

// What the steps of one executable took, op by op. One stamp stands between two ops, so an op's
// time is all that passed from the end of the op before it to its own end. The ops of a chain run
// at once: its loop's time is shared among them as the threads' times were. Memory is taken when it
// is made; recording allocates nothing.
class Profile {
 public:
  // Throws ArgumentError where an option is out of range. Keeps what it needs of the executable.
  explicit Profile(const Executable& executable, const ProfileOptions& options = {});

  // Recorded and still kept.
  int64_t steps() const;
  // With a clock that had 10 ms to be compared with another; see TickClock.
  StepProfile summarize() const;

  // For Executable::run: around a step, and behind each op that has a kernel.
  void begin_step(const Executable& executable, const kernels::RunContext& context);
  void end_op() {
    *next_stamp_++ = clock_.now();
    begin_part(0);
  }
  void end_step();

  // For a chain of several ops, counted from its first: around all; around what an op does for the
  // whole batch before or after the slices; behind an op's part of a slice, which began then, on
  // the thread that ran it (returns its end); behind the slices.
  void begin_chain();
  void begin_part(size_t op) {
    if (LoopRecorder* const recording = recorder()) recording->set_label(label(op));
  }
  void end_part(size_t op);
  int64_t now() const { return clock_.now(); }
  int64_t end_slice(size_t op, int thread, int64_t begin);
  void end_slices();
  void end_chain(size_t ops);

  // What records the loops of the step that runs; null where it is not traced.
  LoopRecorder* recorder() const { return tracing() ? recorder_.get() : nullptr; }

 private:
  bool tracing() const { return warm_up_ == 0 && recorded_ < trace_steps_; }
  // Reading the counters takes system calls, so they are read around every 16th step.
  bool counting() const { return counters_ && warm_up_ == 0 && recorded_ % 16 == 0; }
  int64_t row(int64_t step) const { return step % capacity_ * stamps_per_step_; }
  // Of what is recorded: which op of which step, `op` behind the one that runs next.
  int64_t label(size_t op) const {
    const int64_t next = next_stamp_ - 1 - (stamps_.data() + row(recorded_));
    return recorded_ * (stamps_per_step_ - 1) + next + static_cast<int64_t>(op);
  }
  std::vector<TraceEvent> trace(double seconds_per_tick) const;

  const Executable* executable_;
  TickClock clock_;
  // Everything but the times.
  StepProfile form_;
  int64_t capacity_;
  int64_t stamps_per_step_;
  // Steps still to be run before the first is recorded.
  int64_t warm_up_;
  // Recorded ever; step s is in row s % capacity_ of `stamps_`, which has a row more for steps that
  // are not recorded.
  int64_t recorded_ = 0;
  std::vector<int64_t> stamps_;
  std::vector<int64_t> step_nanoseconds_;
  int64_t step_begin_ = 0;
  int64_t* next_stamp_ = nullptr;

  // Of the chain that runs: by op, its ticks; by thread and op, those in slices, each thread's on
  // cache lines of its own. The last moment that was taken.
  std::vector<int64_t> chain_ticks_;
  std::vector<int64_t> slice_ticks_;
  size_t slice_stride_;
  int64_t chain_moment_ = 0;

  int64_t trace_steps_;
  std::unique_ptr<LoopRecorder> recorder_;
  // Rows of the traced steps, which the ring will overwrite.
  std::vector<int64_t> traced_stamps_;

  std::unique_ptr<HardwareCounters> counters_;
  int64_t counted_steps_ = 0;
  std::vector<double> counts_begin_, counts_end_, counts_;
};

// Median and quartiles, interpolated between neighbours; zeros where there are no values.
Spread spread_of(std::vector<double> values);

}  // namespace pronghorn::runtime
