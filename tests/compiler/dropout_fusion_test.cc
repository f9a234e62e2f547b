#include "compiler/dropout_fusion.h"

#include <gtest/gtest.h>

#include "compiler/net.h"
#include "graph/ops/elementwise.h"
#include "graph/printer.h"

namespace pronghorn::compiler::testing {
namespace {

using graph::StageFunction;
using graph::ValueId;
using graph::ValueRole;

// An activation, its dropout and, with the same or another stream, the gradients of both.
std::string after_pass(StageFunction activation, StageFunction backward, uint64_t stream) {
  WeightStore weights(1);
  Net net(weights, 8);
  graph::Builder& builder = net.builder();
  const ValueId activated = graph::elementwise(builder, net.input({3}), {activation});
  const ValueId dropped = graph::dropout(builder, activated, 0.5, 1);
  const ValueId diff = builder.add_value("diff", {8, 3}, ValueRole::kInput);
  const ValueId diff_activated = graph::dropout(builder, diff, 0.5, stream);
  const ValueId diff_src = graph::elementwise(builder, diff_activated, {backward}, activated);
  for (const ValueId output : {dropped, diff_src})
    net.graph.value(output).role = ValueRole::kOutput;
  read_signs_behind_dropout(net.graph);
  net.graph.verify();
  return graph::to_text(net.graph);
}

TEST(ReadSignsBehindDropout, OfReluTheSignIsTheSame) {
  EXPECT_EQ(after_pass(StageFunction::kRelu, StageFunction::kReluBackward, 1), R"(forward:
  %1 (8, 3) = elementwise(x) | relu
  %2 (8, 3) = elementwise(%1) | dropout(0.5)
  %4 (8, 3) = elementwise(diff) | scale(2)
  %5 (8, 3) = elementwise(%4) | relu_backward(%2)
)");
}

TEST(ReadSignsBehindDropout, OfLeakyReluWhatIsDroppedIsDrawnAnew) {
  const std::string text =
      after_pass(StageFunction::kLeakyRelu, StageFunction::kLeakyReluBackward, 1);
  EXPECT_NE(text.find("elementwise(diff) | dropout(0.5)"), std::string::npos) << text;
  EXPECT_NE(text.find("leaky_relu_backward(%2)"), std::string::npos) << text;
}

TEST(ReadSignsBehindDropout, OfOthersTheValueIsWanted) {
  const std::string text = after_pass(StageFunction::kTanh, StageFunction::kTanhBackward, 1);
  EXPECT_NE(text.find("tanh_backward(%1)"), std::string::npos) << text;
}

TEST(ReadSignsBehindDropout, AnotherDropoutDropsOthers) {
  const std::string text = after_pass(StageFunction::kRelu, StageFunction::kReluBackward, 2);
  EXPECT_NE(text.find("relu_backward(%1)"), std::string::npos) << text;
}

}  // namespace
}  // namespace pronghorn::compiler::testing
