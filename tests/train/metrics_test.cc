#include "train/metrics/make_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "pronghorn/compile_config.h"
#include "pronghorn/error.h"

namespace pronghorn::train {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

// Three rows of three outputs. Largest: class 1, class 0, class 2.
const std::vector<float> kPredictions = {0.1f, 0.6f, 0.3f, 0.5f, 0.2f, 0.3f, 0.2f, 0.2f, 0.6f};

double measure(const Metric& metric, const std::vector<float>& predictions,
               const std::vector<float>& labels, LabelKind kind, int64_t classes,
               const std::vector<float>& weights = {}) {
  const std::vector<Metric> metrics = {metric};
  const auto made = make_metrics(metrics, kind, classes);
  const auto rows = static_cast<int64_t>(predictions.size()) / classes;
  made.front().state->update({predictions.data(), labels.data(), rows, classes, kind,
                              weights.empty() ? nullptr : weights.data()});
  return made.front().state->result(0);
}

TEST(Metrics, AccuracyOfClassNumbersIsTheShareOfRowsWhoseLargestIsTheClass) {
  EXPECT_DOUBLE_EQ(measure("accuracy", kPredictions, {1, 1, 2}, LabelKind::kClassNumbers, 3),
                   2.0 / 3);
  EXPECT_DOUBLE_EQ(
      measure("sparse_categorical_accuracy", kPredictions, {0, 0, 0}, LabelKind::kClassNumbers, 3),
      1.0 / 3);
}

TEST(Metrics, AccuracyOfOneHotRowsComparesTheLargest) {
  EXPECT_DOUBLE_EQ(
      measure("accuracy", kPredictions, {0, 1, 0, 1, 0, 0, 1, 0, 0}, LabelKind::kRows, 3), 2.0 / 3);
  // Soft labels count by their largest.
  EXPECT_DOUBLE_EQ(
      measure("categorical_accuracy", kPredictions,
              {0, 0.7f, 0.3f, 0.4f, 0.5f, 0.1f, 0.3f, 0.3f, 0.4f}, LabelKind::kRows, 3),
      2.0 / 3);
}

TEST(Metrics, TheFirstOfEqualOutputsIsTheLargest) {
  EXPECT_DOUBLE_EQ(measure("accuracy", {0.4f, 0.4f, 0.2f}, {0}, LabelKind::kClassNumbers, 3), 1);
  EXPECT_DOUBLE_EQ(measure("accuracy", {0.4f, 0.4f, 0.2f}, {1}, LabelKind::kClassNumbers, 3), 0);
}

TEST(Metrics, AccuracyOfASingleOutputIsBinary) {
  // 0.5 itself is not above the threshold.
  EXPECT_DOUBLE_EQ(
      measure("accuracy", {0.98f, 0.5f, 0.1f, 0.6f}, {1, 0, 1, 0}, LabelKind::kRows, 1), 0.5);
  EXPECT_DOUBLE_EQ(
      measure("accuracy", {0.98f, 0.5f, 0.1f, 0.6f}, {1, 1, 0, 1}, LabelKind::kRows, 1), 0.75);
}

TEST(Metrics, BinaryAccuracyCountsElements) {
  EXPECT_DOUBLE_EQ(
      measure("binary_accuracy", {0.9f, 0.2f, 0.6f, 0.4f}, {1, 0, 0, 0}, LabelKind::kRows, 2),
      0.75);
}

TEST(Metrics, TopKCountsRowsWhereFewerThanKAreLarger) {
  const std::vector<float> predictions = {0.1f, 0.2f, 0.3f, 0.4f};
  const auto top = [&](const char* name, float label) {
    return measure(name, predictions, {label}, LabelKind::kClassNumbers, 4);
  };
  EXPECT_EQ(top("top_2_categorical_accuracy", 2), 1);
  EXPECT_EQ(top("top_2_categorical_accuracy", 1), 0);
  EXPECT_EQ(top("sparse_top_3_categorical_accuracy", 1), 1);
  EXPECT_EQ(top("sparse_top_3_categorical_accuracy", 0), 0);
  // Keras's k is 5: of four classes all are among them.
  EXPECT_EQ(top("sparse_top_k_categorical_accuracy", 0), 1);
}

TEST(Metrics, TopKOfSixClassesHasKerasFive) {
  const std::vector<float> predictions = {0.6f, 0.5f, 0.4f, 0.3f, 0.2f, 0.1f};
  EXPECT_EQ(
      measure("top_k_categorical_accuracy", predictions, {0, 0, 0, 0, 1, 0}, LabelKind::kRows, 6),
      1);
  EXPECT_EQ(
      measure("top_k_categorical_accuracy", predictions, {0, 0, 0, 0, 0, 1}, LabelKind::kRows, 6),
      0);
}

TEST(Metrics, NanIsNeverAmongTheTop) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(
      measure("top_2_categorical_accuracy", {nan, 0.5f, 0.5f}, {0}, LabelKind::kClassNumbers, 3),
      0);
}

TEST(Metrics, ErrorsAreMeansOverElements) {
  const std::vector<float> predictions = {1, 2, 3, 4};
  const std::vector<float> labels = {1, 0, 0, 5};
  EXPECT_DOUBLE_EQ(measure("mse", predictions, labels, LabelKind::kRows, 2), (0 + 4 + 9 + 1) / 4.0);
  EXPECT_DOUBLE_EQ(measure("mean_absolute_error", predictions, labels, LabelKind::kRows, 2),
                   (0 + 2 + 3 + 1) / 4.0);
}

TEST(Metrics, StreamsOverBatchesOfDifferentSizesUntilReset) {
  const std::vector<Metric> metrics = {"accuracy"};
  const auto made = make_metrics(metrics, LabelKind::kClassNumbers, 3);
  MetricState& metric = *made.front().state;
  const std::vector<float> right = {1, 0, 2};
  const std::vector<float> wrong = {0};
  EXPECT_EQ(metric.result(0), 0);
  metric.update({kPredictions.data(), right.data(), 3, 3, LabelKind::kClassNumbers});
  metric.update({kPredictions.data(), wrong.data(), 1, 3, LabelKind::kClassNumbers});
  EXPECT_DOUBLE_EQ(metric.result(0), 0.75);
  metric.reset();
  metric.update({kPredictions.data(), wrong.data(), 1, 3, LabelKind::kClassNumbers});
  EXPECT_EQ(metric.result(0), 0);
}

TEST(Metrics, UnknownNamesAreRefusedAndTheKnownListed) {
  for (const char* name : {"auk", "top_0_categorical_accuracy", "top__categorical_accuracy",
                           "top_categorical_accuracy", "top_3x_categorical_accuracy", ""}) {
    const std::vector<Metric> names = {name};
    EXPECT_THAT([&] { check_metric_names(names); },
                ThrowsMessage<ArgumentError>(
                    HasSubstr("known are accuracy, exact_accuracy, binary_accuracy")))
        << name;
  }
}

TEST(Metrics, ListedNamesAreKnown) {
  for (const std::string& name : metric_names()) {
    const std::vector<Metric> names = {name};
    EXPECT_NO_THROW(check_metric_names(names)) << name;
  }
}

TEST(Metrics, ElementwiseMetricsRefuseClassNumbers) {
  const std::vector<Metric> names = {"mean_squared_error"};
  EXPECT_THAT(
      [&] { make_metrics(names, LabelKind::kClassNumbers, 10); },
      ThrowsMessage<ArgumentError>(HasSubstr("'mean_squared_error' compares each of the 10")));
}

}  // namespace
}  // namespace pronghorn::train
