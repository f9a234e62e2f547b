#include "train/training_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "pronghorn/error.h"

namespace pronghorn::train {
namespace {

using graph::LossFunction;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

Array zeros(const Shape& shape) {
  return {shape, std::vector<float>(static_cast<size_t>(shape.elements()))};
}

TEST(SamplesOfAModel, MayLackAxesOfOneOrBeFlattened) {
  EXPECT_NO_THROW(check_samples(zeros({2, 28, 28, 1}), {28, 28, 1}));
  EXPECT_NO_THROW(check_samples(zeros({2, 28, 28}), {28, 28, 1}));
  EXPECT_NO_THROW(check_samples(zeros({2, 28, 28, 1}), {784}));
  EXPECT_NO_THROW(check_samples(zeros({2}), {1}));
}

TEST(SamplesOfAModel, OfAnotherShapeAreRefused) {
  EXPECT_THAT(
      [] {
        check_samples(zeros({2, 32, 32, 3}), {28, 28, 1});
      },
      ThrowsMessage<ShapeError>(HasSubstr("images of (32, 32, 3), the model takes (28, 28, 1)")));
  // As many elements, but in another order.
  EXPECT_THROW(check_samples(zeros({2, 3, 32, 32}), {32, 32, 3}), ShapeError);
  EXPECT_THROW(check_samples(zeros({2, 784}), {28, 28, 1}), ShapeError);
  EXPECT_THROW(check_samples(zeros({0, 28, 28, 1}), {28, 28, 1}), ArgumentError);
  Array broken = zeros({2, 4});
  broken.values.pop_back();
  EXPECT_THROW(check_samples(broken, {4}), ArgumentError);
}

TEST(Labels, ClassNumbersBecomeOneHotForCategoricalCrossentropy) {
  Array storage;
  const Array labels =
      check_labels({{2}, {2, 0}}, 2, {3}, LossFunction::kCategoricalCrossentropy, storage);
  EXPECT_EQ(labels.shape, (Shape{2, 3}));
  EXPECT_THAT(labels.values, ElementsAre(0, 0, 1, 1, 0, 0));
}

TEST(Labels, ThatSuitTheLossAreTakenAsTheyAre) {
  Array storage;
  const Array one_hot{{2, 3}, {0, 0, 1, 1, 0, 0}};
  EXPECT_EQ(&check_labels(one_hot, 2, {3}, LossFunction::kCategoricalCrossentropy, storage),
            &one_hot);
  const Array numbers{{2, 1}, {2, 0}};
  EXPECT_EQ(&check_labels(numbers, 2, {3}, LossFunction::kSparseCategoricalCrossentropy, storage),
            &numbers);
  const Array targets{{2}, {0.5f, 1}};
  EXPECT_EQ(&check_labels(targets, 2, {1}, LossFunction::kBinaryCrossentropy, storage), &targets);
}

TEST(Labels, OutsideOfTheClassesAreNamed) {
  Array storage;
  const auto check = [&](float label, LossFunction loss) {
    check_labels({{3}, {0, label, 1}}, 3, {10}, loss, storage);
  };
  for (const float label : {10.0f, -1.0f, 0.5f, std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_THAT(
        [&] { check(label, LossFunction::kSparseCategoricalCrossentropy); },
        ThrowsMessage<ArgumentError>(AllOf(HasSubstr("sample 1:"), HasSubstr("classes 0 to 9"))))
        << label;
    EXPECT_THAT([&] { check(label, LossFunction::kCategoricalCrossentropy); },
                ThrowsMessage<ArgumentError>(HasSubstr("1")))
        << label;
  }
}

TEST(Labels, OfBinaryCrossentropyAreBetweenZeroAndOne) {
  Array storage;
  EXPECT_THAT(
      [&] {
        check_labels({{2}, {0, 2}}, 2, {1}, LossFunction::kBinaryCrossentropy, storage);
      },
      ThrowsMessage<ArgumentError>(AllOf(HasSubstr("sample 1: the label 2"), HasSubstr("[0, 1]"))));
}

TEST(Labels, OfAnotherShapeOrNumberAreRefused) {
  Array storage;
  EXPECT_THAT([&] { check_labels(zeros({3}), 2, {1}, LossFunction::kMeanSquaredError, storage); },
              ThrowsMessage<ArgumentError>(HasSubstr("2 samples, but 3 labels")));
  EXPECT_THAT(
      [&] {
        check_labels(zeros({2, 4}), 2, {3}, LossFunction::kCategoricalCrossentropy, storage);
      },
      ThrowsMessage<ShapeError>(HasSubstr("labels of (4,)")));
  EXPECT_THAT([&] { check_labels(zeros({2}), 2, {10}, LossFunction::kMeanSquaredError, storage); },
              ThrowsMessage<ShapeError>(HasSubstr("class numbers suit")));
  EXPECT_THAT(
      [&] {
        check_labels(zeros({2, 10}), 2, {10}, LossFunction::kSparseCategoricalCrossentropy,
                     storage);
      },
      ThrowsMessage<ShapeError>(HasSubstr("one-hot labels suit categorical_crossentropy")));
}

}  // namespace
}  // namespace pronghorn::train
