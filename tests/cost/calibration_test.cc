#include "cost/calibration.h"

#include <gtest/gtest.h>

#include <set>

#include "cost/kernel_point.h"
#include "cost/model_step.h"
#include "graph/op_kind.h"
#include "graph/ops/elementwise.h"
#include "kernels/candidates.h"
#include "kernels/selection.h"

namespace pronghorn::cost {
namespace {

TEST(Calibration, GraphsAreWellFormed) {
  for (const graph::Graph& graph : calibration_graphs()) EXPECT_NO_THROW(graph.verify());
}

// Every kernel that a step may run has a shape at which it is measured.
TEST(Calibration, ReachesEveryKernel) {
  std::set<std::string> measured, refusing;
  for (const graph::Graph& graph : calibration_graphs())
    for (const graph::Op& op : graph.ops) {
      if (op.kind->is_view()) continue;
      for (const kernels::Implementation* implementation : kernels::candidates(*op.kind)) {
        const std::string name(implementation->name());
        const bool refused = kernels::why_not(*implementation, {graph, op, 1}).has_value();
        (refused ? refusing : measured).insert(name);
      }
    }
  for (const graph::OpKind* kind : kernels::kinds_with_candidates())
    for (const kernels::Implementation* implementation : kernels::candidates(*kind)) {
      const std::string name(implementation->name());
      // A kernel may have no code for this machine at all; then it refuses every shape.
      EXPECT_TRUE(measured.contains(name) || refusing.contains(name)) << name;
    }
}

// And under the name that its ops in the zoo's steps go by: what has none is foreseen by guesswork.
TEST(Calibration, MeasuresWhatTheZoosStepsRun) {
  std::set<std::string> measured;
  for (const graph::Graph& graph : calibration_graphs())
    for (const graph::Op& op : graph.ops)
      if (!op.kind->is_view() && op.kind != &graph::elementwise_kind())
        for (const kernels::Implementation* implementation : kernels::candidates(*op.kind))
          if (!kernels::why_not(*implementation, {graph, op, 1}))
            measured.insert(kernel_point({graph, op, 1}, *implementation).kernel);
  for (const char* name : {"mnist-mlp", "mnist-cnn-4", "mnist-cnn", "mnist-cnn-128"}) {
    const ModelStep step(load_model(name), CompileConfig(), 128);
    const compiler::OptimizedGraph optimized = step.optimize(1, {});
    for (size_t i = 0; i < optimized.graph.ops.size(); ++i) {
      const graph::Op& op = optimized.graph.ops[i];
      const kernels::Implementation* const chosen = optimized.selections[i].chosen;
      if (chosen == nullptr || op.kind == &graph::elementwise_kind()) continue;
      const std::string kernel = kernel_point({optimized.graph, op, 1}, *chosen).kernel;
      EXPECT_TRUE(measured.contains(kernel)) << kernel << " of " << name;
    }
  }
}

TEST(KernelPoint, OfOneKernelHasAlwaysAsManyFeatures) {
  std::map<std::string, size_t> features;
  for (const graph::Graph& graph : calibration_graphs())
    for (const graph::Op& op : graph.ops) {
      if (op.kind->is_view() || op.kind == &graph::elementwise_kind()) continue;
      const kernels::Implementation& reference = *kernels::candidates(*op.kind).back();
      const KernelPoint point = kernel_point({graph, op, 1}, reference);
      const auto [found, is_new] = features.emplace(point.kernel, point.features.size());
      EXPECT_EQ(found->second, point.features.size()) << point.kernel;
      EXPECT_GT(point.work, 0) << point.kernel;
    }
}

}  // namespace
}  // namespace pronghorn::cost
