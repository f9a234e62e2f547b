#include "data/batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "base/philox.h"
#include "base/random_streams.h"
#include "pronghorn/error.h"

namespace pronghorn::data {
namespace {

// The words of a random stream, one after the other.
class Draws {
 public:
  Draws(uint64_t seed, uint64_t epoch) : stream_(seed, kShuffleStream, epoch) {}

  // Uniform in [0, bound), each value exactly as likely: the upper half of word * bound, unless the
  // lower half falls among the 2^32 mod bound products that would favour some values. Lemire, "Fast
  // Random Integer Generation in an Interval", ACM TOMACS 29(1), 2019.
  uint32_t below(uint32_t bound) {
    uint64_t product = uint64_t{next()} * bound;
    if (static_cast<uint32_t>(product) < bound) {
      const uint32_t unfair = (0u - bound) % bound;
      while (static_cast<uint32_t>(product) < unfair) product = uint64_t{next()} * bound;
    }
    return static_cast<uint32_t>(product >> 32);
  }

 private:
  uint32_t next() {
    const uint64_t word = used_++ % 4;
    if (word == 0) block_ = stream_.block(used_ / 4);
    return block_[word];
  }

  RandomStream stream_;
  Philox::Counter block_{};
  uint64_t used_ = 0;
};

int64_t row_elements(const Array& array) {
  return array.samples() == 0 ? 0 : array.shape.elements() / array.samples();
}

}  // namespace

Split split_samples(int64_t samples, double fraction) {
  if (!(fraction >= 0 && fraction < 1)) {
    throw ArgumentError(
        fmt::format("validation_split is {}; it must be at least 0 and less than 1", fraction));
  }
  if (fraction == 0) return {samples, 0};
  const auto training =
      static_cast<int64_t>(std::floor(static_cast<double>(samples) * (1.0 - fraction)));
  if (training == 0 || training == samples) {
    throw ArgumentError(fmt::format(
        "validation_split {} of {} samples leaves none for {}; each part needs at least one",
        fraction, samples, training == 0 ? "training" : "validation"));
  }
  return {training, samples - training};
}

Array slice(const Array& array, int64_t begin, int64_t end) {
  std::vector<int64_t> extents(array.shape.extents().begin(), array.shape.extents().end());
  extents.at(0) = end - begin;
  const int64_t row = row_elements(array);
  return {Shape(std::move(extents)),
          std::vector<float>(array.values.begin() + begin * row, array.values.begin() + end * row)};
}

BatchPlan::BatchPlan(int64_t samples, int64_t batch_size)
    : samples_(samples), batch_size_(std::min(batch_size, samples)) {
  if (batch_size < 1) {
    throw ArgumentError(fmt::format("batch_size is {}; it must be at least 1", batch_size));
  }
  if (samples < 1) throw ArgumentError("there are no samples; at least one is needed");
}

EpochOrder::EpochOrder(int64_t samples) {
  if (samples < 0 || samples > std::numeric_limits<uint32_t>::max()) {
    throw ArgumentError(fmt::format("{} samples can't be ordered; at most 2^32 - 1 can", samples));
  }
  indices_.resize(static_cast<size_t>(samples));
  reset();
}

void EpochOrder::reset() { std::iota(indices_.begin(), indices_.end(), int64_t{0}); }

// Fisher-Yates from the back (Knuth's algorithm P), always starting from file order.
void EpochOrder::shuffle(uint64_t seed, uint64_t epoch) {
  reset();
  Draws draws(seed, epoch);
  for (size_t last = indices_.size(); last > 1; --last)
    std::swap(indices_[last - 1], indices_[draws.below(static_cast<uint32_t>(last))]);
}

void gather(const Array& array, std::span<const int64_t> indices, float* dst) {
  const auto row = static_cast<size_t>(row_elements(array));
  const float* src = array.values.data();
  for (int64_t index : indices) {
    std::memcpy(dst, src + static_cast<size_t>(index) * row, row * sizeof(float));
    dst += row;
  }
}

}  // namespace pronghorn::data
