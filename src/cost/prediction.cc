#include "cost/prediction.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "cost/exchange.h"
#include "cost/residence.h"
#include "graph/op_kind.h"
#include "graph/ops/elementwise.h"
#include "kernels/reference/reference.h"
#include "kernels/simd/simd.h"

namespace pronghorn::cost {
namespace {

// Kernels apply an epilogue with the code of an elementwise kernel: their family's, or the SIMD
// one.
std::string_view elementwise_of(kernels::Family family) {
  return family == kernels::Family::kReference ? kernels::reference::elementwise().name()
                                               : kernels::simd::elementwise().name();
}

// An op on one thread, by what a prediction must keep apart.
struct OneThread {
  double near = 0;  // with all operands in the near caches
  double far = 0;   // with each where it is
};

// A part of an op, a kernel's own code or a stage of its epilogue, and the operands that it moves.
class Part {
 public:
  Part(const Reach& reach, KernelPoint point) : reach_(reach), point_(std::move(point)) {}

  void add_operand(int64_t bytes, MemoryLevel level) {
    bytes_[static_cast<size_t>(level)] += static_cast<double>(bytes);
    all_bytes_ += static_cast<double>(bytes);
  }
  void add_to(OneThread& seconds) const {
    const double near = point_.work / reach_.rate(point_, MemoryLevel::kL1);
    seconds.near += near;
    if (all_bytes_ == 0) {
      seconds.far += near;
      return;
    }
    // Each operand's share of the time that the kernel takes when all come from there.
    for (int level = 0; level < kMemoryLevels; ++level) {
      const double share = bytes_[static_cast<size_t>(level)] / all_bytes_;
      if (share > 0)
        seconds.far += share * point_.work / reach_.rate(point_, static_cast<MemoryLevel>(level));
    }
  }

