#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/philox.h"
#include "compiler/double_interpreter.h"
#include "compiler/fusion.h"
#include "compiler/net.h"
#include "graph/ops/concatenate.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/pool2d.h"
#include "kernels/selection.h"

// The gradients of whole small models, in double precision against finite differences of the loss,
// and in float, compiled with all passes and each family of kernels, against those in double.

namespace pronghorn::compiler::testing {
namespace {

using graph::LossFunction;
using graph::StageFunction;
using graph::ValueId;

constexpr uint64_t kSeed = 3, kStep = 5;

struct Model {
  std::string name;
  // Builds the model up to its prediction.
  std::function<ValueId(Net&)> build;
  LossFunction loss = LossFunction::kCategoricalCrossentropy;
  bool from_logits = false;
};

ValueId activated(Net& net, const std::string& activation) {
  const ValueId hidden = net.activation(net.dense(net.input({5}), 4, "dense"), activation);
  return net.activation(net.dense(hidden, 3, "dense_1"), "softmax");
}

// Every way in which images flow: strides and padding, norm, both poolings, a sum and a
// concatenation of branches, dropout.
ValueId branches(Net& net) {
  const ValueId src = net.input({8, 7, 2});
  ValueId left = net.conv2d(src, 3, "conv2d", {.stride = 2, .same = true, .use_bias = false});
  left = net.activation(net.batch_norm(left, "batch_normalization"), "relu");
  const ValueId right = net.conv2d(src, 3, "conv2d_1", {.stride = 2, .same = true});
  net.builder().set_layer("add");
  const ValueId sum = net.activation(graph::add(net.builder(), left, right), "elu");
  net.builder().set_layer("concatenate");
  const ValueId both = graph::concatenate(net.builder(), {sum, left}, 3);
  ValueId top =
      net.dropout(net.max_pool(net.conv2d(both, 4, "conv2d_2", {.same = true}), 2), 0.3, 1);
  net.builder().set_layer("average_pooling2d");
  const ValueId bottom = graph::average_pool2d(net.builder(), both, {2, 2, 2, 2, {}});
  net.builder().set_layer("concatenate_1");
  const ValueId images = graph::concatenate(net.builder(), {top, bottom}, 3);
  return net.activation(net.dense(net.flatten(images), 3, "dense"), "softmax");
}

// What the pooling's gradient passes on joins the activation's; dropout stands behind a view.
ValueId pooled(Net& net, bool average) {
  ValueId value = net.activation(net.conv2d(net.input({6, 6, 2}), 4, "conv2d"), "relu");
  value = average ? graph::average_pool2d(net.builder(), value, {2, 2, 2, 2, {}})
                  : net.max_pool(value, 2);
  value = net.dropout(net.flatten(value), 0.3, 1);
  return net.activation(net.dense(value, 3, "dense"), "softmax");
}

ValueId one_dense(Net& net) { return net.dense(net.input({5}), 3, "dense"); }

std::vector<Model> models() {
  std::vector<Model> models;
  for (const char* name :
       {"relu", "leaky_relu", "sigmoid", "tanh", "gelu", "silu", "elu", "softplus"})
    models.push_back({name, [name](Net& net) { return activated(net, name); }});
  models.push_back({"gelu_approximate", [](Net& net) {
                      const ValueId hidden =
                          graph::elementwise(net.builder(), net.dense(net.input({5}), 4, "dense"),
                                             {StageFunction::kGeluApproximate});
                      return net.activation(net.dense(hidden, 3, "dense_1"), "softmax");
                    }});
  models.push_back({"branches", branches});
  models.push_back({"max_pooled", [](Net& net) { return pooled(net, false); }});
  models.push_back({"average_pooled", [](Net& net) { return pooled(net, true); }});
  models.push_back({"resnet_block", [](Net& net) { return resnet_block(net, {6, 6, 2}, 4, 3); }});
  models.push_back({"logits", one_dense, LossFunction::kCategoricalCrossentropy, true});
  models.push_back({"sparse", [](Net& net) { return net.activation(one_dense(net), "softmax"); },
                    LossFunction::kSparseCategoricalCrossentropy});
  models.push_back(
      {"sparse_logits", one_dense, LossFunction::kSparseCategoricalCrossentropy, true});
  models.push_back({"binary", [](Net& net) { return net.activation(one_dense(net), "sigmoid"); },
                    LossFunction::kBinaryCrossentropy});
  models.push_back({"binary_logits", one_dense, LossFunction::kBinaryCrossentropy, true});
  models.push_back({"mean_squared_error", one_dense, LossFunction::kMeanSquaredError});
  models.push_back({"mean_absolute_error", one_dense, LossFunction::kMeanAbsoluteError});
  models.push_back({"softmax_of_another_loss",
                    [](Net& net) { return net.activation(one_dense(net), "softmax"); },
                    LossFunction::kMeanSquaredError});
  return models;
}

// The step of a model, and the data that it is looked at with.
struct Case {
  WeightStore weights{7};
  Net net{weights, 20};  // two slices of the batch, the second short
  std::vector<double> x, y_true;

