#include "cost/ladder.h"

#include <fmt/format.h>

#include "graph/op_kind.h"
#include "kernels/candidates.h"
#include "kernels/selection.h"

namespace pronghorn::cost {
namespace {

double total(const StepToPredict& step, const Machine& machine, const Reach& reach, int threads) {
  return sum(predict(step, machine, reach, threads)).seconds;
}

// The best kernel that does all multiply-accumulates which the op names.
const kernels::Implementation* without_shortcuts(const kernels::KernelCase& kernel_case,
                                                 const kernels::Policy& policy,
                                                 const kernels::Implementation* chosen) {
  const int64_t named = graph::cost(kernel_case.graph, kernel_case.op).multiply_accumulates;
  const auto does_all = [&](const kernels::Implementation& implementation) {
    return implementation.execution(kernel_case).multiply_accumulates >= named;
  };
  if (chosen == nullptr || does_all(*chosen)) return chosen;
  for (const kernels::Implementation* candidate : kernels::candidates(*kernel_case.op.kind))
    if (!kernels::why_not(*candidate, kernel_case, policy) && does_all(*candidate))
      return candidate;
  return chosen;
}

}  // namespace

std::vector<LadderRung> ladder(const ModelStep& step, const Explanation& explanation,
                               const Machine& machine, const Reach& reach, bool measure) {
  const int threads = explanation.threads;
  const kernels::Policy textbook_kernels{.family = kernels::Family::kReference};
  kernels::Policy best_kernels = step.policy();
  best_kernels.family.reset();
  const compiler::OptimizedGraph textbook = step.optimize(1, textbook_kernels);
  const compiler::OptimizedGraph best = step.optimize(1, best_kernels);
  const StepToPredict fast = to_predict(best);
  StepToPredict direct = fast;
  for (size_t i = 0; i < direct.chosen.size(); ++i)
    direct.chosen[i] =
        without_shortcuts({best.graph, best.graph.ops[i], 1}, best_kernels, direct.chosen[i]);

  std::vector<LadderRung> rungs;
  rungs.push_back({"textbook loops",
                   "a loop for each index, one multiply-accumulate at a time",
                   total(to_predict(textbook), machine, reach, 1),
                   {}});
  // Of a loop that is vectorized and nothing else we know the rate of a product.
  if (machine.unblocked_multiply_accumulates > 0) {
    double seconds = 0;
    const std::vector<Prediction> each = predict(direct, machine, reach, 1);
    for (size_t i = 0; i < each.size(); ++i) {
      const int64_t macs = best.graph.ops[i].kind->is_view()
                               ? 0
                               : graph::cost(best.graph, best.graph.ops[i]).multiply_accumulates;
      seconds += macs == 0 ? each[i].seconds
                           : std::max(each[i].seconds, static_cast<double>(macs) /
                                                           machine.unblocked_multiply_accumulates);
    }
    rungs.push_back({"SIMD",
                     fmt::format("the same loops on vectors ({})", machine.instruction_set),
                     seconds,
                     {}});
  }
  rungs.push_back({"blocking",
                   "each number that is loaded is used many times from registers and "
                   "caches before the next",
                   total(direct, machine, reach, 1),
                   {}});
  const double alone = total(fast, machine, reach, 1);
  if (fast.chosen != direct.chosen)
    rungs.push_back(
        {"less arithmetic",
         "kernels that need fewer multiplications than the layers name (Winograd's; zeros skipped)",
         alone,
         {}});
  if (threads > 1)
    rungs.push_back(
        {"threads", fmt::format("{} of them", threads), total(fast, machine, reach, threads), {}});
  if (measure) {
    constexpr double kTooLong = 3;  // seconds a step
    if (rungs.front().seconds < kTooLong)
      rungs.front().measured = step.measure_step(1, textbook_kernels);
    const size_t one_thread = threads > 1 ? rungs.size() - 2 : rungs.size() - 1;
    rungs[one_thread].measured = step.measure_step(1, best_kernels);
    if (threads > 1) rungs.back().measured = step.measure_step(threads, best_kernels);
  }
  return rungs;
}

}  // namespace pronghorn::cost
