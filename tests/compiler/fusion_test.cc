#include "compiler/fusion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "compiler/net.h"
#include "graph/op_kind.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/matmul.h"
#include "graph/ops/matmul_update.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/softmax.h"
#include "graph/ops/sum_rows.h"
#include "graph/printer.h"
#include "kernels/selection.h"
#include "pronghorn/error.h"

namespace pronghorn::compiler::testing {
namespace {

using graph::LossFunction;
using graph::StageFunction;
using graph::ValueId;
using graph::ValueRole;

// Reference kernels accept every epilogue, so what is fused depends on the graph alone.
const kernels::Policy kReference{.family = kernels::Family::kReference};

std::string fused_epilogues(graph::Graph graph) {
  fuse_epilogues(graph, /*threads=*/1, kReference);
  graph.verify();
  return graph::to_text(graph);
}

// A step's text after each pass that changed it.
std::string texts_of_passes(const Net& net) {
  std::string last = graph::to_text(net.graph);
  std::string texts = "--- at first\n" + last;
  CompileOptions options;
  options.policy = kReference;
  options.after_pass = [&](std::string_view pass, const graph::Graph& graph) {
    const std::string text = graph::to_text(graph);
    texts += "--- " + std::string(pass) + (text == last ? ": no change\n" : "\n" + text);
    last = text;
  };
  net.compile(options);
  return texts;
}

Optimizer sgd() { return optimizer("sgd"); }

TEST(Fusion, MlpStepAfterEachPass) {
  WeightStore weights(1);
  Net net(weights, 8);
  const ValueId hidden = net.activation(net.dense(net.input({4}), 3, "dense"), "relu");
  const ValueId dropped = net.dropout(hidden, 0.2, 1);
  net.train(net.activation(net.dense(dropped, 2, "dense_1"), "softmax"), sgd());
  EXPECT_EQ(texts_of_passes(net), R"(--- at first
forward:
  %3 (8, 3) = matmul(x, dense/kernel) transpose_a=0, transpose_b=0
  %4 (8, 3) = elementwise(%3) | bias_add(dense/bias)
  %5 (8, 3) = elementwise(%4) | relu
  %6 (8, 3) = elementwise(%5) | dropout(0.2)
  %9 (8, 2) = matmul(%6, dense_1/kernel) transpose_a=0, transpose_b=0
  %10 (8, 2) = elementwise(%9) | bias_add(dense_1/bias)
  %13 (8,), %11 (8, 2) = softmax_cross_entropy(%10, y_true) function=categorical_crossentropy, from_logits=1, weight=1
  loss () = mean(%13)
backward:
  %15 (8, 2) = softmax_cross_entropy_backward(%11, y_true) function=categorical_crossentropy, from_logits=1, weight=1, scale=0.125
  %16 (2,) = sum_rows(%15)
  %17 (3, 2) = matmul(%6, %15) transpose_a=1, transpose_b=0
  %18 (8, 3) = matmul(%15, dense_1/kernel) transpose_a=0, transpose_b=1
  %19 (8, 3) = elementwise(%18) | dropout(0.2)
  %20 (8, 3) = elementwise(%19) | relu_backward(%5)
  %21 (3,) = sum_rows(%20)
  %22 (4, 3) = matmul(x, %20) transpose_a=1, transpose_b=0
update:
  %23 (4, 3) = optimizer_update(dense/kernel, %22) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %24 (3,) = optimizer_update(dense/bias, %21) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %25 (3, 2) = optimizer_update(dense_1/kernel, %17) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %26 (2,) = optimizer_update(dense_1/bias, %16) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
--- remove_unused_ops: no change
--- read_signs_behind_dropout
forward:
  %3 (8, 3) = matmul(x, dense/kernel) transpose_a=0, transpose_b=0
  %4 (8, 3) = elementwise(%3) | bias_add(dense/bias)
  %5 (8, 3) = elementwise(%4) | relu
  %6 (8, 3) = elementwise(%5) | dropout(0.2)
  %9 (8, 2) = matmul(%6, dense_1/kernel) transpose_a=0, transpose_b=0
  %10 (8, 2) = elementwise(%9) | bias_add(dense_1/bias)
  %13 (8,), %11 (8, 2) = softmax_cross_entropy(%10, y_true) function=categorical_crossentropy, from_logits=1, weight=1
  loss () = mean(%13)
backward:
  %15 (8, 2) = softmax_cross_entropy_backward(%11, y_true) function=categorical_crossentropy, from_logits=1, weight=1, scale=0.125
  %16 (2,) = sum_rows(%15)
  %17 (3, 2) = matmul(%6, %15) transpose_a=1, transpose_b=0
  %18 (8, 3) = matmul(%15, dense_1/kernel) transpose_a=0, transpose_b=1
  %19 (8, 3) = elementwise(%18) | scale(1.25)
  %20 (8, 3) = elementwise(%19) | relu_backward(%6)
  %21 (3,) = sum_rows(%20)
  %22 (4, 3) = matmul(x, %20) transpose_a=1, transpose_b=0
update:
  %23 (4, 3) = optimizer_update(dense/kernel, %22) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %24 (3,) = optimizer_update(dense/bias, %21) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %25 (3, 2) = optimizer_update(dense_1/kernel, %17) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %26 (2,) = optimizer_update(dense_1/bias, %16) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
--- fuse_bias_gradients: no change
--- fuse_max_pool_gradients: no change
--- fuse_pooled_bias_gradients: no change
--- move_views_behind_elementwise: no change
--- fuse_max_pooling: no change
--- fuse_epilogues
forward:
  %6 (8, 3) = matmul(x, dense/kernel) transpose_a=0, transpose_b=0 | bias_add(dense/bias) relu dropout(0.2)
  %10 (8, 2) = matmul(%6, dense_1/kernel) transpose_a=0, transpose_b=0 | bias_add(dense_1/bias)
  %13 (8,), %11 (8, 2) = softmax_cross_entropy(%10, y_true) function=categorical_crossentropy, from_logits=1, weight=1
  loss () = mean(%13)
backward:
  %15 (8, 2) = softmax_cross_entropy_backward(%11, y_true) function=categorical_crossentropy, from_logits=1, weight=1, scale=0.125
  %16 (2,) = sum_rows(%15)
  %17 (3, 2) = matmul(%6, %15) transpose_a=1, transpose_b=0
  %20 (8, 3) = matmul(%15, dense_1/kernel) transpose_a=0, transpose_b=1 | scale(1.25) relu_backward(%6)
  %21 (3,) = sum_rows(%20)
  %22 (4, 3) = matmul(x, %20) transpose_a=1, transpose_b=0
update:
  %23 (4, 3) = optimizer_update(dense/kernel, %22) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %24 (3,) = optimizer_update(dense/bias, %21) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %25 (3, 2) = optimizer_update(dense_1/kernel, %17) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %26 (2,) = optimizer_update(dense_1/bias, %16) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
--- fuse_updates: no change
--- assign_layouts: no change
)");
}

TEST(Fusion, CnnStepAfterEachPass) {
  WeightStore weights(1);
  Net net(weights, 8);
  ValueId value = net.activation(net.conv2d(net.input({6, 6, 1}), 2, "conv2d"), "relu");
  value = net.activation(net.conv2d(value, 3, "conv2d_1"), "relu");
  value = net.flatten(net.dropout(net.max_pool(value, 2), 0.25, 1));
  net.train(net.activation(net.dense(value, 2, "dense"), "softmax"), sgd());
  EXPECT_EQ(texts_of_passes(net), R"(--- at first
forward:
  %2 (8, 4, 4, 2) = conv2d(x, conv2d/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0]
  %4 (8, 4, 4, 2) = elementwise(%2) | bias_add(conv2d/bias)
  %5 (8, 4, 4, 2) = elementwise(%4) | relu
  %7 (8, 2, 2, 3) = conv2d(%5, conv2d_1/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0]
  %9 (8, 1, 1, 3), %12 (8, 1, 1, 3) = max_pool2d(%7) pool=[2, 2], strides=[2, 2], padding=[0, 0, 0, 0]
  %10 (8, 1, 1, 3) = elementwise(%9) | bias_add(conv2d_1/bias)
  %11 (8, 1, 1, 3) = elementwise(%10) | relu
  %13 (8, 1, 1, 3) = elementwise(%11) | dropout(0.25)
  %14 (8, 3) = reshape(%13) shape=[8, 3]
  %17 (8, 2) = matmul(%14, dense/kernel) transpose_a=0, transpose_b=0
  %18 (8, 2) = elementwise(%17) | bias_add(dense/bias)
  %21 (8,), %19 (8, 2) = softmax_cross_entropy(%18, y_true) function=categorical_crossentropy, from_logits=1, weight=1
  loss () = mean(%21)
backward:
  %23 (8, 2) = softmax_cross_entropy_backward(%19, y_true) function=categorical_crossentropy, from_logits=1, weight=1, scale=0.125
  %24 (2,) = sum_rows(%23)
  %25 (3, 2) = matmul(%14, %23) transpose_a=1, transpose_b=0
  %26 (8, 3) = matmul(%23, dense/kernel) transpose_a=0, transpose_b=1
  %27 (8, 1, 1, 3) = reshape(%26) shape=[8, 1, 1, 3]
  %28 (8, 1, 1, 3) = elementwise(%27) | dropout(0.25)
  %29 (8, 1, 1, 3) = elementwise(%28) | relu_backward(%11)
  %30 (3,) = sum_rows(%29)
  %31 (8, 2, 2, 3) = max_pool2d_backward(%29, %12) pool=[2, 2], strides=[2, 2], padding=[0, 0, 0, 0], src_shape=[8, 2, 2, 3]
  %32 (3, 3, 2, 3) = conv2d_backward_weights(%5, %31) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], weights_shape=[3, 3, 2, 3]
  %33 (8, 4, 4, 2) = conv2d_backward_data(%31, conv2d_1/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], src_shape=[8, 4, 4, 2]
  %34 (8, 4, 4, 2) = elementwise(%33) | relu_backward(%5)
  %35 (2,) = sum_rows(%34)
  %36 (3, 3, 1, 2) = conv2d_backward_weights(x, %34) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], weights_shape=[3, 3, 1, 2]
update:
  %37 (3, 3, 1, 2) = optimizer_update(conv2d/kernel, %36) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %38 (2,) = optimizer_update(conv2d/bias, %35) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %39 (3, 3, 2, 3) = optimizer_update(conv2d_1/kernel, %32) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %40 (3,) = optimizer_update(conv2d_1/bias, %30) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %41 (3, 2) = optimizer_update(dense/kernel, %25) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %42 (2,) = optimizer_update(dense/bias, %24) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
--- remove_unused_ops: no change
--- read_signs_behind_dropout
forward:
  %2 (8, 4, 4, 2) = conv2d(x, conv2d/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0]
  %4 (8, 4, 4, 2) = elementwise(%2) | bias_add(conv2d/bias)
  %5 (8, 4, 4, 2) = elementwise(%4) | relu
  %7 (8, 2, 2, 3) = conv2d(%5, conv2d_1/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0]
  %9 (8, 1, 1, 3), %12 (8, 1, 1, 3) = max_pool2d(%7) pool=[2, 2], strides=[2, 2], padding=[0, 0, 0, 0]
  %10 (8, 1, 1, 3) = elementwise(%9) | bias_add(conv2d_1/bias)
  %11 (8, 1, 1, 3) = elementwise(%10) | relu
  %13 (8, 1, 1, 3) = elementwise(%11) | dropout(0.25)
  %14 (8, 3) = reshape(%13) shape=[8, 3]
  %17 (8, 2) = matmul(%14, dense/kernel) transpose_a=0, transpose_b=0
  %18 (8, 2) = elementwise(%17) | bias_add(dense/bias)
  %21 (8,), %19 (8, 2) = softmax_cross_entropy(%18, y_true) function=categorical_crossentropy, from_logits=1, weight=1
  loss () = mean(%21)
backward:
  %23 (8, 2) = softmax_cross_entropy_backward(%19, y_true) function=categorical_crossentropy, from_logits=1, weight=1, scale=0.125
  %24 (2,) = sum_rows(%23)
  %25 (3, 2) = matmul(%14, %23) transpose_a=1, transpose_b=0
  %26 (8, 3) = matmul(%23, dense/kernel) transpose_a=0, transpose_b=1
  %27 (8, 1, 1, 3) = reshape(%26) shape=[8, 1, 1, 3]
  %28 (8, 1, 1, 3) = elementwise(%27) | scale(1.3333333333333333)
  %29 (8, 1, 1, 3) = elementwise(%28) | relu_backward(%13)
  %30 (3,) = sum_rows(%29)
  %31 (8, 2, 2, 3) = max_pool2d_backward(%29, %12) pool=[2, 2], strides=[2, 2], padding=[0, 0, 0, 0], src_shape=[8, 2, 2, 3]
  %32 (3, 3, 2, 3) = conv2d_backward_weights(%5, %31) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], weights_shape=[3, 3, 2, 3]
  %33 (8, 4, 4, 2) = conv2d_backward_data(%31, conv2d_1/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], src_shape=[8, 4, 4, 2]
  %34 (8, 4, 4, 2) = elementwise(%33) | relu_backward(%5)
  %35 (2,) = sum_rows(%34)
  %36 (3, 3, 1, 2) = conv2d_backward_weights(x, %34) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], weights_shape=[3, 3, 1, 2]
