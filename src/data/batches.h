#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pronghorn/data.h"

namespace pronghorn::data {

// Keras's validation_split: the first floor(samples * (1 - fraction)) samples are trained on, the
// rest validates; taken before shuffling.
struct Split {
  int64_t training;
  int64_t validation;
};
// Throws ArgumentError unless 0 <= fraction < 1 and, where fraction > 0, both parts have a sample.
Split split_samples(int64_t samples, double fraction);

// Samples [begin, end) of an array, copied.
Array slice(const Array& array, int64_t begin, int64_t end);

// Which batch has how many samples: all `batch_size` but the last, which has what is left.
class BatchPlan {
 public:
  // Throws ArgumentError unless both are at least 1.
  BatchPlan(int64_t samples, int64_t batch_size);

  int64_t batches() const { return (samples_ + batch_size_ - 1) / batch_size_; }
  int64_t begin(int64_t batch) const { return batch * batch_size_; }
  int64_t size(int64_t batch) const {
    const int64_t left = samples_ - begin(batch);
    return left < batch_size_ ? left : batch_size_;
  }

  int64_t samples() const { return samples_; }
  // A batch size beyond the number of samples is the number of samples.
  int64_t batch_size() const { return batch_size_; }
  int64_t last_size() const { return size(batches() - 1); }

 private:
  int64_t samples_;
  int64_t batch_size_;
};

// The order in which an epoch visits the samples. A shuffled order is a function of (seed, epoch,
// samples) alone, so a run that is resumed at an epoch continues as the uninterrupted one.
class EpochOrder {
 public:
  // In file order until shuffle() is called. Throws ArgumentError beyond 2^32 - 1 samples.
  explicit EpochOrder(int64_t samples);

  // The permutation of this epoch; allocates nothing.
  void shuffle(uint64_t seed, uint64_t epoch);
  std::span<const int64_t> indices() const { return indices_; }
  // Those of one batch.
  std::span<const int64_t> indices(const BatchPlan& plan, int64_t batch) const {
    return std::span(indices_).subspan(static_cast<size_t>(plan.begin(batch)),
                                       static_cast<size_t>(plan.size(batch)));
  }

 private:
  void reset();
  std::vector<int64_t> indices_;
};

// Copies the samples with these indices one after the other to `dst`, which must hold them all.
// Allocates nothing.
void gather(const Array& array, std::span<const int64_t> indices, float* dst);

}  // namespace pronghorn::data
