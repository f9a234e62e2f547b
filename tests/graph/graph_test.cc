#include "graph/graph.h"

#include <stdexcept>

#include "graph/graph_fixture.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/matmul.h"
#include "graph/ops/sum_rows.h"

namespace pronghorn::graph {
namespace {

using testing::HasSubstr;

// x (2, 3) times w (3, 4), then relu.
class VerifyTest : public GraphTest {
 protected:
  void SetUp() override {
    builder.set_layer("dense");
    x = input({2, 3});
    w = builder.add_value("w", {3, 4}, ValueRole::kParameter);
    product = matmul(builder, x, w);
    result = elementwise(builder, product, {StageFunction::kRelu});
    graph.value(result).role = ValueRole::kOutput;
  }

  std::string fault() const {
    try {
      graph.verify();
    } catch (const std::logic_error& error) {
      return error.what();
    }
    return "";
  }

  ValueId x, w, product, result;
};

TEST_F(VerifyTest, AcceptsWhatTheBuilderBuilds) { EXPECT_EQ(fault(), ""); }

TEST_F(VerifyTest, CatchesAReadBeforeTheWrite) {
  std::swap(graph.ops[0], graph.ops[1]);
  EXPECT_EQ(fault(), "op 0 (elementwise, layer 'dense'): reads '%2' before it is written");
}

TEST_F(VerifyTest, CatchesASecondWrite) {
  graph.ops.push_back(graph.ops[0]);
  EXPECT_THAT(fault(), HasSubstr("op 2 (matmul, layer 'dense'): writes '%2', which is written"));
}

TEST_F(VerifyTest, CatchesAWriteToAnInput) {
  graph.ops[0].outputs[0] = x;
  EXPECT_THAT(fault(), HasSubstr("writes 'x', which is written already"));
}

TEST_F(VerifyTest, CatchesAWrongShape) {
  graph.value(product).shape = {2, 5};
  EXPECT_THAT(fault(), HasSubstr("output '%2' has shape (2, 5), its kind infers (2, 4)"));
}

TEST_F(VerifyTest, CatchesAWrongElementType) {
  graph.value(product).element = ElementType::kInt32;
  EXPECT_THAT(fault(), HasSubstr("output '%2'"));
}

TEST_F(VerifyTest, CatchesAnInputThatDoesNotExist) {
  graph.ops[1].inputs[0] = 99;
  EXPECT_THAT(fault(), HasSubstr("an input does not exist"));
  graph.ops[1].inputs[0] = kNoValue;
  EXPECT_THAT(fault(), HasSubstr("an input does not exist"));
}

TEST_F(VerifyTest, CatchesAStageWhoseOperandIsNoInput) {
  graph.ops[1].epilogue = {{StageFunction::kAdd, 1}};
  EXPECT_THAT(fault(), HasSubstr("a stage's operand is no input of the op"));
}

TEST_F(VerifyTest, CatchesAMissingOutput) {
  graph.ops[1].outputs.clear();
  EXPECT_THAT(fault(), HasSubstr("has another number of outputs than its kind"));
}

TEST_F(VerifyTest, CatchesAnOutputThatIsNeverWritten) {
  graph.ops.pop_back();
  EXPECT_EQ(fault(), "output '%3' is never written");
}

TEST_F(GraphTest, FindsValuesByName) {
  const ValueId id = builder.add_value("kernel", {3}, ValueRole::kParameter);
  EXPECT_EQ(graph.find("kernel"), id);
  EXPECT_THROW(graph.find("bias"), std::logic_error);
}

TEST_F(GraphTest, OpsCarryLayerAndPhase) {
  builder.set_layer("dense_1");
  builder.set_phase(Phase::kUpdate);
  sum_rows(builder, input({2, 3}));
  EXPECT_EQ(graph.ops[0].layer, "dense_1");
  EXPECT_EQ(graph.ops[0].phase, Phase::kUpdate);
  EXPECT_STREQ(to_string(Phase::kBackwardWeights), "backward to weights");
}

TEST_F(GraphTest, GradientIsAskedForWantedInputsOnly) {
  const ValueId x = input({2, 3}), w = input({3, 4});
  matmul(builder, x, w);
  const Op op = graph.ops[0];
  const std::vector<ValueId> gradients =
      op.kind->gradient(builder, op, std::vector{input({2, 4})}, {false, true});
  EXPECT_EQ(gradients[0], kNoValue);
  EXPECT_EQ(shape(gradients[1]), (Shape{3, 4}));
  EXPECT_EQ(graph.ops.size(), 2u);
  EXPECT_EQ(graph.ops[1].phase, Phase::kBackwardWeights);
}

TEST_F(GraphTest, AKindWithoutAGradientSaysSo) {
  builder.set_layer("loss");
  mean(builder, input({2}));
  const Op op = graph.ops[0];
  try {
    op.kind->gradient(builder, op, std::vector{input({})}, {true});
    FAIL();
  } catch (const std::logic_error& error) {
    EXPECT_STREQ(error.what(), "op mean of layer 'loss' has no gradient");
  }
}

}  // namespace
}  // namespace pronghorn::graph
