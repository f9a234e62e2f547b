#pragma once

#include <map>
#include <string>
#include <vector>

#include "cost/interpolation.h"
#include "cost/kernel_point.h"
#include "graph/graph.h"
#include "kernels/kernel.h"
#include "pronghorn/explain.h"
#include "pronghorn/machine.h"

namespace pronghorn::cost {

// What kernels reach on a machine: its samples, interpolated.
class Reach {
 public:
  explicit Reach(const Machine& machine);

  // Work per second at a point, on one thread, with its operands coming from a level. A kernel that
  // the machine has no sample of is taken at the median rate of those it has.
  double rate(const KernelPoint& point, MemoryLevel from) const;

 private:
  std::map<std::pair<std::string, MemoryLevel>, Interpolation> kernels_;
  double unknown_rate_ = 0;
};

// A step as a prediction needs it; `chosen` is null for views.
struct StepToPredict {
  const graph::Graph& graph;
  std::vector<const kernels::Implementation*> chosen;
  // The value whose memory a value has.
  std::vector<graph::ValueId> storage;
};

// Of each op, in order; zero for views. Predictions for several numbers of threads of one step are
// for one and the same list of kernels, since the choice doesn't depend on threads.
std::vector<Prediction> predict(const StepToPredict& step, const Machine& machine,
                                const Reach& reach, int threads);

// What all stages of one function (dropout, say) add to the step, foreseen.
double predict_stages(const StepToPredict& step, const Machine& machine, const Reach& reach,
                      int threads, graph::StageFunction function);

// The sum; its bound is the one that most of the time has.
Prediction sum(const std::vector<Prediction>& predictions);

}  // namespace pronghorn::cost