update:
  %37 (3, 3, 1, 2) = optimizer_update(conv2d/kernel, %36) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %38 (2,) = optimizer_update(conv2d/bias, %35) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %39 (3, 3, 2, 3) = optimizer_update(conv2d_1/kernel, %32) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %40 (3,) = optimizer_update(conv2d_1/bias, %30) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %41 (3, 2) = optimizer_update(dense/kernel, %25) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %42 (2,) = optimizer_update(dense/bias, %24) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
--- fuse_bias_gradients
forward:
  %2 (8, 4, 4, 2) = conv2d(x, conv2d/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0]
  %4 (8, 4, 4, 2) = elementwise(%2) | bias_add(conv2d/bias)
  %5 (8, 4, 4, 2) = elementwise(%4) | relu
  %7 (8, 2, 2, 3) = conv2d(%5, conv2d_1/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0]
  %9 (8, 1, 1, 3), %12 (8, 1, 1, 3) = max_pool2d(%7) pool=[2, 2], strides=[2, 2], padding=[0, 0, 0, 0]
  %10 (8, 1, 1, 3) = elementwise(%9) | bias_add(conv2d_1/bias)
  %11 (8, 1, 1, 3) = elementwise(%10) | relu
  %13 (8, 1, 1, 3) = elementwise(%11) | dropout(0.25)
  %14 (8, 3) = reshape(%13) shape=[8, 3]
  %17 (8, 2) = matmul(%14, dense/kernel) transpose_a=0, transpose_b=0
  %18 (8, 2) = elementwise(%17) | bias_add(dense/bias)
  %21 (8,), %19 (8, 2) = softmax_cross_entropy(%18, y_true) function=categorical_crossentropy, from_logits=1, weight=1
  loss () = mean(%21)
