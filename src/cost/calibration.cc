#include "cost/calibration.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "cost/kernel_point.h"
#include "cost/timed_kernel.h"
#include "graph/op_kind.h"
#include "graph/ops/elementwise.h"
#include "kernels/candidates.h"
#include "kernels/selection.h"

namespace pronghorn::cost {

using graph::Graph;

namespace {

// The textbook loops take hundreds of times as long, at a rate that hardly depends on the shape.
bool too_slow(const kernels::Implementation& implementation, const KernelPoint& point) {
  return implementation.family() == kernels::Family::kReference && point.work > 3e6;
}

}  // namespace

std::string kernel_set() {
  // FNV-1a, which is the same on every machine.
  uint64_t hash = 14695981039346656037u;
  for (const graph::OpKind* kind : kernels::kinds_with_candidates())
    for (const kernels::Implementation* implementation : kernels::candidates(*kind))
      for (const char c : std::string(implementation->name()) + '\n')
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return fmt::format("{:016x}", hash);
}

std::vector<Machine::KernelSample> measure_kernels() {
  std::vector<Machine::KernelSample> samples;
  std::set<std::pair<std::string, std::vector<double>>> measured;
  for (const Graph& graph : calibration_graphs()) {
    for (size_t index = 0; index < graph.ops.size(); ++index) {
      const graph::Op& op = graph.ops[index];
      if (op.kind->is_view()) continue;
      const kernels::KernelCase kernel_case{graph, op, 1};
      for (const kernels::Implementation* implementation : kernels::candidates(*op.kind)) {
        if (kernels::why_not(*implementation, kernel_case)) continue;
        const KernelPoint point =
            op.kind == &graph::elementwise_kind()
                ? stage_point(op.epilogue[0], kernel_case.output(0).shape.elements(),
                              implementation->name())
                : kernel_point(kernel_case, *implementation);
        if (too_slow(*implementation, point)) continue;
        if (!measured.emplace(point.kernel, point.features).second) continue;
        TimedKernel timed(graph, index, *implementation);
        const auto add = [&](MemoryLevel from, int runs, double seconds) {
          samples.push_back({point.kernel, point.features, from, point.work,
                             timed.typical_seconds(from, runs, seconds)});
        };
        add(MemoryLevel::kL1, 5, 1e-3);
        // The textbook loops are too slow for memory to matter to them.
        if (implementation->family() == kernels::Family::kReference) continue;
        add(MemoryLevel::kL2, 5, 0);
        add(MemoryLevel::kL3, 5, 0);
        add(MemoryLevel::kDram, 5, 0);
      }
    }
  }
  return samples;
}

}  // namespace pronghorn::cost