  Case(const Model& model, bool fuse_loss) {
    net.add_loss(model.build(net), model.loss, model.from_logits);
    if (fuse_loss) fuse_softmax_cross_entropy(net.graph);
    net.differentiate(/*keep_gradients=*/true);
    net.graph.verify();
    const RandomStream numbers(kSeed, 99, 0);
    const auto size = static_cast<size_t>(net.graph.value(net.x).shape.elements());
    // Rounded to float, so that the compiled step sees the same.
    for (size_t i = 0; i < size; ++i) x.push_back(2.0f * numbers.uniform(i) - 1.0f);
    const Shape& labels = net.graph.value(net.y_true).shape;
    const RandomStream classes(kSeed, 98, 0);
    for (size_t i = 0; i < static_cast<size_t>(labels.elements()); ++i) {
      const size_t row = labels.rank() == 2 ? i / 3 : i, column = i % 3;
      const size_t label = classes.word(row) % 3;
      y_true.push_back(static_cast<double>(labels.rank() == 1 ? label : size_t{label == column}));
    }
  }

  void fill(DoubleInterpreter& interpreter) {
    interpreter.values(net.x) = x;
    interpreter.values(net.y_true) = y_true;
    for (const ExternalValue& value : net.external) {
      std::vector<double>& values = interpreter.values(value.value);
      values.assign(value.data, value.data + values.size());
    }
  }
};

// The name of a model, with which GoogleTest names the case.
class GradientOf : public ::testing::TestWithParam<Model> {};
INSTANTIATE_TEST_SUITE_P(Models, GradientOf, ::testing::ValuesIn(models()),
                         [](const auto& model) { return model.param.name; });

TEST_P(GradientOf, AgreesWithFiniteDifferencesOfTheLossInDouble) {
  for (bool fuse_loss : {false, true}) {
    Case test(GetParam(), fuse_loss);
    DoubleInterpreter interpreter(test.net.graph);
    test.fill(interpreter);
    interpreter.run(kSeed, kStep, /*forward_only=*/false);
    DoubleInterpreter moved(test.net.graph);
    test.fill(moved);

    // Central differences err by h^2 f'''/6 and by the rounding of the loss over h: 1e-12 and 1e-11
    // here. Gradients are 1e-3 to 1, so that one of a wrong formula stands out.
    constexpr double kH = 1e-5;
    constexpr double kBound = 1e-8;
    const auto loss_at = [&](double& element, double value) {
      element = value;
      moved.run(kSeed, kStep, /*forward_only=*/true);
      return moved.values(test.net.loss)[0];
    };
    double largest_gradient = 0;
    for (size_t w = 0; w < test.net.trainable.size(); ++w) {
      const std::vector<double>& gradient = interpreter.values(test.net.gradients[w]);
      for (size_t i = 0; i < gradient.size(); ++i) {
        double& element = moved.values(test.net.trainable[w])[i];
        const double original = element;
        const double above = loss_at(element, original + kH);
        const double below = loss_at(element, original - kH);
        element = original;
        largest_gradient = std::max(largest_gradient, std::abs(gradient[i]));
        ASSERT_NEAR(gradient[i], (above - below) / (2 * kH), kBound)
            << test.net.graph.value(test.net.trainable[w]).name << " element " << i
            << (fuse_loss ? ", loss fused" : "");
      }
    }
    EXPECT_GT(largest_gradient, 1e-3) << "the check sees nothing";
  }
}

TEST_P(GradientOf, CompiledStepAgreesWithDoublePrecision) {
  Case test(GetParam(), /*fuse_loss=*/true);
  DoubleInterpreter interpreter(test.net.graph);
  test.fill(interpreter);
  interpreter.run(kSeed, kStep, /*forward_only=*/false);

  for (const char* family : {"auto", "reference", "simd", "onednn"}) {
    // Batch norm updates its moving statistics: the next family starts from the same.
    Case fresh(GetParam(), /*fuse_loss=*/true);
    CompileOptions options;
    options.policy.family = kernels::parse_family(family);
    options.threads = 2;
    const auto executable = fresh.net.compile(options);
    std::copy(test.x.begin(), test.x.end(), executable->data(fresh.net.x));
    std::copy(test.y_true.begin(), test.y_true.end(), executable->data(fresh.net.y_true));
    const Parallel parallel(options.threads);
    executable->run({parallel, kSeed, kStep, 0.0f});

    // Of the whole tensor, in the Euclidean norm: a value passes through some 20 ops; each sums up
    // to 200 products, which rounds it by at most sqrt(200) eps if errors have random signs:
    // 20 * 14 * 6e-8 = 1.7e-5.
    constexpr double kRelative = 1.7e-5;
    for (size_t w = 0; w < test.net.trainable.size(); ++w) {
      const std::vector<double>& expected = interpreter.values(test.net.gradients[w]);
      const float* actual = executable->data(fresh.net.gradients[w]);
      double norm = 0, error = 0;
      for (size_t i = 0; i < expected.size(); ++i) {
        norm = std::hypot(norm, expected[i]);
        error = std::hypot(error, actual[i] - expected[i]);
      }
      EXPECT_LE(error, kRelative * norm + 1e-7)
          << family << " " << test.net.graph.value(test.net.trainable[w]).name;
    }
    EXPECT_NEAR(*executable->data(fresh.net.loss), interpreter.values(test.net.loss)[0], 2e-6)
        << family;
  }
}

// Two losses on one softmax, one of them a crossentropy: the fused op must also take the gradient
// that arrives at its probabilities.
TEST(Gradient, ASoftmaxSharedByTwoLossesGetsBothGradients) {
  const Model model{"shared", [](Net& net) {
                      const ValueId p = net.activation(one_dense(net), "softmax");
                      const ValueId target = net.builder().add_value(
                          "target", net.graph.value(p).shape, graph::ValueRole::kInput);
                      graph::loss(net.builder(), p, target, LossFunction::kMeanSquaredError, false);
                      return p;
                    }};
  Case separate(model, /*fuse_loss=*/false);
  Case fused(model, /*fuse_loss=*/true);
  DoubleInterpreter expected(separate.net.graph), actual(fused.net.graph);
  separate.fill(expected);
  fused.fill(actual);
  expected.run(kSeed, kStep, false);
  actual.run(kSeed, kStep, false);
  for (size_t w = 0; w < separate.net.trainable.size(); ++w) {
    const std::vector<double>& a = expected.values(separate.net.gradients[w]);
    const std::vector<double>& b = actual.values(fused.net.gradients[w]);
    // Apart from the separate form's clip and division, the same formula.
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12);
  }
}

}  // namespace
}  // namespace pronghorn::compiler::testing