backward:
  %23 (8, 2) = softmax_cross_entropy_backward(%19, y_true) function=categorical_crossentropy, from_logits=1, weight=1, scale=0.125
  %24 (2,) = sum_rows(%23)
  %25 (3, 2) = matmul(%14, %23) transpose_a=1, transpose_b=0
  %26 (8, 3) = matmul(%23, dense/kernel) transpose_a=0, transpose_b=1
  %27 (8, 1, 1, 3) = reshape(%26) shape=[8, 1, 1, 3]
  %28 (8, 1, 1, 3) = elementwise(%27) | scale(1.3333333333333333)
  %29 (8, 1, 1, 3) = elementwise(%28) | relu_backward(%13)
  %30 (3,) = sum_rows(%29)
  %31 (8, 2, 2, 3) = max_pool2d_backward(%29, %12) pool=[2, 2], strides=[2, 2], padding=[0, 0, 0, 0], src_shape=[8, 2, 2, 3]
  %32 (3, 3, 2, 3) = conv2d_backward_weights(%5, %31) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], weights_shape=[3, 3, 2, 3]
  %33 (8, 4, 4, 2) = conv2d_backward_data(%31, conv2d_1/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], src_shape=[8, 4, 4, 2]
  %34 (8, 4, 4, 2) = elementwise(%33) | relu_backward(%5)
  %36 (3, 3, 1, 2), %35 (2,) = conv2d_backward_weights(x, %34) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], weights_shape=[3, 3, 1, 2], bias=1
