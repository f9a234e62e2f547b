#include "runtime/executable.h"

#include <gtest/gtest.h>

#include "compiler/net.h"
#include "kernels/selection.h"

namespace pronghorn::runtime {
namespace {

using compiler::testing::Net;
using compiler::testing::WeightStore;

std::unique_ptr<Executable> compiled(Net& net) {
  net.train(net.activation(net.dense(net.input({4}), 3, "dense"), "softmax"), optimizer("sgd"));
  compiler::CompileOptions options;
  options.policy.family = kernels::Family::kReference;
  return net.compile(options);
}

TEST(Executable, TextShowsPlacesAndKernels) {
  WeightStore weights(1);
  Net net(weights, 8);
  EXPECT_EQ(to_text(*compiled(net)), R"(forward:
  %4 (8, 3) @128+96 = matmul(x, dense/kernel) transpose_a=0, transpose_b=0 | bias_add(dense/bias)  [reference.matmul]
  %7 (8,) @384+32, %5 (8, 3) @128+96 = softmax_cross_entropy(%4, y_true) function=categorical_crossentropy, from_logits=1, weight=1  [reference.softmax_cross_entropy]
  loss () @512+4 = mean(%7)  [reference.mean]
backward:
  %9 (8, 3) @384+96 = softmax_cross_entropy_backward(%5, y_true) function=categorical_crossentropy, from_logits=1, weight=1, scale=0.125  [reference.softmax_cross_entropy_backward]
  %10 (3,) @576+12 = sum_rows(%9)  [reference.sum_rows]
  %11 (4, 3) @640+48 = matmul(x, %9) transpose_a=1, transpose_b=0  [reference.matmul]
update:
  %12 (4, 3) @weights = optimizer_update(dense/kernel, %11) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0  [reference.optimizer_update]
  %13 (3,) @weights = optimizer_update(dense/bias, %10) optimizer=sgd, momentum=0, nesterov=0, weight_decay=0  [reference.optimizer_update]
arena: 768 bytes (@offset+size, bytes from its begin)
)");
}

TEST(Executable, UpdatesTheCallersWeightsInPlace) {
  WeightStore weights(1);
  Net net(weights, 8);
  const auto executable = compiled(net);
  const std::vector<float> before = weights.all_values();
  compiler::testing::fill_batch(net, *executable, 0);
  const Parallel parallel(1);
  executable->run({parallel, 1, 0, 0.5f});
  EXPECT_NE(weights.all_values(), before);
  for (const compiler::ExternalValue& value : net.external)
    EXPECT_EQ(executable->data(value.value), value.data);
}

TEST(Executable, RunsAgainOnTheSameInputs) {
  WeightStore weights(1);
  Net net(weights, 8);
  const auto executable = compiled(net);
  compiler::testing::fill_batch(net, *executable, 0);
  const Parallel parallel(1);
  // With a learning rate of zero nothing changes, so neither does the loss.
  executable->run({parallel, 1, 0, 0.0f});
  const float loss = *executable->data(net.loss);
  executable->run({parallel, 1, 0, 0.0f});
  EXPECT_EQ(*executable->data(net.loss), loss);
  EXPECT_GT(loss, 0);
}

}  // namespace
}  // namespace pronghorn::runtime