 private:
  const Reach& reach_;
  KernelPoint point_;
  std::array<double, kMemoryLevels> bytes_{};
  double all_bytes_ = 0;
};

OneThread on_one_thread(const kernels::KernelCase& kernel_case,
                        const kernels::Implementation& implementation,
                        const kernels::Execution& execution, const OpResidence& where,
                        const Reach& reach) {
  const graph::Op& op = kernel_case.op;
  OneThread seconds;
  std::vector<bool> of_epilogue(op.inputs.size());
  for (const graph::Stage& stage : op.epilogue)
    if (stage.operand >= 0) of_epilogue[static_cast<size_t>(stage.operand)] = true;
  const bool elementwise = op.kind == &graph::elementwise_kind();
  if (!elementwise) {
    Part part(reach, kernel_point(kernel_case, implementation));
    for (size_t i = 0; i < op.inputs.size(); ++i)
      if (!of_epilogue[i])
        part.add_operand(kernel_case.input(static_cast<int>(i)).bytes(), where.inputs[i]);
    for (size_t i = 0; i < op.outputs.size(); ++i)
      part.add_operand(kernel_case.output(static_cast<int>(i)).bytes(), where.outputs[i]);
    part.add_to(seconds);
  }
  const int64_t elements = kernel_case.output(0).shape.elements();
  const int64_t bytes = kernel_case.output(0).bytes();
  for (size_t i = execution.fused_stages; i < op.epilogue.size(); ++i) {
    const graph::Stage& stage = op.epilogue[i];
    Part part(reach, stage_point(stage, elements, elementwise_of(implementation.family())));
    // What the kernel, or the stage before, has just written is near.
    const bool first = elementwise && i == 0;
    part.add_operand(bytes, first ? where.inputs[0] : MemoryLevel::kL1);
    part.add_operand(bytes, first ? where.outputs[0] : MemoryLevel::kL1);
    if (stage.operand >= 0)
      part.add_operand(kernel_case.input(stage.operand).bytes(),
                       where.inputs[static_cast<size_t>(stage.operand)]);
    part.add_to(seconds);
  }
  return seconds;
}

struct Memory {
  double seconds = 0;
  MemoryLevel level = MemoryLevel::kL1;  // the one that most of it goes to
};

// Each operand once over the bandwidth of the level where it lies.
Memory memory_of(const graph::Graph& graph, const graph::Op& op, const OpResidence& where,
                 const Machine::Team& team) {
  std::array<double, kMemoryLevels> by_level{};
  const auto add = [&](graph::ValueId id, MemoryLevel level, double Machine::Bandwidth::*rate) {
    const double measured = team.bandwidth[static_cast<size_t>(level)].*rate;
    if (measured > 0)
      by_level[static_cast<size_t>(level)] +=
          static_cast<double>(graph.value(id).bytes()) / measured;
  };
  for (size_t i = 0; i < op.inputs.size(); ++i)
    add(op.inputs[i], where.inputs[i], &Machine::Bandwidth::read);
  for (size_t i = 0; i < op.outputs.size(); ++i)
    add(op.outputs[i], where.outputs[i], &Machine::Bandwidth::write);
  return {std::accumulate(by_level.begin(), by_level.end(), 0.0),
          static_cast<MemoryLevel>(std::max_element(by_level.begin(), by_level.end()) -
                                   by_level.begin())};
}

// After so long without a parallel loop the team's threads sleep (platform/parallel.cc).
constexpr double kSpinSeconds = 20e-6;

Bound bound_of(const Prediction& prediction, MemoryLevel level) {
  if (prediction.overhead > 0.5 * prediction.seconds) return Bound::kOverhead;
  // Within a tenth of its speed in the near caches, arithmetic is what it waits for.
  if (prediction.memory <= 1.1 * prediction.arithmetic) return Bound::kArithmetic;
  return static_cast<Bound>(static_cast<int>(Bound::kL1) + static_cast<int>(level));
}

}  // namespace

Reach::Reach(const Machine& machine) {
  std::map<std::pair<std::string, MemoryLevel>, std::vector<Interpolation::Sample>> samples;
  std::vector<double> rates;
  for (const Machine::KernelSample& sample : machine.samples) {
    const double rate = sample.work / sample.seconds;
    samples[{sample.kernel, sample.from}].push_back({sample.features, std::log2(rate)});
    rates.push_back(rate);
  }
  for (auto& [kernel, of_kernel] : samples) kernels_.emplace(kernel, std::move(of_kernel));
  if (rates.empty()) {
    unknown_rate_ = machine.team(1).peak_flops / 10;
    return;
  }
  std::nth_element(rates.begin(), rates.begin() + static_cast<ptrdiff_t>(rates.size() / 2),
                   rates.end());
  unknown_rate_ = rates[rates.size() / 2];
}

double Reach::rate(const KernelPoint& point, MemoryLevel from) const {
  // Where a level was not measured, the next nearer one is taken.
  for (int level = static_cast<int>(from); level >= 0; --level) {
    const auto found = kernels_.find({point.kernel, static_cast<MemoryLevel>(level)});
    if (found != kernels_.end()) return std::exp2(found->second(point.features));
  }
  return unknown_rate_;
}

std::vector<Prediction> predict(const StepToPredict& step, const Machine& machine,
                                const Reach& reach, int threads) {
  const graph::Graph& graph = step.graph;
  const Machine::Team one = machine.team(1), team = machine.team(threads);
  const int working = std::min(threads, std::max(1, machine.cpus));
  std::vector<kernels::Execution> executions(graph.ops.size());
  std::vector<bool> streams(graph.ops.size());
  std::vector<int64_t> tasks(graph.ops.size(), 1);
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    if (step.chosen[index] == nullptr) continue;
    executions[index] = step.chosen[index]->execution({graph, graph.ops[index], threads});
    streams[index] = executions[index].streams_outputs;
    tasks[index] = executions[index].tasks;
  }
  const std::vector<OpResidence> where = residence(graph, step.storage, streams, machine, working);
  const std::vector<OpExchange> exchanged = exchanges(graph, step.storage, where, tasks, working);
  // A core's speed in company: clocks fall when all compute.
  const double slowdown =
      team.peak_flops > 0 ? std::max(1.0, one.peak_flops * working / team.peak_flops) : 1;