update:
  %37 (3, 3, 1, 2) = optimizer_update(conv2d/kernel, %36) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %38 (2,) = optimizer_update(conv2d/bias, %35) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %39 (3, 3, 2, 3) = optimizer_update(conv2d_1/kernel, %32) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %40 (3,) = optimizer_update(conv2d_1/bias, %30) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %41 (3, 2) = optimizer_update(dense/kernel, %25) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %42 (2,) = optimizer_update(dense/bias, %24) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
--- fuse_max_pool_gradients: no change
--- fuse_pooled_bias_gradients: no change
--- move_views_behind_elementwise
forward:
  %2 (8, 4, 4, 2) = conv2d(x, conv2d/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0]
  %4 (8, 4, 4, 2) = elementwise(%2) | bias_add(conv2d/bias)
  %5 (8, 4, 4, 2) = elementwise(%4) | relu
  %7 (8, 2, 2, 3) = conv2d(%5, conv2d_1/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0]
  %9 (8, 1, 1, 3), %12 (8, 1, 1, 3) = max_pool2d(%7) pool=[2, 2], strides=[2, 2], padding=[0, 0, 0, 0]
  %10 (8, 1, 1, 3) = elementwise(%9) | bias_add(conv2d_1/bias)
  %11 (8, 1, 1, 3) = elementwise(%10) | relu
  %13 (8, 1, 1, 3) = elementwise(%11) | dropout(0.25)
  %14 (8, 3) = reshape(%13) shape=[8, 3]
  %17 (8, 2) = matmul(%14, dense/kernel) transpose_a=0, transpose_b=0
  %18 (8, 2) = elementwise(%17) | bias_add(dense/bias)
  %21 (8,), %19 (8, 2) = softmax_cross_entropy(%18, y_true) function=categorical_crossentropy, from_logits=1, weight=1
  loss () = mean(%21)
backward:
  %23 (8, 2) = softmax_cross_entropy_backward(%19, y_true) function=categorical_crossentropy, from_logits=1, weight=1, scale=0.125
  %24 (2,) = sum_rows(%23)
  %25 (3, 2) = matmul(%14, %23) transpose_a=1, transpose_b=0
  %26 (8, 3) = matmul(%23, dense/kernel) transpose_a=0, transpose_b=1
  %27 (8, 3) = elementwise(%26) | scale(1.3333333333333333)
  %43 (8, 3) = reshape(%13) shape=[8, 3]
  %28 (8, 3) = elementwise(%27) | relu_backward(%43)
  %29 (8, 1, 1, 3) = reshape(%28) shape=[8, 1, 1, 3]
  %30 (3,) = sum_rows(%29)
  %31 (8, 2, 2, 3) = max_pool2d_backward(%29, %12) pool=[2, 2], strides=[2, 2], padding=[0, 0, 0, 0], src_shape=[8, 2, 2, 3]
  %32 (3, 3, 2, 3) = conv2d_backward_weights(%5, %31) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], weights_shape=[3, 3, 2, 3]
  %33 (8, 4, 4, 2) = conv2d_backward_data(%31, conv2d_1/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], src_shape=[8, 4, 4, 2]
  %34 (8, 4, 4, 2) = elementwise(%33) | relu_backward(%5)
  %36 (3, 3, 1, 2), %35 (2,) = conv2d_backward_weights(x, %34) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], weights_shape=[3, 3, 1, 2], bias=1
update:
  %37 (3, 3, 1, 2) = optimizer_update(conv2d/kernel, %36) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %38 (2,) = optimizer_update(conv2d/bias, %35) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %39 (3, 3, 2, 3) = optimizer_update(conv2d_1/kernel, %32) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %40 (3,) = optimizer_update(conv2d_1/bias, %30) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %41 (3, 2) = optimizer_update(dense/kernel, %25) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %42 (2,) = optimizer_update(dense/bias, %24) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
--- fuse_max_pooling: no change
--- fuse_epilogues
forward:
  %5 (8, 4, 4, 2) = conv2d(x, conv2d/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0] | bias_add(conv2d/bias) relu
  %7 (8, 2, 2, 3) = conv2d(%5, conv2d_1/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0]
  %13 (8, 1, 1, 3), %12 (8, 1, 1, 3) = max_pool2d(%7) pool=[2, 2], strides=[2, 2], padding=[0, 0, 0, 0] | bias_add(conv2d_1/bias) relu dropout(0.25)
  %14 (8, 3) = reshape(%13) shape=[8, 3]
  %18 (8, 2) = matmul(%14, dense/kernel) transpose_a=0, transpose_b=0 | bias_add(dense/bias)
  %21 (8,), %19 (8, 2) = softmax_cross_entropy(%18, y_true) function=categorical_crossentropy, from_logits=1, weight=1
  loss () = mean(%21)
