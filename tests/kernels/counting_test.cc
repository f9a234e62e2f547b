// The multiply-accumulates that the costs of ops name, counted in the loops of the reference
// kernels by a number type that counts what is added up in it.

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "compiler/training_step.h"
#include "graph/op_kind.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/matmul.h"
#include "kernels/candidates.h"
#include "kernels/reference/counted.h"
#include "model/model.h"
#include "pronghorn/model.h"

namespace pronghorn::kernels {
namespace {

using reference::Counted;

// Of all outputs of an op; -1 where its loops can't be counted.
int64_t counted_multiply_accumulates(const graph::Graph& graph, const graph::Op& op) {
  const auto& implementation = dynamic_cast<const reference::ReferenceImplementation&>(
      *kernels::candidates(*op.kind).back());
  // Ones: nothing is skipped for its value.
  std::vector<std::vector<Counted>> memory;
  Buffers buffers;
  const auto place = [&](graph::ValueId id) {
    const auto elements = static_cast<size_t>(graph.value(id).shape.elements());
    return reinterpret_cast<std::byte*>(memory.emplace_back(elements, Counted(1)).data());
  };
  for (const graph::ValueId input : op.inputs) buffers.inputs.push_back(place(input));
  const size_t inputs = memory.size();
  for (const graph::ValueId output : op.outputs) buffers.outputs.push_back(place(output));
  const Parallel parallel(1);
  if (!implementation.run_counting({graph, op, 1}, buffers, {parallel, 0, 0, 0})) return -1;
  int64_t products = 0;
  for (size_t i = inputs; i < memory.size(); ++i)
    for (const Counted& number : memory[i]) products += number.products;
  return products;
}

// Per image, worked out by hand from the shapes of the layers.
struct ZooModel {
  const char* name;
  int64_t forward;
  int64_t backward;
};
void PrintTo(const ZooModel& model, std::ostream* out) { *out << model.name; }

class CountedStep : public ::testing::TestWithParam<ZooModel> {};
INSTANTIATE_TEST_SUITE_P(Zoo, CountedStep,
                         ::testing::Values(ZooModel{"mnist-mlp", 668'672, 935'936},
                                           ZooModel{"mnist-cnn", 10'903'680, 21'612'672},
                                           ZooModel{"mnist-cnn-4", 113'040, 201'744},
                                           ZooModel{"mnist-cnn-128", 11'992'448, 23'790'208}));

TEST_P(CountedStep, DoesTheMultiplyAccumulatesThatItsCostsName) {
  constexpr int64_t kBatch = 2;
  Model model = load_model(GetParam().name);
  model.initialize(1);
  model::Model& implementation = model.implementation();
  compiler::OptimizerState state(implementation, optimizer("rmsprop"));
  const graph::Graph graph = compiler::training_step(implementation, {}, state, kBatch).graph;
  constexpr size_t kPhases = 4;
  std::array<int64_t, kPhases> counted{}, named{};
  for (const graph::Op& op : graph.ops) {
    const int64_t cost = graph::cost(graph, op).multiply_accumulates;
    if (cost == 0) continue;
    const int64_t count = counted_multiply_accumulates(graph, op);
    ASSERT_GE(count, 0) << op.kind->name() << " names multiply-accumulates that nobody counts";
    EXPECT_EQ(count, cost) << op.kind->name() << " of '" << op.layer << "'";
    counted[static_cast<size_t>(op.phase)] += count;
    named[static_cast<size_t>(op.phase)] += cost;
  }
  EXPECT_EQ(counted, named);
  const auto of = [&](graph::Phase phase) { return counted[static_cast<size_t>(phase)]; };
  EXPECT_EQ(of(graph::Phase::kForward), kBatch * GetParam().forward);
  EXPECT_EQ(of(graph::Phase::kBackwardData) + of(graph::Phase::kBackwardWeights),
            kBatch * GetParam().backward);
  // Each weight is used in its gradient as often as forward; the first layer has no other gradient.
  EXPECT_EQ(of(graph::Phase::kBackwardWeights), kBatch * GetParam().forward);
  EXPECT_EQ(of(graph::Phase::kUpdate), 0);
}

struct SamePaddingCase {
  int64_t extent, kernel, stride;
};

class CountedSamePadding : public ::testing::TestWithParam<SamePaddingCase> {};
INSTANTIATE_TEST_SUITE_P(Windows, CountedSamePadding,
                         ::testing::Values(SamePaddingCase{5, 3, 1}, SamePaddingCase{6, 5, 1},
                                           SamePaddingCase{7, 3, 2}, SamePaddingCase{4, 1, 1}));

// Costs name what a kernel that pads with zeros does; the loops leave out products with what lies
// outside of the image.
TEST_P(CountedSamePadding, IsTheProductsInsideTheImage) {
  const auto [extent, kernel, stride] = GetParam();
  graph::Graph graph;
  graph.batch = 2;
  graph::Builder builder(graph);
  const graph::SamePadding padding = graph::same_padding(extent, kernel, stride, 1);
  const graph::ValueId src =
      builder.add_value("src", {2, extent, extent, 3}, graph::ValueRole::kInput);
  const graph::ValueId weights =
      builder.add_value("weights", {kernel, kernel, 3, 4}, graph::ValueRole::kParameter);
  const graph::ValueId dst = graph::conv2d(
      builder, src, weights,
      {stride, stride, 1, 1, {padding.before, padding.before, padding.after, padding.after}});
  const graph::ValueId diff_dst =
      builder.add_value("diff_dst", graph.value(dst).shape, graph::ValueRole::kInput);
  const graph::Op forward = graph.ops[0];
  forward.kind->gradient(builder, forward, std::vector{diff_dst}, {true, true});
  ASSERT_EQ(graph.ops.size(), 3u);

  // Along one axis, place by place.
  int64_t inside = 0;
  for (int64_t place = 0; place < graph.value(dst).shape[1]; ++place)
    for (int64_t i = 0; i < kernel; ++i) {
      const int64_t at = place * stride - padding.before + i;
      inside += at >= 0 && at < extent;
    }
  for (const graph::Op& op : graph.ops) {
    const int64_t counted = counted_multiply_accumulates(graph, op);
    const int64_t named = graph::cost(graph, op).multiply_accumulates;
    EXPECT_EQ(counted, 2 * inside * inside * 3 * 4) << op.kind->name();
    if (kernel == 1)
      EXPECT_EQ(counted, named);
    else
      EXPECT_LT(counted, named);
  }
}

// A weight gradient's sum over many slices counts each slice once.
TEST(CountedMatmul, CountsEachSliceOfTheBatchOnce) {
  graph::Graph graph;
  graph.batch = 100;
  graph::Builder builder(graph);
  const graph::ValueId src = builder.add_value("src", {100, 7}, graph::ValueRole::kInput);
  const graph::ValueId diff = builder.add_value("diff", {100, 3}, graph::ValueRole::kInput);
  graph::matmul(builder, src, diff, /*transpose_a=*/true, /*transpose_b=*/false);
  EXPECT_EQ(counted_multiply_accumulates(graph, graph.ops[0]), 100 * 7 * 3);
}

}  // namespace
}  // namespace pronghorn::kernels
