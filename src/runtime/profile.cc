#include "runtime/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <tuple>

#include "pronghorn/error.h"
#include "runtime/executable.h"

namespace pronghorn::runtime {
namespace {

OpTime form_of(const graph::Op& op, const Instruction& instruction) {
  return {.kind = std::string(op.kind->name()),
          .layer = op.layer,
          .phase = graph::to_string(op.phase),
          .kernel = std::string(instruction.selection.chosen->name()),
          .seconds = {}};
}

// On average; ops start one or two.
constexpr int64_t kMostLoopsOfAnOp = 16;

}  // namespace

Profile::Profile(const Executable& executable, const ProfileOptions& options)
    : executable_(&executable),
      capacity_(options.capacity),
      warm_up_(options.warm_up),
      trace_steps_(options.trace_steps) {
  if (options.capacity < 1 || options.warm_up < 0 || options.trace_steps < 0) {
    throw ArgumentError(
        fmt::format("a profile of {} steps after {}, {} of them traced; it takes 1 or more after 0 "
                    "or more, 0 or more of them traced",
                    options.capacity, options.warm_up, options.trace_steps));
  }
  const graph::Graph& graph = executable.graph();
  form_.batch_size = graph.batch;
  for (const Instruction& instruction : executable.instructions())
    if (instruction.kernel) form_.ops.push_back(form_of(graph.ops[instruction.op], instruction));
  stamps_per_step_ = static_cast<int64_t>(form_.ops.size()) + 1;
  size_t longest = 0;
  for (const Chain& chain : executable.chains())
    longest = std::max(longest, chain.last - chain.first);
  chain_ticks_.resize(longest);
  constexpr size_t kLine = 64 / sizeof(int64_t);
  slice_stride_ = (longest + kLine - 1) / kLine * kLine + kLine;
  slice_ticks_.resize(slice_stride_ * static_cast<size_t>(options.threads));
  stamps_.resize(static_cast<size_t>((capacity_ + 1) * stamps_per_step_));
  step_nanoseconds_.resize(static_cast<size_t>(capacity_));

  form_.threads = options.threads;
  if (trace_steps_ > 0) {
    traced_stamps_.resize(static_cast<size_t>(trace_steps_ * stamps_per_step_));
    recorder_ = std::make_unique<LoopRecorder>(options.threads,
                                               trace_steps_ * stamps_per_step_ * kMostLoopsOfAnOp);
  }
  if (options.counters) {
    counters_ = std::make_unique<HardwareCounters>();
    counts_.resize(counters_->names().size());
    counts_begin_ = counts_end_ = counts_;
  }
}

int64_t Profile::steps() const { return std::min(recorded_, capacity_); }

void Profile::begin_step(const Executable& executable, const kernels::RunContext& context) {
  if (&executable != executable_)
    throw std::logic_error("a profile was made for another executable than the one that runs");
  if (tracing() && context.parallel.threads() != form_.threads)
    throw std::logic_error("a trace was made for another number of threads than those that run");
  form_.threads = context.parallel.threads();
  // Only here, in the first step of a team that is larger than was said.
  slice_ticks_.resize(
      std::max(slice_ticks_.size(), slice_stride_ * static_cast<size_t>(form_.threads)));
  next_stamp_ = stamps_.data() + (warm_up_ > 0 ? capacity_ * stamps_per_step_ : row(recorded_));
  if (counting()) counters_->read(counts_begin_);
  step_begin_ = TickClock::steady_nanoseconds();
  *next_stamp_++ = clock_.now();
  begin_part(0);
}

void Profile::begin_chain() {
  std::fill(chain_ticks_.begin(), chain_ticks_.end(), 0);
  std::fill(slice_ticks_.begin(), slice_ticks_.end(), 0);
  chain_moment_ = next_stamp_[-1];
}

void Profile::end_part(size_t op) {
  const int64_t now = clock_.now();
  chain_ticks_[op] += now - chain_moment_;
  chain_moment_ = now;
}

int64_t Profile::end_slice(size_t op, int thread, int64_t begin) {
  const int64_t end = clock_.now();
  slice_ticks_[static_cast<size_t>(thread) * slice_stride_ + op] += end - begin;
  if (LoopRecorder* const recording = recorder())
    recording->record_task(thread, label(op), begin, end);
  return end;
}

void Profile::end_slices() {
  const int64_t now = clock_.now();
  const auto elapsed = static_cast<double>(now - chain_moment_);
  double all = 0;
  for (const int64_t ticks : slice_ticks_) all += static_cast<double>(ticks);
  for (size_t op = 0; op < chain_ticks_.size(); ++op) {
    double own = 0;
    for (size_t place = op; place < slice_ticks_.size(); place += slice_stride_)
      own += static_cast<double>(slice_ticks_[place]);
    if (all > 0) chain_ticks_[op] += static_cast<int64_t>(elapsed * (own / all));
  }
  chain_moment_ = now;
}

void Profile::end_chain(size_t ops) {
  // Stamps as if the ops had run one after the other, the last at the chain's end.
  for (size_t op = 0; op < ops; ++op, ++next_stamp_)
    *next_stamp_ = op + 1 < ops ? next_stamp_[-1] + chain_ticks_[op] : chain_moment_;
  begin_part(0);
}

void Profile::end_step() {
  const int64_t step_end = TickClock::steady_nanoseconds();
  if (warm_up_ > 0) {
    --warm_up_;
    return;
  }
  step_nanoseconds_[static_cast<size_t>(recorded_ % capacity_)] = step_end - step_begin_;
  if (counting()) {
    counters_->read(counts_end_);
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += counts_end_[i] - counts_begin_[i];
    ++counted_steps_;
  }
  if (tracing()) {
    std::copy_n(stamps_.begin() + row(recorded_), stamps_per_step_,
                traced_stamps_.begin() + recorded_ * stamps_per_step_);
  }
  ++recorded_;
}

StepProfile Profile::summarize() const {
  StepProfile profile = form_;
  profile.steps = steps();
  if (profile.steps == 0) return profile;
  const double seconds_per_tick = clock_.seconds_per_tick();
  // The order of the steps does not matter, so the ring is read from its begin.
  double in_ops = 0;
  for (size_t op = 0; op < profile.ops.size(); ++op) {
    std::vector<double> seconds;
    for (int64_t step = 0; step < profile.steps; ++step) {
      const int64_t* const stamp = stamps_.data() + row(step) + op;
      seconds.push_back(static_cast<double>(stamp[1] - stamp[0]) * seconds_per_tick);
      in_ops += seconds.back();
    }
    profile.ops[op].seconds = spread_of(std::move(seconds));
  }
  double in_steps = 0;
  std::vector<double> seconds;
  for (int64_t step = 0; step < profile.steps; ++step) {
    seconds.push_back(static_cast<double>(step_nanoseconds_[static_cast<size_t>(step)]) * 1e-9);
    in_steps += seconds.back();
  }
  profile.step_seconds = spread_of(std::move(seconds));
  profile.coverage = in_steps > 0 ? in_ops / in_steps : 0;
  for (size_t i = 0; i < counts_.size(); ++i)
    profile.counters.emplace_back(counters_->names()[i],
                                  counts_[i] / static_cast<double>(counted_steps_));
  profile.trace = trace(seconds_per_tick);
  return profile;
}

// Loops are labelled with their op and step. An op without a loop is the work of the thread that
// runs the step.
std::vector<TraceEvent> Profile::trace(double seconds_per_tick) const {
  const auto seconds = [&](int64_t ticks) {
    return static_cast<double>(ticks - traced_stamps_.front()) * seconds_per_tick;
  };
  const auto ops = static_cast<size_t>(stamps_per_step_ - 1);
  const int64_t steps = std::min(trace_steps_, recorded_);
  std::vector<TraceEvent> events;
  std::vector<bool> has_loop(static_cast<size_t>(steps) * ops);
  for (int thread = 0; thread < form_.threads && recorder_ != nullptr; ++thread)
    for (const LoopRecorder::Part& part : recorder_->parts(thread)) {
      const auto label = static_cast<size_t>(part.label);
      if (label >= has_loop.size()) continue;  // of a step that did not end
      has_loop[label] = true;
      events.push_back({label % ops, static_cast<int64_t>(label / ops), thread, seconds(part.begin),
                        seconds(part.end)});
    }
  for (size_t label = 0; label < has_loop.size(); ++label) {
    if (has_loop[label]) continue;
    const auto step = static_cast<int64_t>(label / ops);
    const int64_t* const stamp = traced_stamps_.data() + step * stamps_per_step_ + label % ops;
    events.push_back({label % ops, step, 0, seconds(stamp[0]), seconds(stamp[1])});
  }
  std::sort(events.begin(), events.end(), [](const TraceEvent& a, const TraceEvent& b) {
    return std::tie(a.step, a.op, a.thread, a.begin) < std::tie(b.step, b.op, b.thread, b.begin);
  });
  return events;
}

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<size_t>(place);
    const size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
  };
  return {.median = at(0.5), .low = at(0.25), .high = at(0.75)};
}

}  // namespace pronghorn::runtime