  std::vector<Prediction> predictions(graph.ops.size());
  std::vector<MemoryLevel> levels(graph.ops.size());
  std::vector<bool> shared(graph.ops.size());
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    if (step.chosen[index] == nullptr) continue;
    const graph::Op& op = graph.ops[index];
    const kernels::Execution& execution = executions[index];
    const OneThread alone =
        on_one_thread({graph, op, threads}, *step.chosen[index], execution, where[index], reach);
    const auto sharing = static_cast<double>(std::min<int64_t>(working, execution.tasks));
    shared[index] = sharing > 1;
    const double pace = shared[index] ? slowdown : 1;
    const Memory memory = memory_of(graph, op, where[index], shared[index] ? team : one);
    levels[index] = memory.level;

    Prediction& prediction = predictions[index];
    prediction.arithmetic = alone.near * pace / sharing;
    prediction.memory = std::max(memory.seconds, alone.far * pace / sharing) +
                        exchange_seconds(exchanged[index], team);
    if (!shared[index]) continue;
    // A team's tasks end together only where their number is a multiple of the threads'.
    const double rounds = std::ceil(static_cast<double>(execution.tasks) / sharing);
    const double uneven = rounds * sharing / static_cast<double>(execution.tasks) - 1;
    prediction.overhead = std::max(prediction.arithmetic, prediction.memory) * uneven;
  }
  double since_loop = 0;  // seconds for which the team has had nothing to do
  // The first round tells how a step leaves the team to the next one.
  for (int round = 0; round < 2; ++round)
    for (size_t index = 0; index < graph.ops.size(); ++index) {
      if (step.chosen[index] == nullptr) continue;
      Prediction& prediction = predictions[index];
      if (shared[index] && round == 1)
        prediction.overhead += since_loop > kSpinSeconds ? team.wake_seconds : team.region_seconds;
      prediction.seconds = std::max(prediction.arithmetic, prediction.memory) + prediction.overhead;
      since_loop = shared[index] ? 0 : since_loop + prediction.seconds;
    }
  for (size_t index = 0; index < graph.ops.size(); ++index)
    if (step.chosen[index] != nullptr)
      predictions[index].bound = bound_of(predictions[index], levels[index]);
  return predictions;
}

double predict_stages(const StepToPredict& step, const Machine& machine, const Reach& reach,
                      int threads, graph::StageFunction function) {
  const int working = std::min(threads, std::max(1, machine.cpus));
  double seconds = 0;
  for (size_t index = 0; index < step.graph.ops.size(); ++index) {
    const graph::Op& op = step.graph.ops[index];
    const kernels::Implementation* const chosen = step.chosen[index];
    if (chosen == nullptr) continue;
    const kernels::Execution execution = chosen->execution({step.graph, op, threads});
    for (size_t i = execution.fused_stages; i < op.epilogue.size(); ++i) {
      if (op.epilogue[i].function != function) continue;
      const KernelPoint point =
          stage_point(op.epilogue[i], step.graph.output(op, 0).shape.elements(),
                      elementwise_of(chosen->family()));
      seconds += point.work / reach.rate(point, MemoryLevel::kL1) /
                 static_cast<double>(std::min<int64_t>(working, execution.tasks));
    }
  }
  return seconds;
}

Prediction sum(const std::vector<Prediction>& predictions) {
  Prediction total;
  std::array<double, 6> by_bound{};
  for (const Prediction& each : predictions) {
    total.seconds += each.seconds;
    total.arithmetic += each.arithmetic;
    total.memory += each.memory;
    total.overhead += each.overhead;
    by_bound[static_cast<size_t>(each.bound)] += each.seconds;
  }
  total.bound =
      static_cast<Bound>(std::max_element(by_bound.begin(), by_bound.end()) - by_bound.begin());
  return total;
}

}  // namespace pronghorn::cost
