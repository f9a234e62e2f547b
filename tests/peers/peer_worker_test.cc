#include "peers/peer_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "pronghorn/error.h"
#include "pronghorn/saving.h"
#include "train/temporary_directory.h"

namespace pronghorn::bench {
namespace {

constexpr int64_t kBatch = 4;
constexpr int64_t kSamples = 2 * kBatch;

// Two batches of pixels and class numbers that repeat.
class PeerWorkerTest : public testing::Test {
 protected:
  void write_samples(const Shape& input_shape) {
    Array x{input_shape.with_batch(kSamples), {}};
    for (int64_t i = 0; i < x.shape.elements(); ++i)
      x.values.push_back(static_cast<float>(i % 11) / 16);
    Array y{{kSamples}, {}};
    for (int64_t i = 0; i < kSamples; ++i) y.values.push_back(static_cast<float>(i % 3));
    save_npy(directory_ / "x.npy", x);
    save_npy(directory_ / "y.npy", y);
  }

  std::string prepare(const std::string& model, const std::string& mode) {
    return worker_.answer("prepare " + model + " " + mode + " 4 " + (directory_ / ""));
  }

  // The answer's first word must be this; those behind it are numbers.
  std::vector<double> numbers(const std::string& command, const std::string& first) {
    std::istringstream answer(worker_.answer(command));
    std::string word;
    answer >> word;
    EXPECT_EQ(word, first);
    std::vector<double> result;
    for (double number = 0; answer >> number;) result.push_back(number);
    return result;
  }

  TemporaryDirectory directory_;
  PeerWorker worker_{1};
};

TEST_F(PeerWorkerTest, ModelsHaveTheParametersThatTheOtherSidesHave) {
  write_samples({784});
  EXPECT_EQ(prepare("mnist-mlp", "training"), "ready 669706");
  EXPECT_EQ(prepare("mlp-4x1024", "training"), "ready 3962890");
  write_samples({32, 32, 3});
  EXPECT_EQ(prepare("vgg-like", "training"), "ready 550570");
  EXPECT_EQ(prepare("resnet-20", "training"), "ready 274042");
}

// The numbers are those of workload.py's kernels in NumPy. Were they drawn otherwise here, no other
// side would predict the same.
TEST_F(PeerWorkerTest, PredictsFromTheCommonWeights) {
  write_samples({784});
  prepare("mnist-mlp", "inference");
  const std::vector<double> outputs = numbers("outputs", "outputs");
  ASSERT_EQ(outputs.size(), 20u);
  EXPECT_THAT(std::vector<double>(outputs.begin(), outputs.begin() + 3),
              testing::Pointwise(testing::DoubleNear(1e-6), {0.0514290, 0.1652362, 0.1341705}));
}

TEST_F(PeerWorkerTest, Learns) {
  write_samples({784});
  prepare("mnist-mlp", "training");
  const std::vector<double> loss = numbers("learn 20", "loss");
  ASSERT_EQ(loss.size(), 20u);
  EXPECT_LT(loss.back(), 0.5 * loss.front());
}

// Fewer steps than the data have batches, as many, and some round them and beyond.
TEST_F(PeerWorkerTest, RunsSteps) {
  write_samples({28, 28, 1});
  for (const char* mode : {"training", "inference"}) {
    prepare("mnist-cnn-4", mode);
    for (const char* command : {"run 1", "run 2", "run 5"}) {
      const std::vector<double> seconds = numbers(command, "seconds");
      ASSERT_EQ(seconds.size(), 1u);
      EXPECT_GT(seconds[0], 0);
    }
  }
}

TEST_F(PeerWorkerTest, RefusesWhatItDoesNotKnow) {
  write_samples({784});
  EXPECT_THROW(worker_.answer("run 1"), ArgumentError);  // nothing prepared
  EXPECT_THROW(prepare("mnist-mlp", "napping"), ArgumentError);
  EXPECT_THROW(prepare("no-such-net", "training"), Error);
  prepare("mnist-mlp", "training");
  EXPECT_THROW(worker_.answer("run"), ArgumentError);
  EXPECT_THROW(worker_.answer("dance 3"), ArgumentError);
}

}  // namespace
}  // namespace pronghorn::bench