backward:
  %23 (8, 2) = softmax_cross_entropy_backward(%19, y_true) function=categorical_crossentropy, from_logits=1, weight=1, scale=0.125
  %24 (2,) = sum_rows(%23)
  %25 (3, 2) = matmul(%14, %23) transpose_a=1, transpose_b=0
  %43 (8, 3) = reshape(%13) shape=[8, 3]
  %28 (8, 3) = matmul(%23, dense/kernel) transpose_a=0, transpose_b=1 | scale(1.3333333333333333) relu_backward(%43)
  %29 (8, 1, 1, 3) = reshape(%28) shape=[8, 1, 1, 3]
  %30 (3,) = sum_rows(%29)
  %31 (8, 2, 2, 3) = max_pool2d_backward(%29, %12) pool=[2, 2], strides=[2, 2], padding=[0, 0, 0, 0], src_shape=[8, 2, 2, 3]
  %32 (3, 3, 2, 3) = conv2d_backward_weights(%5, %31) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], weights_shape=[3, 3, 2, 3]
  %34 (8, 4, 4, 2) = conv2d_backward_data(%31, conv2d_1/kernel) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], src_shape=[8, 4, 4, 2] | relu_backward(%5)
  %36 (3, 3, 1, 2), %35 (2,) = conv2d_backward_weights(x, %34) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], weights_shape=[3, 3, 1, 2], bias=1
update:
  %37 (3, 3, 1, 2) = optimizer_update(conv2d/kernel, %36) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %38 (2,) = optimizer_update(conv2d/bias, %35) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %39 (3, 3, 2, 3) = optimizer_update(conv2d_1/kernel, %32) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %40 (3,) = optimizer_update(conv2d_1/bias, %30) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %41 (3, 2) = optimizer_update(dense/kernel, %25) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %42 (2,) = optimizer_update(dense/bias, %24) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
--- fuse_updates: no change
--- assign_layouts: no change
)");
}

TEST(Fusion, OperandsKeepTheirStagesInAJoinedChain) {
  WeightStore weights(1);
  Net net(weights, 8);
  const ValueId src = net.input({3});
  const ValueId a = net.builder().add_value("a", {8, 3}, ValueRole::kInput);
  const ValueId b = net.builder().add_value("b", {8, 3}, ValueRole::kInput);
  ValueId value = graph::add(net.builder(), net.dense(src, 3, "dense"), a);
  value = graph::elementwise(net.builder(), value, {StageFunction::kMultiply}, b);
  value = graph::add(net.builder(), net.activation(value, "relu"), a);
  net.graph.value(value).role = ValueRole::kOutput;
  EXPECT_EQ(fused_epilogues(net.graph), R"(forward:
  %10 (8, 3) = matmul(x, dense/kernel) transpose_a=0, transpose_b=0 | bias_add(dense/bias) add(a) multiply(b) relu add(a)
)");
}

TEST(Fusion, ValueWithTwoReadersIsWritten) {
  WeightStore weights(1);
  Net net(weights, 8);
  const ValueId hidden = net.dense(net.input({4}), 3, "dense");
  const ValueId sum =
      graph::add(net.builder(), net.activation(hidden, "tanh"), net.activation(hidden, "relu"));
  net.graph.value(sum).role = ValueRole::kOutput;
  // Tanh and sum still become one op: the sum reads tanh's output as its first input, and relu's as
  // an operand.
  EXPECT_EQ(fused_epilogues(net.graph), R"(forward:
  %4 (8, 3) = matmul(x, dense/kernel) transpose_a=0, transpose_b=0 | bias_add(dense/bias)
  %5 (8, 3) = elementwise(%4) | relu
  %7 (8, 3) = elementwise(%4) | tanh add(%5)
)");
}

TEST(Fusion, ValueReadTwiceByOneOpIsWritten) {
  WeightStore weights(1);
  Net net(weights, 8);
  const ValueId product = graph::matmul(
      net.builder(), net.input({3}), net.builder().add_value("w", {3, 3}, ValueRole::kParameter));
  const ValueId square =
      graph::elementwise(net.builder(), product, {StageFunction::kMultiply}, product);
  net.graph.value(square).role = ValueRole::kOutput;
  EXPECT_EQ(fused_epilogues(net.graph), R"(forward:
  %2 (8, 3) = matmul(x, w) transpose_a=0, transpose_b=0
  %3 (8, 3) = elementwise(%2) | multiply(%2)
)");
}

TEST(Fusion, OutputOfTheStepIsWritten) {
  WeightStore weights(1);
  Net net(weights, 8);
  const ValueId logits = net.dense(net.input({4}), 3, "dense");
  const ValueId probabilities = net.activation(logits, "sigmoid");
  net.graph.value(logits).role = ValueRole::kOutput;
  net.graph.value(probabilities).role = ValueRole::kOutput;
  EXPECT_EQ(fused_epilogues(net.graph), R"(forward:
  %4 (8, 3) = matmul(x, dense/kernel) transpose_a=0, transpose_b=0 | bias_add(dense/bias)
  %5 (8, 3) = elementwise(%4) | sigmoid
)");
}

// The product reads the weight that the update overwrites: it may not move behind the update, where
// the relu stands.
TEST(Fusion, ProductDoesNotMovePastAnUpdateOfItsWeight) {
  WeightStore weights(1);
  Net net(weights, 8);
  const ValueId src = net.input({4});
  const ValueId kernel = net.builder().add_value("w", {4, 3}, ValueRole::kParameter);
  const ValueId gradient = net.builder().add_value("g", {4, 3}, ValueRole::kInput);
  const ValueId product = graph::matmul(net.builder(), src, kernel);
  graph::optimizer_update(net.builder(), kernel, gradient, {}, update_attributes(sgd()));
  net.graph.value(net.activation(product, "relu")).role = ValueRole::kOutput;
  EXPECT_EQ(fused_epilogues(net.graph), R"(forward:
  %3 (8, 3) = matmul(x, w) transpose_a=0, transpose_b=0
  %4 (4, 3) = optimizer_update(w, g) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
  %5 (8, 3) = elementwise(%3) | relu
)");
}

