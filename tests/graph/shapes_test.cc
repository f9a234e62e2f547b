// The shapes that ops infer, and what they say of those that don't fit.

#include "graph/graph_fixture.h"
#include "graph/ops/batch_norm.h"
#include "graph/ops/broadcast.h"
#include "graph/ops/concatenate.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/loss.h"
#include "graph/ops/matmul.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/pad.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/reshape.h"
#include "graph/ops/softmax.h"
#include "graph/ops/sum_rows.h"
#include "graph/ops/transpose.h"
#include "graph/ops/upsample2d.h"

namespace pronghorn::graph {
namespace {

using ShapesTest = GraphTest;

TEST_F(ShapesTest, Conv2DValid) {
  const ValueId src = input({2, 28, 27, 3}), weights = input({3, 5, 3, 8});
  EXPECT_EQ(shape(conv2d(builder, src, weights, {})), (Shape{2, 26, 23, 8}));
  EXPECT_EQ(shape(conv2d(builder, src, weights, {2, 3, 1, 1, {}})), (Shape{2, 13, 8, 8}));
  EXPECT_EQ(shape(conv2d(builder, src, weights, {1, 1, 3, 2, {}})), (Shape{2, 22, 19, 8}));
}

TEST_F(ShapesTest, SamePaddingPutsTheOddElementAtTheEnd) {
  struct Case {
    int64_t extent, window, stride, dilation, before, after;
  };
  for (const Case& c : {Case{28, 3, 1, 1, 1, 1},
                        {28, 2, 1, 1, 0, 1},
                        {28, 4, 1, 1, 1, 2},
                        {28, 3, 2, 1, 0, 1},
                        {27, 3, 2, 1, 1, 1},
                        {7, 2, 2, 1, 0, 1},
                        {8, 1, 3, 1, 0, 0},
                        {9, 3, 1, 2, 2, 2},
                        {1, 5, 1, 1, 2, 2}}) {
    const SamePadding padding = same_padding(c.extent, c.window, c.stride, c.dilation);
    EXPECT_EQ(padding.before, c.before) << c.extent << " " << c.window << " " << c.stride;
    EXPECT_EQ(padding.after, c.after) << c.extent << " " << c.window << " " << c.stride;
  }
}

TEST_F(ShapesTest, SamePaddingGivesTheInputsExtentOverTheStrideRoundedUp) {
  for (int64_t extent = 1; extent <= 12; ++extent)
    for (int64_t window = 1; window <= 5; ++window)
      for (int64_t stride = 1; stride <= 4; ++stride) {
        const SamePadding p = same_padding(extent, window, stride, 1);
        const ValueId dst = conv2d(builder, input({1, extent, 1, 1}), input({window, 1, 1, 1}),
                                   {stride, 1, 1, 1, {p.before, 0, p.after, 0}});
        EXPECT_EQ(shape(dst)[1], (extent + stride - 1) / stride);
      }
}

TEST_F(ShapesTest, Conv2DSaysWhatDoesNotFit) {
  builder.set_layer("conv2d_1");
  EXPECT_EQ(
      shape_error([&] {
        conv2d(builder, input({2, 4, 4, 1}), input({5, 5, 1, 8}), {});
      }),
      "layer 'conv2d_1': kernel (5, 5) is larger than its input (4, 4); use padding='same' or "
      "a smaller kernel");
  EXPECT_EQ(
      shape_error([&] {
        conv2d(builder, input({2, 4, 4, 1}), input({3, 3, 1, 8}), {1, 1, 2, 1, {}});
      }),
      "layer 'conv2d_1': kernel (5, 3) is larger than its input (4, 4); use padding='same' or "
      "a smaller kernel");
  EXPECT_EQ(shape_error([&] {
              conv2d(builder, input({2, 8, 8, 3}), input({3, 3, 1, 8}), {});
            }),
            "layer 'conv2d_1': conv2d's kernel has 1 input channels, its input has 3");
  EXPECT_EQ(shape_error([&] {
              conv2d(builder, input({2, 784}), input({3, 3, 1, 8}), {});
            }),
            "layer 'conv2d_1': conv2d needs images (height, width, channels), not (784,)");
}

TEST_F(ShapesTest, WithoutALayerTheMessageNamesNone) {
  EXPECT_EQ(shape_error([&] {
              matmul(builder, input({2, 3}), input({4, 5}));
            }),
            "the rows have 3 features, the kernel takes 4");
}

TEST_F(ShapesTest, Matmul) {
  EXPECT_EQ(shape(matmul(builder, input({5, 3}), input({3, 7}))), (Shape{5, 7}));
  EXPECT_EQ(shape(matmul(builder, input({3, 5}), input({3, 7}), true, false)), (Shape{5, 7}));
  EXPECT_EQ(shape(matmul(builder, input({5, 3}), input({7, 3}), false, true)), (Shape{5, 7}));
  EXPECT_EQ(shape(matmul(builder, input({3, 5}), input({7, 3}), true, true)), (Shape{5, 7}));
  EXPECT_EQ(shape_error([&] {
              matmul(builder, input({2, 3, 4}), input({4, 5}));
            }),
            "matmul needs two matrices, not (2, 3, 4) and (4, 5)");
}

TEST_F(ShapesTest, Pool2D) {
  const ValueId src = input({2, 7, 9, 5});
  EXPECT_EQ(shape(max_pool2d(builder, src, {})), (Shape{2, 3, 4, 5}));
  EXPECT_EQ(shape(average_pool2d(builder, src, {3, 3, 2, 2, {}})), (Shape{2, 3, 4, 5}));
  EXPECT_EQ(shape_error([&] {
              max_pool2d(builder, input({2, 3, 3, 1}), {4, 4, 4, 4, {}});
            }),
            "pool (4, 4) is larger than its input (3, 3); use padding='same' or a smaller pool");
  EXPECT_EQ(shape_error([&] {
              max_pool2d(builder, input({2, 3}), {});
            }),
            "pooling needs images (height, width, channels), not (3,)");
}

TEST_F(ShapesTest, MaxPoolingsIndexIsAByteWhereThatIsEnough) {
  max_pool2d(builder, input({1, 32, 32, 1}), {16, 16, 16, 16, {}});
  EXPECT_EQ(graph.output(graph.ops.back(), 1).element, ElementType::kUint8);
  max_pool2d(builder, input({1, 34, 34, 1}), {17, 17, 17, 17, {}});
  EXPECT_EQ(graph.output(graph.ops.back(), 1).element, ElementType::kInt32);
}

TEST_F(ShapesTest, ElementwiseOperands) {
  const ValueId src = input({2, 3, 4});
  EXPECT_EQ(shape(bias_add(builder, src, input({4}))), (Shape{2, 3, 4}));
  EXPECT_EQ(shape(add(builder, src, input({2, 3, 4}))), (Shape{2, 3, 4}));
  EXPECT_EQ(shape_error([&] { bias_add(builder, src, input({3})); }),
            "bias_add of (2, 3, 4) and (3,): the shapes differ");
  EXPECT_EQ(shape_error([&] {
              add(builder, src, input({2, 4, 3}));
            }),
            "add of (2, 3, 4) and (2, 4, 3): the shapes differ");
}

TEST_F(ShapesTest, Reductions) {
  EXPECT_EQ(shape(sum_rows(builder, input({2, 3, 4}))), Shape{4});
  EXPECT_EQ(shape(mean(builder, input({2, 3}))), Shape{});
  EXPECT_EQ(shape(softmax(builder, input({2, 3, 4}))), (Shape{2, 3, 4}));
}

TEST_F(ShapesTest, Reshape) {
  EXPECT_EQ(shape(reshape(builder, input({2, 3, 4}), {2, 12})), (Shape{2, 12}));
  EXPECT_EQ(shape_error([&] {
              reshape(builder, input({2, 3, 4}), {2, 11});
            }),
            "(2, 3, 4) has 24 elements and can't be reshaped to (2, 11)");
}

TEST_F(ShapesTest, Transpose) {
  const ValueId src = input({2, 3, 4, 5});
  EXPECT_EQ(shape(transpose(builder, src, {0, 3, 1, 2})), (Shape{2, 5, 3, 4}));
  EXPECT_EQ(transpose(builder, src, {0, 1, 2, 3}), src);
  for (const std::vector<int64_t>& wrong : {std::vector<int64_t>{0, 1, 2}, {0, 1, 2, 2}})
    EXPECT_TRUE(shape_error([&] {
                  transpose(builder, src, wrong);
                }).ends_with("is no order of the axes of (2, 3, 4, 5)"));
}

TEST_F(ShapesTest, TransposeGeometryIsAsSmallAsItCanBe) {
  const auto extents = [](const Shape& src, const std::vector<int64_t>& permutation) {
    return transpose_geometry(src, permutation).extents;
  };
  EXPECT_EQ(extents({2, 3, 4, 5}, {0, 3, 1, 2}), (std::vector<int64_t>{2, 5, 12}));
  EXPECT_EQ(extents({2, 3, 4, 5}, {0, 1, 2, 3}), (std::vector<int64_t>{120}));
  EXPECT_EQ(extents({2, 1, 4, 1}, {1, 2, 3, 0}), (std::vector<int64_t>{4, 2}));
  EXPECT_EQ(extents({1, 1}, {1, 0}), std::vector<int64_t>{});
}

TEST_F(ShapesTest, PadAndCrop) {
  const ValueId src = input({2, 3, 4, 5});
  EXPECT_EQ(shape(pad(builder, src, {0, 1, 0, 0}, {0, 2, 3, 0})), (Shape{2, 6, 7, 5}));
  EXPECT_EQ(shape(crop(builder, src, {0, 1, 0, 0}, {0, 1, 3, 0})), (Shape{2, 1, 1, 5}));
  EXPECT_EQ(shape_error([&] {
              crop(builder, src, {0, 2, 0, 0}, {0, 1, 0, 0});
            }),
            "cropping (0, 2, 0, 0) and (0, 1, 0, 0) elements of (2, 3, 4, 5) leaves nothing");
}

TEST_F(ShapesTest, BroadcastAndReduceSum) {
  const ValueId src = input({2, 1, 4, 1});
  EXPECT_EQ(shape(broadcast(builder, src, {2, 3, 4, 5})), (Shape{2, 3, 4, 5}));
  EXPECT_EQ(graph.ops.size(), 2u);  // an op for each group of neighbouring axes
  EXPECT_EQ(shape(reduce_sum(builder, input({2, 3, 4, 5}), {1, 1, 1, 5})), (Shape{1, 1, 1, 5}));
  EXPECT_EQ(shape_error([&] {
              broadcast(builder, src, {2, 3, 5, 5});
            }),
            "(2, 1, 4, 1) can't be broadcast to (2, 3, 5, 5)");
}

TEST_F(ShapesTest, Upsample2D) {
  EXPECT_EQ(shape(upsample2d(builder, input({2, 3, 4, 5}), 2, 3, Interpolation::kNearest)),
            (Shape{2, 6, 12, 5}));
}

TEST_F(ShapesTest, ConcatenateAndSlice) {
  const ValueId a = input({2, 3, 4}), b = input({2, 5, 4});
  EXPECT_EQ(shape(concatenate(builder, {a, b}, 1)), (Shape{2, 8, 4}));
  EXPECT_EQ(shape(slice(builder, b, 1, 1, 3)), (Shape{2, 3, 4}));
  EXPECT_EQ(shape_error([&] {
              concatenate(builder, {a, b}, 2);
            }),
            "concatenate along axis 2 of (2, 3, 4) and (2, 5, 4): the other axes differ");
}

TEST_F(ShapesTest, BatchNorm) {
  const ValueId channels = input({5});
  const ValueId src = input({2, 3, 4, 5});
  EXPECT_EQ(shape(batch_norm_training(builder, src, channels, channels, channels, channels, {})),
            (Shape{2, 3, 4, 5}));
  const Op& op = graph.ops.back();
  for (int output = 1; output < 5; ++output) EXPECT_EQ(graph.output(op, output).shape, Shape{5});
}

TEST_F(ShapesTest, BatchNormFindsItsOptionalInputs) {
  const ValueId c = input({5});
  const auto at = [&](ValueId gamma, ValueId beta) {
    batch_norm_training(builder, input({2, 5}), gamma, beta, c, c, {});
    const BatchNormInputs inputs = batch_norm_inputs(graph.ops.back());
    return std::array{inputs.gamma, inputs.beta, inputs.moving_mean, inputs.moving_variance};
  };
  EXPECT_EQ(at(c, c), (std::array{1, 2, 3, 4}));
  EXPECT_EQ(at(c, kNoValue), (std::array{1, -1, 2, 3}));
  EXPECT_EQ(at(kNoValue, c), (std::array{-1, 1, 2, 3}));
  EXPECT_EQ(at(kNoValue, kNoValue), (std::array{-1, -1, 1, 2}));
}

TEST_F(ShapesTest, LossIsPerRow) {
  const ValueId y_pred = input({4, 3});
  const auto categorical = LossFunction::kCategoricalCrossentropy;
  const auto sparse = LossFunction::kSparseCategoricalCrossentropy;
  EXPECT_EQ(shape(loss(builder, y_pred, input({4, 3}), categorical, false)), Shape{4});
  EXPECT_EQ(shape(loss(builder, y_pred, input({4}), sparse, false)), Shape{4});
  EXPECT_EQ(shape(loss(builder, y_pred, input({4, 1}), sparse, false)), Shape{4});
  EXPECT_EQ(shape_error([&] { loss(builder, y_pred, input({4}), categorical, false); }),
            "categorical_crossentropy needs labels of the output's shape (4, 3), not (4,)");
  EXPECT_EQ(shape_error([&] {
              loss(builder, y_pred, input({4, 3}), sparse, false);
            }),
            "sparse_categorical_crossentropy needs one class number per row, (4,), not labels of "
            "shape (4, 3)");
}

TEST_F(ShapesTest, OptimizerSlotsFollowTheOptimizersOptions) {
  const auto names = [](Attributes attributes) {
    std::string text;
    for (const OptimizerSlot& slot : optimizer_slots(attributes))
      text += std::string(slot.name) + " ";
    return text;
  };
  const auto with = [](const char* optimizer, double momentum, int64_t flag) {
    return Attributes{{"optimizer", std::string(optimizer)},
                      {"momentum", momentum},
                      {"centered", flag},
                      {"amsgrad", flag},
                      {"initial_accumulator_value", 0.1}};
  };
  EXPECT_EQ(names(with("sgd", 0, 0)), "");
  EXPECT_EQ(names(with("sgd", 0.9, 0)), "momentum ");
  EXPECT_EQ(names(with("rmsprop", 0, 0)), "velocity ");
  EXPECT_EQ(names(with("rmsprop", 0.9, 1)), "velocity momentum average_gradient ");
  EXPECT_EQ(names(with("adam", 0, 0)), "momentum velocity ");
  EXPECT_EQ(names(with("adam", 0, 1)), "momentum velocity velocity_hat ");
  EXPECT_EQ(names(with("adadelta", 0, 0)), "accumulated_grad accumulated_delta_var ");
  EXPECT_EQ(optimizer_slots(with("adagrad", 0, 0))[0].initial_value, 0.1);
}

}  // namespace
}  // namespace pronghorn::graph
