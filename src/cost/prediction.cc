#include "cost/prediction.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "cost/residence.h"
#include "graph/op_kind.h"
#include "graph/ops/elementwise.h"
#include "kernels/reference/reference.h"
#include "kernels/simd/simd.h"

namespace pronghorn::cost {
namespace {

// One op's seconds on one thread, by what they go into.
struct OneThread {
  double kernel = 0;  // the kernel's own code
  double stages = 0;  // its epilogue's
};

// Kernels apply an epilogue with the code of an elementwise kernel: their family's, or the SIMD
// one.
std::string_view elementwise_of(kernels::Family family) {
  return family == kernels::Family::kReference ? kernels::reference::elementwise().name()
                                               : kernels::simd::elementwise().name();
}

OneThread on_one_thread(const kernels::KernelCase& kernel_case,
                        const kernels::Implementation& implementation,
                        const kernels::Execution& execution, const Reach& reach) {
  OneThread seconds;
  if (kernel_case.op.kind != &graph::elementwise_kind()) {
    const KernelPoint point = kernel_point(kernel_case, implementation);
    seconds.kernel = point.work / reach.rate(point);
  }
  const int64_t elements = kernel_case.output(0).shape.elements();
  const std::string_view stages = elementwise_of(implementation.family());
  for (size_t i = execution.fused_stages; i < kernel_case.op.epilogue.size(); ++i) {
    const KernelPoint point = stage_point(kernel_case.op.epilogue[i], elements, stages);
    seconds.stages += point.work / reach.rate(point);
  }
  return seconds;
}

struct Memory {
  double seconds = 0;
  MemoryLevel level = MemoryLevel::kL1;  // the farthest that counts
};

// Each operand once over the bandwidth of the level where it lies.
Memory memory_of(const graph::Graph& graph, const graph::Op& op, const OpResidence& where,
                 const Machine::Team& team) {
  std::array<double, kMemoryLevels> by_level{};
  const auto rate = [](double measured) { return measured > 0 ? measured : 1e12; };
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    const auto level = static_cast<size_t>(where.inputs[i]);
    by_level[level] +=
        static_cast<double>(graph.value(op.inputs[i]).bytes()) / rate(team.bandwidth[level].read);
  }
  for (size_t i = 0; i < op.outputs.size(); ++i) {
    const auto level = static_cast<size_t>(where.outputs[i]);
    by_level[level] +=
        static_cast<double>(graph.value(op.outputs[i]).bytes()) / rate(team.bandwidth[level].write);
  }
  Memory memory;
  size_t slowest = 0;
  for (size_t level = 0; level < by_level.size(); ++level) {
    memory.seconds += by_level[level];
    if (by_level[level] > by_level[slowest]) slowest = level;
  }
  memory.level = static_cast<MemoryLevel>(slowest);
  return memory;
}

Bound bound_of(MemoryLevel level) {
  return static_cast<Bound>(static_cast<int>(Bound::kL1) + static_cast<int>(level));
}

}  // namespace

Reach::Reach(const Machine& machine) {
  std::map<std::string, std::vector<Interpolation::Sample>> samples;
  std::vector<double> rates;
  for (const Machine::KernelSample& sample : machine.samples) {
    const double rate = sample.work / sample.seconds;
    samples[sample.kernel].push_back({sample.features, std::log2(rate)});
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

double Reach::rate(const KernelPoint& point) const {
  const auto found = kernels_.find(point.kernel);
  return found == kernels_.end() ? unknown_rate_ : std::exp2(found->second(point.features));
}

std::vector<Prediction> predict(const StepToPredict& step, const Machine& machine,
                                const Reach& reach, int threads) {
  const graph::Graph& graph = step.graph;
  const Machine::Team one = machine.team(1), team = machine.team(threads);
  const int working = std::min(threads, std::max(1, machine.cpus));
  const std::vector<OpResidence> where = residence(graph, step.storage, machine, working);
  // A core's speed in company: clocks fall when all compute.
  const double slowdown =
      team.peak_flops > 0 ? std::max(1.0, one.peak_flops * working / team.peak_flops) : 1;

  std::vector<Prediction> predictions(graph.ops.size());
  for (size_t index = 0; index < graph.ops.size(); ++index) {
    const kernels::Implementation* const chosen = step.chosen[index];
    if (chosen == nullptr) continue;
    const graph::Op& op = graph.ops[index];
    const kernels::KernelCase kernel_case{graph, op, threads};
    const kernels::Execution execution = chosen->execution(kernel_case);
    const OneThread alone = on_one_thread(kernel_case, *chosen, execution, reach);
    const int sharing = static_cast<int>(std::min<int64_t>(working, execution.tasks));
    const double total = (alone.kernel + alone.stages) * (sharing > 1 ? slowdown : 1);

    Prediction& prediction = predictions[index];
    prediction.arithmetic = total / sharing;
    // A team's tasks end together only where their number is a multiple of the threads'.
    const auto rounds = static_cast<double>((execution.tasks + sharing - 1) / sharing);
    const double uneven = total * rounds / static_cast<double>(execution.tasks) - total / sharing;
    const Memory memory = memory_of(graph, op, where[index], sharing > 1 ? team : one);
    prediction.memory = memory.seconds;
    prediction.overhead = std::max(0.0, uneven) + (sharing > 1 ? team.region_seconds : 0);
    prediction.seconds = std::max(prediction.arithmetic, prediction.memory) + prediction.overhead;
    if (prediction.overhead > 0.5 * prediction.seconds)
      prediction.bound = Bound::kOverhead;
    else if (prediction.memory > prediction.arithmetic)
      prediction.bound = bound_of(memory.level);
    else
      prediction.bound = Bound::kArithmetic;
  }
  return predictions;
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
