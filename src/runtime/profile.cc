#include "runtime/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>

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

}  // namespace

Profile::Profile(const Executable& executable, const ProfileOptions& options)
    : executable_(&executable), capacity_(options.capacity), warm_up_(options.warm_up) {
  if (options.capacity < 1 || options.warm_up < 0) {
    throw ArgumentError(fmt::format("a profile of {} steps after {}; they must be 1 and 0 or more",
                                    options.capacity, options.warm_up));
  }
  const graph::Graph& graph = executable.graph();
  form_.batch_size = graph.batch;
  for (const Instruction& instruction : executable.instructions())
    if (instruction.kernel) form_.ops.push_back(form_of(graph.ops[instruction.op], instruction));
  stamps_per_step_ = static_cast<int64_t>(form_.ops.size()) + 1;
  stamps_.resize(static_cast<size_t>((capacity_ + 1) * stamps_per_step_));
  step_nanoseconds_.resize(static_cast<size_t>(capacity_));
}

int64_t Profile::steps() const { return std::min(recorded_, capacity_); }

void Profile::begin_step(const Executable& executable, const kernels::RunContext& context) {
  if (&executable != executable_)
    throw std::logic_error("a profile was made for another executable than the one that runs");
  form_.threads = context.parallel.threads();
  next_stamp_ = stamps_.data() + (warm_up_ > 0 ? capacity_ * stamps_per_step_ : row(recorded_));
  step_begin_ = TickClock::steady_nanoseconds();
  *next_stamp_++ = clock_.now();
}

void Profile::end_step() {
  const int64_t step_end = TickClock::steady_nanoseconds();
  if (warm_up_ > 0) {
    --warm_up_;
    return;
  }
  step_nanoseconds_[static_cast<size_t>(recorded_ % capacity_)] = step_end - step_begin_;
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
  return profile;
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
