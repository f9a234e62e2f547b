// Models with several inputs and outputs, and the weights of samples and classes. That the numbers
// are Keras's is shown by tests/conformance.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pronghorn/error.h"
#include "pronghorn/model.h"

namespace pronghorn {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

const EvaluateOptions kSilent = {4, Verbose::kSilent};

FitOptions silent_fit() {
  FitOptions options;
  options.batch_size = 4;
  options.epochs = 2;
  options.verbose = Verbose::kSilent;
  return options;
}

Model two_by_two() {
  const KerasTensor a = Input({3}, "a"), b = Input({2}, "b");
  const KerasTensor joined = layers::Concatenate({.name = "joined"})({a, b});
  return Model({a, b}, {layers::Dense(3, {.activation = "softmax", .name = "kind"})(joined),
                        layers::Dense(1, {.name = "size"})(joined)});
}

Array numbers(const Shape& shape, float step) {
  Array array{shape, {}};
  for (int64_t i = 0; i < shape.elements(); ++i)
    array.values.push_back(static_cast<float>((i * 7) % 11) * step);
  return array;
}

const std::vector<Array> kInputs = {numbers({6, 3}, 0.1f), numbers({6, 2}, 0.2f)};
const std::vector<Array> kLabels = {{{6}, {0, 1, 2, 0, 1, 2}}, numbers({6, 1}, 0.1f)};

CompileConfig two_losses() {
  CompileConfig config;
  config.optimizer = optimizer("sgd");
  config.outputs = {
      {.output = "size", .loss = "mse", .loss_weight = 0.5, .metrics = {"mae"}},
      {.output = "kind", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}}};
  return config;
}

double value_of(const Logs& logs, const std::string& name) {
  for (const auto& [known, value] : logs)
    if (known == name) return value;
  ADD_FAILURE() << "no " << name;
  return 0;
}

TEST(SeveralOutputs, AreLoggedByName) {
  Model model = two_by_two();
  EXPECT_THAT(model.input_names(), ElementsAre("a", "b"));
  EXPECT_THAT(model.output_names(), ElementsAre("kind", "size"));
  model.compile(two_losses());
  const Logs logs = model.evaluate(kInputs, kLabels, kSilent);
  std::vector<std::string> names;
  for (const auto& log : logs) names.push_back(log.first);
  EXPECT_THAT(names, ElementsAre("loss", "kind_accuracy", "kind_loss", "size_loss", "size_mae"));
  EXPECT_NEAR(value_of(logs, "loss"),
              value_of(logs, "kind_loss") + 0.5 * value_of(logs, "size_loss"), 1e-6);
}

TEST(SeveralOutputs, TakeArraysInOrderOrByName) {
  Model model = two_by_two();
  model.compile(two_losses());
  const std::map<std::string, Array> x = {{"b", kInputs[1]}, {"a", kInputs[0]}};
  const std::vector<NamedArray> y = {{"size", kLabels[1]}, {"kind", kLabels[0]}};
  EXPECT_EQ(model.evaluate(x, y, kSilent), model.evaluate(kInputs, kLabels, kSilent));
  const std::vector<NamedArray> predicted = model.predict_outputs(x, kSilent);
  ASSERT_EQ(predicted.size(), 2u);
  EXPECT_EQ(predicted[0].name, "kind");
  EXPECT_EQ(predicted[0].array.shape, (Shape{6, 3}));
  EXPECT_EQ(predicted[1].array.shape, (Shape{6, 1}));
  EXPECT_THAT([&] { model.predict(x, kSilent); },
              ThrowsMessage<ArgumentError>(HasSubstr("predict_outputs")));
}

TEST(SeveralOutputs, OneWithoutLossNeedsNoLabels) {
  Model model = two_by_two();
  CompileConfig config = two_losses();
  config.outputs[0] = {.output = "size", .loss = Loss()};
  model.compile(config);
  const History history = model.fit(kInputs, kLabels[0], silent_fit());
  EXPECT_EQ(history.history.size(), 2u);  // loss, kind_accuracy
  EXPECT_EQ(history.history.count("kind_accuracy"), 1u);
}

TEST(SeveralOutputs, WhatIsMissingOrUnknownIsNamed) {
  Model model = two_by_two();
  CompileConfig config = two_losses();
  config.outputs[0].output = "sighs";
  EXPECT_THAT([&] { model.compile(config); },
              ThrowsMessage<ArgumentError>(AllOf(HasSubstr("'sighs'"), HasSubstr("kind, size"))));
  model.compile(two_losses());
  EXPECT_THAT([&] { model.fit(kInputs[0], kLabels, silent_fit()); },
              ThrowsMessage<ArgumentError>(HasSubstr("no array for the input 'b'")));
  EXPECT_THAT([&] { model.fit(kInputs, kLabels[0], silent_fit()); },
              ThrowsMessage<ArgumentError>(HasSubstr("no array for the output 'size'")));
  const std::map<std::string, Array> wrong = {{"a", kInputs[0]}, {"c", kInputs[1]}};
  EXPECT_THAT([&] { model.fit(wrong, kLabels, silent_fit()); },
              ThrowsMessage<ArgumentError>(AllOf(HasSubstr("input 'c'"), HasSubstr("a, b"))));
  std::vector<Array> labels = kLabels;
  labels[0].values[4] = 7;
  EXPECT_THAT([&] { model.fit(kInputs, labels, silent_fit()); },
              ThrowsMessage<ArgumentError>(
                  AllOf(HasSubstr("output 'kind'"), HasSubstr("sample 4: the label 7"))));
  CompileConfig metrics = two_losses();
  metrics.metrics = {"mae"};
  EXPECT_THAT([&] { model.compile(metrics); },
              ThrowsMessage<ArgumentError>(HasSubstr("metrics names 1 for 2 outputs")));
}

