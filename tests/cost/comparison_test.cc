#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cost/sample_machine.h"
#include "pronghorn/error.h"
#include "pronghorn/explain.h"
#include "pronghorn/layers.h"

namespace pronghorn {
namespace {

using ::testing::HasSubstr;

Explanation explain_zoo(const std::string& name, bool measure = false, int64_t batch = 128) {
  ExplainOptions options;
  options.batch_size = batch;
  options.measure = measure;
  options.config.threads = 1;
  return explain(load_model(name), name, test::sample_machine(), options);
}

void expect_exact(const Comparison& comparison) {
  double product = 1;
  for (const Factor& factor : comparison.factors) {
    EXPECT_NEAR(factor.ratio, factor.b / factor.a, 1e-12) << factor.name;
    product *= factor.ratio;
  }
  EXPECT_NEAR(product, comparison.ratio, 1e-9 * comparison.ratio);
  double difference = 0;
  for (const LayerDifference& layer : comparison.layers) difference += layer.seconds;
  EXPECT_NEAR(difference, comparison.b.step_seconds() - comparison.a.step_seconds(),
              1e-9 * comparison.b.step_seconds());
}

TEST(Comparison, OfMlpAndCnnNamesTheRatiosOfWork) {
  const Comparison comparison = compare(explain_zoo("mnist-mlp"), explain_zoo("mnist-cnn"));
  EXPECT_NEAR(comparison.factors[0].ratio, 16.306, 0.001);
  EXPECT_NEAR(comparison.factors[0].ratio * comparison.factors[1].ratio, 20.264, 0.001);
  EXPECT_THAT(comparison.answer, HasSubstr("16.3 times forward"));
  EXPECT_THAT(comparison.answer, HasSubstr("20.3 times the training multiply-accumulates"));
  EXPECT_THAT(comparison.paragraph, HasSubstr("conv2d_1 (Conv2D) does 98%"));
  EXPECT_THAT(comparison.paragraph, HasSubstr("576 times"));
  EXPECT_THAT(comparison.of_parameters, HasSubstr("0.166 times"));
  expect_exact(comparison);
}

TEST(Comparison, OfMeasuredStepsIsExact) {
  const Comparison comparison =
      compare(explain_zoo("mnist-mlp", true, 32), explain_zoo("mnist-cnn-4", true, 32));
  EXPECT_TRUE(comparison.measured);
  EXPECT_DOUBLE_EQ(comparison.ratio, comparison.b.profile->step_seconds.median /
                                         comparison.a.profile->step_seconds.median);
  expect_exact(comparison);
}

TEST(Comparison, OfAModelWithItselfIsOne) {
  const Comparison comparison = compare(explain_zoo("mnist-mlp"), explain_zoo("mnist-mlp"));
  EXPECT_DOUBLE_EQ(comparison.ratio, 1);
  for (const Factor& factor : comparison.factors) EXPECT_DOUBLE_EQ(factor.ratio, 1);
}

TEST(Comparison, RefusesWhatIsNotComparable) {
  EXPECT_THROW(compare(explain_zoo("mnist-mlp"), explain_zoo("mnist-cnn-4", false, 32)),
               ArgumentError);
  const KerasTensor input = Input({4});
  const Model two({input}, {layers::Dense(2)(input), layers::Dense(3)(input)});
  EXPECT_THROW(compare(explain_zoo("mnist-mlp"), explain(two, "two", test::sample_machine())),
               ArgumentError);
}

}  // namespace
}  // namespace pronghorn