TEST(Fusion, BiasGradientsJoinTheConvolutionThatReadsTheSameTensor) {
  WeightStore weights(1);
  Net net(weights, 8);
  const ValueId src = net.input({5, 5, 1});
  const ValueId a = net.builder().add_value("a", {8, 3, 3, 2}, ValueRole::kInput);
  const ValueId b = net.builder().add_value("b", {8, 3, 3, 2}, ValueRole::kInput);
  graph::Attributes attributes{{"strides", std::vector<int64_t>{1, 1}},
                               {"dilation", std::vector<int64_t>{1, 1}},
                               {"padding", std::vector<int64_t>{0, 0, 0, 0}},
                               {"weights_shape", std::vector<int64_t>{3, 3, 1, 2}}};
  const auto convolution = [&](ValueId diff_dst) {
    net.builder().add_op(graph::conv2d_backward_weights_kind(), {src, diff_dst}, attributes);
  };
  // Both orders of sum and convolution, two sums behind each other, and one without convolution.
  convolution(a);
  graph::sum_rows(net.builder(), a);
  graph::sum_rows(net.builder(), b);
  graph::sum_rows(net.builder(), src);
  convolution(b);
  fuse_bias_gradients(net.graph);
  net.graph.verify();
  EXPECT_EQ(graph::to_text(net.graph), R"(forward:
  %3 (3, 3, 1, 2), %4 (2,) = conv2d_backward_weights(x, a) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], weights_shape=[3, 3, 1, 2], bias=1
  %7 (3, 3, 1, 2), %5 (2,) = conv2d_backward_weights(x, b) strides=[1, 1], dilation=[1, 1], padding=[0, 0, 0, 0], weights_shape=[3, 3, 1, 2], bias=1
  %6 (1,) = sum_rows(x)
)");
}

// All elementwise ops pass the view, one after the other; an operand is reshaped for it.
TEST(Fusion, ViewMovesBehindElementwiseOps) {
  WeightStore weights(1);
  Net net(weights, 8);
  const ValueId src = net.input({2, 2, 3});
  ValueId value = net.dropout(net.activation(net.flatten(src), "relu"), 0.5, 1);
  value =
      graph::add(net.builder(), value, net.builder().add_value("a", {8, 12}, ValueRole::kInput));
  net.graph.value(value).role = ValueRole::kOutput;
  move_views_behind_elementwise(net.graph);
  net.graph.verify();
  EXPECT_EQ(graph::to_text(net.graph), R"(forward:
  %1 (8, 2, 2, 3) = elementwise(x) | relu
  %2 (8, 2, 2, 3) = elementwise(%1) | dropout(0.5)
  %6 (8, 2, 2, 3) = reshape(a) shape=[8, 2, 2, 3]
  %3 (8, 2, 2, 3) = elementwise(%2) | add(%6)
  %5 (8, 12) = reshape(%3) shape=[8, 12]
)");
}

TEST(Fusion, ViewThatOthersReadStays) {
  WeightStore weights(1);
  Net net(weights, 8);
  const ValueId flat = net.flatten(net.input({2, 2, 3}));
  for (const char* function : {"relu", "tanh"})
    net.graph.value(net.activation(flat, function)).role = ValueRole::kOutput;
  const ValueId seen = net.flatten(net.x);
  net.graph.value(seen).role = ValueRole::kOutput;
  net.graph.value(net.activation(seen, "relu")).role = ValueRole::kOutput;
  const std::string before = graph::to_text(net.graph);
  move_views_behind_elementwise(net.graph);
  EXPECT_EQ(graph::to_text(net.graph), before);
}

// A step of two Dense layers that is large enough for the fused kernel; every batch sums to the
// same bits however many threads there are.
void two_layers(Net& net) {
  const ValueId hidden = net.activation(net.dense(net.input({70}), 64, "dense"), "relu");
  net.train(net.activation(net.dense(hidden, 64, "dense_1"), "softmax"), optimizer("rmsprop"));
}

int fused_updates(const graph::Graph& graph) {
  return static_cast<int>(
      std::count_if(graph.ops.begin(), graph.ops.end(),
                    [](const graph::Op& op) { return op.kind == &graph::matmul_update_kind(); }));
}

// Behind the product to data, which reads the weight.
TEST(Fusion, UpdatesJoinTheProductsThatComputeTheirGradients) {
  WeightStore weights(1);
  Net net(weights, 32);
  two_layers(net);
  graph::Graph graph = net.graph;
  fuse_epilogues(graph, 1, {});
  fuse_updates(graph, 1, {});
  graph.verify();
  EXPECT_EQ(fused_updates(graph), 2);
  const std::string text = graph::to_text(graph);
  const size_t to_data = text.find("transpose_b=1"), update = text.find("matmul_update(dense_1");
  ASSERT_NE(update, std::string::npos) << text;
  EXPECT_LT(to_data, update);
  EXPECT_LT(update, text.find("matmul_update(dense/kernel"));
}

TEST(Fusion, AFusedUpdateTrainsToTheSameBits) {
  const auto train = [](int threads, std::vector<std::string> disabled) {
    WeightStore weights(1);
    Net net(weights, 32);
    two_layers(net);
    const auto executable =
        net.compile({.threads = threads, .disabled_passes = std::move(disabled)});
    const Parallel parallel(threads);
    for (uint64_t step = 0; step < 3; ++step) {
      fill_batch(net, *executable, step);
      executable->run({parallel, 1, step, 0.01f});
    }
    return std::pair(fused_updates(executable->graph()), weights.all_values());
  };
  const auto [count, apart] = train(1, {"fuse_updates"});
  EXPECT_EQ(count, 0);
  for (int threads = 1; threads <= 3; ++threads) {
    const auto [fused_count, fused] = train(threads, {});
    EXPECT_EQ(fused_count, 2);
    EXPECT_EQ(apart, fused) << threads << " threads";
  }
}

