#include "compiler/layout.h"

#include <gtest/gtest.h>

#include "compiler/net.h"
#include "graph/op_kind.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/reshape.h"
#include "graph/printer.h"
#include "kernels/candidates.h"

namespace pronghorn::compiler::testing {
namespace {

using graph::Layout;
using graph::ValueId;
using graph::ValueRole;

const kernels::Policy kReference{.family = kernels::Family::kReference};

// A kernel that wants all images in one layout. Only asked for its layouts, never made.
class Wants final : public kernels::Implementation {
 public:
  explicit Wants(Layout layout) : layout_(layout) {}
  std::string_view name() const override { return "wants"; }
  kernels::Family family() const override { return kernels::Family::kSimd; }
  kernels::OpLayouts layouts(const kernels::KernelCase& kernel_case,
                             std::span<const Layout>) const override {
    return {std::vector(kernel_case.op.inputs.size(), layout_),
            std::vector(kernel_case.op.outputs.size(), layout_)};
  }
  std::unique_ptr<kernels::Kernel> create(const kernels::KernelCase&) const override {
    return nullptr;
  }

 private:
  Layout layout_;
};

const Wants kPlain{Layout::kPlain}, kBlocked8{Layout::kBlocked8}, kBlocked16{Layout::kBlocked16};

// Assigns layouts with op i run by kernels[i]; none for a view. Also checks that selections still
// stand beside their ops.
std::string assigned(graph::Graph& graph, const std::vector<const Wants*>& kernels) {
  std::vector<kernels::Selection> selections;
  for (const Wants* kernel : kernels) selections.push_back({kernel, {}});
  assign_layouts(graph, selections, /*threads=*/1, kReference);
  graph.verify();
  EXPECT_EQ(selections.size(), graph.ops.size());
  size_t original = 0;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    if (graph.ops[i].kind == &graph::reorder_kind())
      EXPECT_EQ(selections[i].chosen, kernels::candidates(graph::reorder_kind()).back());
    else
      EXPECT_EQ(selections[i].chosen, kernels[original++]);
  }
  return graph::to_text(graph);
}

// Chains of an op on images that has no attributes: tanh.
struct Images {
  WeightStore weights{1};
  Net net{weights, 2};
  ValueId x = net.input({4, 4, 16});
  ValueId tanh(ValueId src, ValueRole role = ValueRole::kTemporary) {
    const ValueId dst = net.activation(src, "tanh");
    net.graph.value(dst).role = role;
    return dst;
  }
};

TEST(Layouts, PlainKernelsNeedNoReorder) {
  Images images;
  images.tanh(images.tanh(images.x), ValueRole::kOutput);
  EXPECT_EQ(assigned(images.net.graph, {&kPlain, &kPlain}), R"(forward:
  %1 (2, 4, 4, 16) = elementwise(x) | tanh
  %2 (2, 4, 4, 16) = elementwise(%1) | tanh
)");
}

TEST(Layouts, ValuesBetweenBlockedKernelsStayBlockedAndTheStepsAreReordered) {
  Images images;
  images.tanh(images.tanh(images.tanh(images.x)), ValueRole::kOutput);
  EXPECT_EQ(assigned(images.net.graph, {&kBlocked8, &kBlocked8, &kBlocked8}), R"(forward:
  x:nChw8c (2, 4, 4, 16) = reorder(x)
  %1 (2, 4, 4, 16) nChw8c = elementwise(x:nChw8c) | tanh
  %2 (2, 4, 4, 16) nChw8c = elementwise(%1) | tanh
  %3:nChw8c (2, 4, 4, 16) = elementwise(%2) | tanh
  %3 (2, 4, 4, 16) = reorder(%3:nChw8c)
)");
  EXPECT_EQ(images.net.graph.value(images.x).layout, Layout::kPlain);
}

TEST(Layouts, ReadersThatAgreeShareOneReorder) {
  Images images;
  const ValueId blocked = images.tanh(images.x);
  images.tanh(blocked, ValueRole::kOutput);
  images.tanh(blocked, ValueRole::kOutput);
  images.tanh(images.x, ValueRole::kOutput);
  EXPECT_EQ(assigned(images.net.graph, {&kBlocked8, &kPlain, &kPlain, &kPlain}), R"(forward:
  x:nChw8c (2, 4, 4, 16) = reorder(x)
  %1 (2, 4, 4, 16) nChw8c = elementwise(x:nChw8c) | tanh
  %1:plain (2, 4, 4, 16) = reorder(%1)
  %2 (2, 4, 4, 16) = elementwise(%1:plain) | tanh
  %3 (2, 4, 4, 16) = elementwise(%1:plain) | tanh
  %4 (2, 4, 4, 16) = elementwise(x) | tanh
)");
}

TEST(Layouts, KernelsOfTwoBlockSizesAreConnectedDirectly) {
  Images images;
  images.tanh(images.tanh(images.tanh(images.x)), ValueRole::kOutput);
  EXPECT_EQ(assigned(images.net.graph, {&kBlocked8, &kBlocked16, &kPlain}), R"(forward:
  x:nChw8c (2, 4, 4, 16) = reorder(x)
  %1 (2, 4, 4, 16) nChw8c = elementwise(x:nChw8c) | tanh
  %1:nChw16c (2, 4, 4, 16) = reorder(%1)
  %2 (2, 4, 4, 16) nChw16c = elementwise(%1:nChw16c) | tanh
  %2:plain (2, 4, 4, 16) = reorder(%2)
  %3 (2, 4, 4, 16) = elementwise(%2:plain) | tanh
)");
}

TEST(Layouts, OutputOfTheStepIsPlainAndItsBlockedFormIsUsedAgain) {
  Images images;
  const ValueId seen = images.tanh(images.x, ValueRole::kOutput);
  images.tanh(images.tanh(seen), ValueRole::kOutput);
  EXPECT_EQ(assigned(images.net.graph, {&kBlocked8, &kBlocked8, &kPlain}), R"(forward:
  x:nChw8c (2, 4, 4, 16) = reorder(x)
  %1:nChw8c (2, 4, 4, 16) = elementwise(x:nChw8c) | tanh
  %1 (2, 4, 4, 16) = reorder(%1:nChw8c)
  %2 (2, 4, 4, 16) nChw8c = elementwise(%1:nChw8c) | tanh
  %2:plain (2, 4, 4, 16) = reorder(%2)
  %3 (2, 4, 4, 16) = elementwise(%2:plain) | tanh
)");
  for (const graph::Value& value : images.net.graph.values)
    EXPECT_TRUE(value.role != ValueRole::kOutput || value.layout == Layout::kPlain) << value.name;
}

TEST(Layouts, ViewsReadPlainMemory) {
  Images images;
  const ValueId flat = images.net.flatten(images.tanh(images.x));
  images.net.graph.value(flat).role = ValueRole::kOutput;
  EXPECT_EQ(assigned(images.net.graph, {&kBlocked8, nullptr}), R"(forward:
  x:nChw8c (2, 4, 4, 16) = reorder(x)
  %1 (2, 4, 4, 16) nChw8c = elementwise(x:nChw8c) | tanh
  %1:plain (2, 4, 4, 16) = reorder(%1)
  %2 (2, 256) = reshape(%1:plain) shape=[2, 256]
)");
}

// With the kernels that there are: the small CNN's convolutions may agree on blocked images, but
// what the caller of a step sees is plain.
TEST(Layouts, CompiledStepShowsItsCallerPlainMemory) {
  WeightStore weights(1);
  Net net(weights, 32);
  net.train(mnist_cnn(net), optimizer("rmsprop"));
  const auto executable = net.compile();
  for (const graph::Value& value : executable->graph().values) {
    EXPECT_TRUE(value.role == ValueRole::kTemporary || value.layout == Layout::kPlain)
        << value.name;
  }
  // No value is brought into the same layout twice.
  std::vector<std::string> reordered;
  for (const graph::Op& op : executable->graph().ops)
    if (op.kind == &graph::reorder_kind())
      reordered.push_back(executable->graph().input(op, 0).name +
                          graph::to_string(executable->graph().output(op, 0).layout));
  std::sort(reordered.begin(), reordered.end());
  EXPECT_EQ(std::adjacent_find(reordered.begin(), reordered.end()), reordered.end());
}

}  // namespace
}  // namespace pronghorn::compiler::testing
