// The loop over the batches of an epoch allocates nothing: samples, labels, metrics, logs.

#include <gtest/gtest.h>

#include "pronghorn/model.h"
#include "runtime/allocation_counter.h"

namespace pronghorn {
namespace {

using pronghorn::testing::AllocationCounter;
using pronghorn::testing::AllocationCounts;

// Counts from the end of one batch to the end of another.
class Counting : public Callback {
 public:
  void on_train_batch_end(TrainingControl&, int64_t batch, const Logs&) override {
    if (batch == 5) AllocationCounter::start();
    if (batch == 105) counts = AllocationCounter::stop();
  }
  AllocationCounts counts{-1, -1, "not counted"};
};

void fit_and_count(StepProfile* profile) {
  if (!AllocationCounter::kWorks) GTEST_SKIP() << "sanitizers replace malloc themselves";
  Sequential model({6}, {layers::Dense(16, {.activation = "relu"}), layers::Dropout(0.2),
                         layers::Dense(10, {.activation = "softmax"})});
  CompileConfig config;
  config.metrics = {"accuracy", "top_k_categorical_accuracy", "mse"};
  config.threads = 2;
  model.compile(config);
  const int64_t samples = 110 * 8;
  const Array x{{samples, 6}, std::vector<float>(static_cast<size_t>(samples) * 6, 0.5f)};
  const Array y{{samples}, std::vector<float>(static_cast<size_t>(samples), 1)};
  Counting counting;
  FitOptions options;
  options.batch_size = 8;
  options.verbose = Verbose::kSilent;
  options.callbacks = {&counting};
  options.profile = profile;
  options.trace_steps = 20;
  model.fit(x, y, options);
  EXPECT_EQ(counting.counts.others, 0) << counting.counts.first_of_others;
}

TEST(FitLoop, AllocatesNothingIn100Batches) { fit_and_count(nullptr); }

TEST(FitLoop, AllocatesNothingWhereItIsProfiled) {
  StepProfile profile;
  fit_and_count(&profile);
}

}  // namespace
}  // namespace pronghorn