TEST(Fusion, AGradientThatOthersReadIsWritten) {
  WeightStore weights(1);
  Net net(weights, 32);
  two_layers(net);
  const auto gradient_of = [&](const char* weight) {
    for (const graph::Op& op : net.graph.ops)
      if (op.kind == &graph::optimizer_update_kind() &&
          net.graph.input(op, 0).name == std::string(weight))
        return op.inputs[1];
    return graph::kNoValue;
  };
  net.graph.value(gradient_of("dense/kernel")).role = ValueRole::kOutput;
  graph::Graph graph = net.graph;
  fuse_updates(graph, 1, {});
  EXPECT_EQ(fused_updates(graph), 1);

  // A norm over all gradients.
  net.graph.value(net.activation(gradient_of("dense_1/kernel"), "relu")).role = ValueRole::kOutput;
  graph = net.graph;
  fuse_updates(graph, 1, {});
  EXPECT_EQ(fused_updates(graph), 0);
}

TEST(Fusion, UpdatesStayApartWhereNoKernelOfOursTakesBoth) {
  WeightStore weights(1);
  Net net(weights, 32);
  two_layers(net);
  for (const kernels::Family family : {kernels::Family::kReference, kernels::Family::kOnednn}) {
    graph::Graph graph = net.graph;
    fuse_updates(graph, 1, {.family = family});
    EXPECT_EQ(fused_updates(graph), 0);
  }
}

TEST(Fusion, UnusedOpsGoAndUpdatesStay) {
  WeightStore weights(1);
  Net net(weights, 8);
  const ValueId normed = net.batch_norm(net.input({3}), "batch_normalization");
  net.activation(net.activation(normed, "relu"), "tanh");
  const ValueId kernel = net.builder().add_value("w", {4, 3}, ValueRole::kParameter);
  const ValueId gradient = net.builder().add_value("g", {4, 3}, ValueRole::kInput);
  graph::optimizer_update(net.builder(), kernel, gradient, {}, update_attributes(sgd()));
  remove_unused_ops(net.graph);
  net.graph.verify();
  // The norm updates its moving statistics, though nothing reads its output.
  EXPECT_EQ(graph::to_text(net.graph), R"(forward:
  %5 (8, 3), %6 (3,), %7 (3,), %8 (3,), %9 (3,) = batch_norm_training(x, batch_normalization/gamma, batch_normalization/beta, batch_normalization/moving_mean, batch_normalization/moving_variance) scale=1, center=1, epsilon=0.001, momentum=0.99
  %14 (4, 3) = optimizer_update(w, g) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0
)");
}

std::string fused_loss(LossFunction function, const std::string& activation, bool from_logits) {
  WeightStore weights(1);
  Net net(weights, 8);
  ValueId y_pred = net.dense(net.input({4}), 3, "dense");
  if (!activation.empty()) y_pred = net.activation(y_pred, activation);
  net.add_loss(y_pred, function, from_logits);
  fuse_softmax_cross_entropy(net.graph);
  net.graph.verify();
  std::string text = graph::to_text(net.graph);
  for (int line = 0; line < 3; ++line) text.erase(0, text.find('\n') + 1);
  return "\n" + text;  // without heading, product and bias
}

TEST(SoftmaxCrossEntropy, OfProbabilitiesTakesTheirSoftmaxsPlace) {
  EXPECT_EQ(fused_loss(LossFunction::kCategoricalCrossentropy, "softmax", false), R"(
  %7 (8,), %5 (8, 3) = softmax_cross_entropy(%4, y_true) function=categorical_crossentropy, from_logits=1, weight=1
  loss () = mean(%7)
)");
}

TEST(SoftmaxCrossEntropy, OfLogitsKeepsTheProbabilitiesForItsGradient) {
  EXPECT_EQ(fused_loss(LossFunction::kCategoricalCrossentropy, "", true), R"(
  %6 (8,), probabilities (8, 3) = softmax_cross_entropy(%4, y_true) function=categorical_crossentropy, from_logits=1, weight=1
  loss () = mean(%6)
)");
}

TEST(SoftmaxCrossEntropy, TakesSparseLabels) {
  EXPECT_EQ(fused_loss(LossFunction::kSparseCategoricalCrossentropy, "softmax", false), R"(
  %7 (8,), %5 (8, 3) = softmax_cross_entropy(%4, y_true) function=sparse_categorical_crossentropy, from_logits=1, weight=1
  loss () = mean(%7)
)");
  EXPECT_EQ(fused_loss(LossFunction::kSparseCategoricalCrossentropy, "", true), R"(
  %6 (8,), probabilities (8, 3) = softmax_cross_entropy(%4, y_true) function=sparse_categorical_crossentropy, from_logits=1, weight=1
  loss () = mean(%6)
)");
}

TEST(SoftmaxCrossEntropy, IsNoOtherLossAndNoOtherActivation) {
  EXPECT_EQ(fused_loss(LossFunction::kMeanSquaredError, "softmax", false), R"(
  %5 (8, 3) = softmax(%4)
  %7 (8,) = loss(%5, y_true) function=mean_squared_error, from_logits=0, weight=1
  loss () = mean(%7)
)");
  EXPECT_EQ(fused_loss(LossFunction::kCategoricalCrossentropy, "sigmoid", false), R"(
  %5 (8, 3) = elementwise(%4) | sigmoid
  %7 (8,) = loss(%5, y_true) function=categorical_crossentropy, from_logits=0, weight=1
  loss () = mean(%7)
)");
}

