#include <gtest/gtest.h>

#include <cstring>

#include "pronghorn/data.h"
#include "pronghorn/fit.h"
#include "pronghorn/model.h"

// An epoch of fit() on real digits: the same weights bit for bit on any number of threads.

namespace pronghorn {
namespace {

constexpr int64_t kImages = 512;

Dataset digits() {
  Dataset data = load_dataset("mnist-10k").train;
  const int64_t pixels = data.x.shape.elements() / data.x.samples();
  data.x.values.resize(static_cast<size_t>(kImages * pixels));
  data.y = {{kImages}, {data.y.values.begin(), data.y.values.begin() + kImages}};
  data.y = to_categorical(data.y, data.classes);
  return data;
}

std::vector<NamedArray> fitted(const std::string& zoo_name, const Dataset& data, uint64_t seed,
                               int threads) {
  Model model = load_model(zoo_name);
  CompileConfig config;
  config.optimizer = optimizer("rmsprop");
  config.seed = seed;
  config.threads = threads;
  model.compile(config);
  Array x = data.x;
  x.shape = model.input_shape().with_batch(kImages);
  FitOptions options;
  options.batch_size = 100;  // the last batch has 12
  options.verbose = Verbose::kSilent;
  model.fit(x, data.y, options);
  return model.get_weights();
}

size_t different_values(const std::vector<NamedArray>& a, const std::vector<NamedArray>& b) {
  size_t different = 0;
  for (size_t w = 0; w < a.size(); ++w)
    for (size_t i = 0; i < a[w].array.values.size(); ++i)
      different += std::memcmp(&a[w].array.values[i], &b[w].array.values[i], 4) != 0 ? 1 : 0;
  return different;
}

class Fit : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Zoo, Fit, ::testing::Values("mnist-mlp", "mnist-cnn", "mnist-cnn-4"),
                         [](const auto& model) {
                           std::string name = model.param;
                           for (char& letter : name)
                             if (letter == '-') letter = '_';
                           return name;
                         });

TEST_P(Fit, GivesTheSameBitsOnAnyNumberOfThreads) {
  const Dataset data = digits();
  const std::vector<NamedArray> expected = fitted(GetParam(), data, /*seed=*/7, /*threads=*/1);
  ASSERT_FALSE(expected.empty());
  for (int threads : {1, 2, 3})
    EXPECT_EQ(different_values(expected, fitted(GetParam(), data, 7, threads)), 0u)
        << threads << " threads";
}

TEST(FitSeed, OtherSeedGivesOtherWeights) {
  const Dataset data = digits();
  EXPECT_GT(different_values(fitted("mnist-mlp", data, 7, 1), fitted("mnist-mlp", data, 8, 1)), 0u);
}

}  // namespace
}  // namespace pronghorn