Sequential regression() {
  Sequential model({3}, {layers::Dense(1, {.name = "dense"})});
  CompileConfig config;
  config.loss = "mse";
  config.weighted_metrics = {"mse"};
  config.metrics = {"mse"};
  config.optimizer = optimizer("sgd");
  model.compile(config);
  return model;
}

// The loss is divided by the number of samples, the metric by the sum of the weights; the last of
// two batches is short.
TEST(SampleWeights, MultiplyTheLossAndAverageTheMetric) {
  Sequential model = regression();
  const Array &x = kInputs[0], &y = kLabels[1];
  const Array predicted = model.predict(x, kSilent);
  const Array weights{{6}, {1, 0, 2, 0.5f, 3, 1}};
  double weighted = 0, plain = 0, sum = 0;
  for (size_t i = 0; i < 6; ++i) {
    const double d = static_cast<double>(predicted.values[i] - y.values[i]);
    weighted += d * d * static_cast<double>(weights.values[i]);
    plain += d * d;
    sum += static_cast<double>(weights.values[i]);
  }
  const Logs logs = model.evaluate(x, y, {4, Verbose::kSilent, weights});
  EXPECT_NEAR(value_of(logs, "loss"), weighted / 6, 1e-6);
  EXPECT_NEAR(value_of(logs, "mse"), plain / 6, 1e-6);
  EXPECT_NEAR(value_of(logs, "weighted_mse"), weighted / sum, 1e-6);
}

TEST(SampleWeights, ComeWithValidationData) {
  Sequential model = regression();
  Dataset validation;
  validation.x = kInputs[0];
  validation.y = kLabels[1];
  validation.sample_weight = {{6}, {0, 0, 0, 0, 0, 0}};
  FitOptions options = silent_fit();
  options.validation_data = &validation;
  const History history = model.fit(kInputs[0], kLabels[1], options);
  EXPECT_EQ(history.history.at("val_loss")[0], 0);
  EXPECT_GT(history.history.at("loss")[0], 0);
}

TEST(SampleWeights, OfTheWrongNumberOrBesideClassWeightsAreRefused) {
  Sequential model = regression();
  const auto refused = [&](const Array& weights, const char* message) {
    FitOptions options = silent_fit();
    options.sample_weight = weights;
    EXPECT_THAT([&] { model.fit(kInputs[0], kLabels[1], options); },
                ThrowsMessage<Error>(HasSubstr(message)));
  };
  refused({{5}, {1, 1, 1, 1, 1}}, "6 samples, but 5 sample weights");
  refused(numbers({6, 2}, 1), "sample weights of (2,)");
  Array broken{{6}, {1, 1, 1, 1, 1, 1}};
  broken.values[3] = std::numeric_limits<float>::quiet_NaN();
  refused(broken, "sample 3: the weight");

  FitOptions both = silent_fit();
  const Array ones{{6}, {1, 1, 1, 1, 1, 1}};
  both.sample_weight = ones;
  both.class_weight = {{0, 2.0}};
  EXPECT_THAT([&] { model.fit(kInputs[0], kLabels[1], both); },
              ThrowsMessage<ArgumentError>(HasSubstr("don't go together")));
  Model several = two_by_two();
  several.compile(two_losses());
  FitOptions classes = silent_fit();
  classes.class_weight = {{0, 2.0}};
  EXPECT_THAT([&] { several.fit(kInputs, kLabels, classes); },
              ThrowsMessage<ArgumentError>(HasSubstr("models with one output")));
}

TEST(ClassWeights, AreSampleWeightsByLabel) {
  const auto trained = [](const Array& y, const char* loss, const FitOptions& options) {
    Sequential model({3}, {layers::Dense(3, {.activation = "softmax", .name = "dense"})});
    CompileConfig config;
    config.loss = loss;
    config.optimizer = optimizer("sgd");
    model.compile(config);
    model.fit(kInputs[0], y, options);
    return model.get_weights()[0].array.values;
  };
  FitOptions by_class = silent_fit(), by_sample = silent_fit();
  by_class.class_weight = {{0, 3.0}, {2, 0.5}};
  const Array weights{{6}, {3, 1, 0.5f, 3, 1, 0.5f}};
  by_sample.sample_weight = weights;
  const char* sparse = "sparse_categorical_crossentropy";
  const auto expected = trained(kLabels[0], sparse, by_sample);
  EXPECT_EQ(trained(kLabels[0], sparse, by_class), expected);
  EXPECT_NE(trained(kLabels[0], sparse, silent_fit()), expected);
  const char* one_hot = "categorical_crossentropy";
  EXPECT_EQ(trained(to_categorical(kLabels[0], 3), one_hot, by_class),
            trained(to_categorical(kLabels[0], 3), one_hot, by_sample));
}

TEST(LossArguments, OutOfRangeOrOfAnotherLossAreRefused) {
  const auto refused = [](Loss loss, const char* message) {
    Sequential model({3}, {layers::Dense(3)});
    CompileConfig config;
    config.loss = std::move(loss);
    EXPECT_THAT([&] { model.compile(config); }, ThrowsMessage<ArgumentError>(HasSubstr(message)));
  };
  Loss loss = "mse";
  loss.label_smoothing = 0.1;
  refused(loss, "label_smoothing is for");
  loss = "categorical_crossentropy";
  loss.label_smoothing = 2;
  refused(loss, "in [0, 1]");
  loss = "huber";
  loss.reduction = "none";
  refused(loss, "reduction 'none'");
  loss = "dice";
  loss.axis = {0};
  refused(loss, "the trailing ones");
  loss = "cosine_similarity";
  loss.axis = {0};
  refused(loss, "the last (-1)");
}

}  // namespace
}  // namespace pronghorn
