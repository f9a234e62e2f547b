#include "model/initializer.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/normal_quantile.h"
#include "pronghorn/error.h"

namespace pronghorn::model {
namespace {

using testing::HasSubstr;

constexpr int64_t kRows = 2000, kColumns = 500;  // a million draws

struct Moments {
  double mean, variance, smallest, largest;
};

Moments moments(const Initializer& initializer, const Shape& shape) {
  std::vector<float> values(static_cast<size_t>(shape.elements()));
  initialize(initializer, shape, 42, 7, values);
  double sum = 0, squares = 0;
  for (float value : values) sum += value;
  const double n = static_cast<double>(values.size()), mean = sum / n;
  for (float value : values) squares += (value - mean) * (value - mean);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {mean, squares / n, *low, *high};
}

// A million draws: the mean is within 5 of its standard errors, the variance within 1 % (the
// standard error of a normal sample's is 0.14 %).
void expect_moments(const Moments& m, double mean, double variance) {
  EXPECT_NEAR(m.mean, mean, 5 * std::sqrt(variance) / 1000);
  EXPECT_NEAR(m.variance, variance, 0.01 * variance);
}

// Reference values: Python's statistics.NormalDist().inv_cdf.
TEST(NormalQuantile, MatchesReferenceValues) {
  EXPECT_EQ(normal_quantile(0.5), 0);
  EXPECT_NEAR(normal_quantile(0.975), 1.9599639845400536, 1e-14);
  EXPECT_NEAR(normal_quantile(0.1), -1.2815515655446008, 1e-14);
  EXPECT_NEAR(normal_quantile(1e-9), -5.997807015007686, 1e-13);
  EXPECT_NEAR(normal_quantile(1e-20), -9.262340089798409, 1e-13);
  EXPECT_NEAR(normal_quantile(0.02275013194817921), -2.0, 1e-13);
}

struct VarianceCase {
  const char* name;
  double variance;
};

void PrintTo(const VarianceCase& c, std::ostream* out) { *out << c.name; }

class VarianceOfInitializer : public testing::TestWithParam<VarianceCase> {};

TEST_P(VarianceOfInitializer, IsKerass) {
  const auto [name, variance] = GetParam();
  const Moments m = moments(initializer_from_name(name), {kRows, kColumns});
  expect_moments(m, 0, variance);
  const std::string text = name;
  if (text.ends_with("uniform")) {
    // Uniform in +-sqrt(3 variance), and close to it.
    EXPECT_LE(m.largest, std::sqrt(3 * variance));
    EXPECT_GE(m.largest, 0.9999 * std::sqrt(3 * variance));
    EXPECT_GE(m.smallest, -std::sqrt(3 * variance) * (1 + 1e-6));
  } else {
    // Cut at two deviations of the normal before the cut.
    const double bound = 2 * std::sqrt(variance) / 0.87962566103423978;
    EXPECT_LE(m.largest, bound * (1 + 1e-6));
    EXPECT_GE(m.largest, 0.99 * bound);
    EXPECT_GE(m.smallest, -bound * (1 + 1e-6));
  }
}

INSTANTIATE_TEST_SUITE_P(Scaled, VarianceOfInitializer,
                         testing::Values(VarianceCase{"glorot_uniform", 2.0 / (kRows + kColumns)},
                                         VarianceCase{"glorot_normal", 2.0 / (kRows + kColumns)},
                                         VarianceCase{"he_uniform", 2.0 / kRows},
                                         VarianceCase{"he_normal", 2.0 / kRows},
                                         VarianceCase{"lecun_uniform", 1.0 / kRows},
                                         VarianceCase{"lecun_normal", 1.0 / kRows}));

TEST(Initializer, CountsTheWindowOfAConvolutionAsFans) {
  // fan_in 5 * 5 * 100, fan_out 5 * 5 * 400.
  expect_moments(moments(initializer_from_name("he_uniform"), {5, 5, 100, 400}), 0, 2.0 / 2500);
  expect_moments(moments(initializer_from_name("glorot_uniform"), {5, 5, 100, 400}), 0,
                 2.0 / (2500 + 10000));
}

TEST(Initializer, RandomNormalIsNotCutAndRandomUniformIsBounded) {
  Initializer normal = initializer_from_name("random_normal");
  normal.mean = 1;
  normal.stddev = 2;
  const Moments m = moments(normal, {kRows, kColumns});
  expect_moments(m, 1, 4);
  // The largest of a million is beyond four deviations but for odds of e^-31.
  EXPECT_GT(m.largest, 1 + 4 * 2);

  // A normal cut at two deviations has variance 0.7737 of its own.
  expect_moments(moments(initializer_from_name("truncated_normal"), {kRows, kColumns}), 0,
                 0.0025 * 0.87962566103423978 * 0.87962566103423978);

  const Moments uniform = moments(initializer_from_name("random_uniform"), {kRows, kColumns});
  expect_moments(uniform, 0, 0.01 / 12);
  EXPECT_GE(uniform.smallest, -0.05f);
  EXPECT_LE(uniform.largest, 0.05f);
}

TEST(Initializer, ConstantsAreConstant) {
  std::vector<float> values(3, 9.0f);
  initialize(initializer_from_name("zeros"), {3}, 0, 0, values);
  EXPECT_EQ(values, (std::vector<float>{0, 0, 0}));
  initialize(initializer_from_name("ones"), {3}, 0, 0, values);
  EXPECT_EQ(values, (std::vector<float>{1, 1, 1}));
  initialize(initializer_from_json({{"class_name", "Constant"}, {"config", {{"value", 0.25}}}}),
             {3}, 0, 0, values);
  EXPECT_EQ(values, (std::vector<float>{0.25f, 0.25f, 0.25f}));
}

TEST(Initializer, ElementsDependOnSeedStreamAndPlaceAlone) {
  const Initializer initializer = initializer_from_name("glorot_uniform");
  std::vector<float> a(100), b(100);
  initialize(initializer, {10, 10}, 1, 2, a);
  initialize(initializer, {10, 10}, 1, 2, b);
  EXPECT_EQ(a, b);
  initialize(initializer, {10, 10}, 1, 3, b);
  EXPECT_NE(a, b);
  initialize(initializer, {10, 10}, 2, 2, b);
  EXPECT_NE(a, b);
}

TEST(Initializer, ASeedOfItsOwnPinsTheValues) {
  Initializer initializer = initializer_from_name("he_normal");
  initializer.seed = 11;
  std::vector<float> a(100), b(100);
  initialize(initializer, {10, 10}, 1, 2, a);
  initialize(initializer, {10, 10}, 5, 6, b);
  EXPECT_EQ(a, b);
}

TEST(Initializer, IsReadAndWrittenAsKerasDoes) {
  for (const char* name : {"GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform",
                           "LecunNormal", "RandomUniform", "RandomNormal", "TruncatedNormal",
                           "VarianceScaling", "Zeros", "Ones", "Constant"}) {
    const nlohmann::ordered_json json = to_json(initializer_from_name(name));
    EXPECT_EQ(json["class_name"], name);
    EXPECT_EQ(to_json(initializer_from_json(json)), json);
  }
  EXPECT_EQ(to_json(initializer_from_json({{"class_name", "VarianceScaling"},
                                           {"config",
                                            {{"scale", 3.0},
                                             {"mode", "fan_out"},
                                             {"distribution", "untruncated_normal"},
                                             {"seed", 4},
                                             {"input_axes", nullptr}}}}))["config"],
            (nlohmann::ordered_json{{"scale", 3.0},
                                    {"mode", "fan_out"},
                                    {"distribution", "untruncated_normal"},
                                    {"seed", 4}}));
}

TEST(Initializer, RefusesWhatItDoesNotKnow) {
  try {
    initializer_from_name("orthonormal");
    FAIL();
  } catch (const ArgumentError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("unknown initializer 'orthonormal'; known are zeros, ones"));
  }
  EXPECT_THROW(initializer_from_json(3), ArgumentError);
  EXPECT_THROW(
      initializer_from_json({{"class_name", "VarianceScaling"}, {"config", {{"mode", "fan_max"}}}}),
      ArgumentError);
  EXPECT_THROW(
      initializer_from_json({{"class_name", "GlorotUniform"}, {"config", {{"input_axes", {0}}}}}),
      UnsupportedError);
}

}  // namespace
}  // namespace pronghorn::model