TEST(SoftmaxCrossEntropy, LeavesTheProbabilitiesToOtherReaders) {
  WeightStore weights(1);
  Net net(weights, 8);
  const ValueId probabilities = net.activation(net.dense(net.input({4}), 3, "dense"), "softmax");
  const ValueId doubled = graph::add(net.builder(), probabilities, probabilities);
  net.graph.value(doubled).role = ValueRole::kOutput;
  net.add_loss(probabilities, LossFunction::kCategoricalCrossentropy);
  fuse_softmax_cross_entropy(net.graph);
  net.graph.verify();
  EXPECT_EQ(graph::to_text(net.graph), R"(forward:
  %3 (8, 3) = matmul(x, dense/kernel) transpose_a=0, transpose_b=0
  %4 (8, 3) = elementwise(%3) | bias_add(dense/bias)
  %8 (8,), %5 (8, 3) = softmax_cross_entropy(%4, y_true) function=categorical_crossentropy, from_logits=1, weight=1
  %6 (8, 3) = elementwise(%5) | add(%5)
  loss () = mean(%8)
)");
}

TEST(Passes, AreReportedInOrder) {
  WeightStore weights(1);
  Net net(weights, 8);
  net.train(net.activation(net.dense(net.input({4}), 3, "dense"), "softmax"), sgd());
  std::vector<std::string> reported;
  CompileOptions options;
  options.after_pass = [&](std::string_view pass, const graph::Graph&) {
    reported.emplace_back(pass);
  };
  net.compile(options);
  std::vector<std::string> expected;
  for (std::string_view name : pass_names()) expected.emplace_back(name);
  expected.emplace_back("assign_layouts");
  EXPECT_EQ(reported, expected);
}

TEST(Passes, OfUnknownNameCantBeDisabled) {
  WeightStore weights(1);
  Net net(weights, 8);
  net.train(net.activation(net.dense(net.input({4}), 3, "dense"), "softmax"), sgd());
  CompileOptions options;
  options.disabled_passes = {"fuse_everything"};
  try {
    net.compile(options);
    FAIL() << "no exception";
  } catch (const ArgumentError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("'fuse_everything'"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("fuse_epilogues"));
  }
}

// Weights after a few steps of a net that every pass changes.
std::vector<float> trained(std::vector<std::string> disabled_passes, bool* changed) {
  WeightStore weights(1);
  Net net(weights, 20);
  ValueId value = net.activation(net.conv2d(net.input({6, 6, 1}), 2, "conv2d"), "relu");
  value = net.activation(net.conv2d(value, 3, "conv2d_1"), "gelu");
  value = net.flatten(net.dropout(net.max_pool(value, 2), 0.25, 1));
  value = net.dropout(net.activation(net.dense(value, 5, "dense"), "tanh"), 0.5, 2);
  net.train(net.activation(net.dense(value, 2, "dense_1"), "softmax"), sgd());
  // Something to remove.
  net.builder().set_phase(graph::Phase::kForward);
  net.activation(net.x, "relu");
  CompileOptions options;
  options.policy = kReference;
  options.disabled_passes = std::move(disabled_passes);
  const auto executable = net.compile(options);
  *changed = graph::to_text(executable->graph()) != graph::to_text(net.graph);
  const Parallel parallel(1);
  for (uint64_t step = 0; step < 5; ++step) {
    fill_batch(net, *executable, step);
    executable->run({parallel, /*seed=*/1, step, 0.1f});
  }
  return weights.all_values();
}

TEST(Passes, LeaveTheNumbersAsTheyWere) {
  bool changed = false;
  const std::vector<float> expected = trained({}, &changed);
  EXPECT_TRUE(changed);
  std::vector<std::string> all;
  for (std::string_view name : pass_names()) {
    all.emplace_back(name);
    // The reference kernels do the same arithmetic in the same order, fused or not.
    EXPECT_EQ(trained({std::string(name)}, &changed), expected) << "without " << name;
    EXPECT_TRUE(changed);
  }
  EXPECT_EQ(trained(all, &changed), expected) << "without any";
  EXPECT_FALSE(changed);
}

// Whatever the kernels: an op has no worse one for what was fused into it.
TEST(Passes, NoFusionCostsAnOpItsKernel) {
  WeightStore weights(1);
  Net net(weights, 128);
  net.train(mnist_cnn(net), optimizer("rmsprop"));
  const auto kernels_of = [&](std::vector<std::string> disabled) {
    CompileOptions options;
    options.disabled_passes = std::move(disabled);
    const auto executable = net.compile(options);
    std::vector<std::string> names;
    for (const runtime::Instruction& instruction : executable->instructions()) {
      const graph::Op& op = executable->graph().ops[instruction.op];
      if (op.kind == &graph::elementwise_kind() || instruction.selection.chosen == nullptr)
        continue;
      // Reorders depend on who stands beside whom, bias gradients on where they are summed.
      if (op.kind->name() == "reorder" || op.kind == &graph::sum_rows_kind()) continue;
      names.emplace_back(instruction.selection.chosen->name());
    }
    std::sort(names.begin(), names.end());
    return names;
  };
  EXPECT_EQ(kernels_of({}), kernels_of({"fuse_epilogues"}));
}

}  // namespace
}  // namespace pronghorn::compiler::testing
