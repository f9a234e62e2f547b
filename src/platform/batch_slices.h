#pragma once

#include <algorithm>
#include <cstdint>

namespace pronghorn {

// The fixed cut of a batch into slices, the leaves of THE reduction tree. Whatever sums over the
// batch sums within a slice first, in a fixed order, and then over the slices by the tree of
// reduction_tree.h; threads take whole slices. The cut is a function of the batch size alone, so
// no result depends on the number of threads.
class BatchSlices {
 public:
  // 16 slices keep 16 threads busy, and balance two that are not equally fast; 8 images fill the
  // tiles of the convolution kernels. See docs/kernels.md for what other sizes cost.
  static constexpr int64_t kMostSlices = 16;
  static constexpr int64_t kSmallestSlice = 8;

  explicit BatchSlices(int64_t batch) : BatchSlices(batch, 1) {}

  // Half as many, twice as large: where each slice costs something, whatever its images.
  static BatchSlices coarse(int64_t batch) { return {batch, 2}; }

  // Of sums over the batch, so many numbers a slice: coarse where the numbers are many, for each
  // slice's are written, and added to the others'.
  static BatchSlices for_sums(int64_t batch, int64_t numbers) {
    constexpr int64_t kMany = 32 << 10;
    return numbers > kMany ? coarse(batch) : BatchSlices(batch);
  }

  int64_t batch() const { return batch_; }
  int64_t size() const { return size_; }
  int64_t count() const { return (batch_ + size_ - 1) / size_; }
  int64_t begin(int64_t slice) const { return slice * size_; }
  int64_t end(int64_t slice) const { return std::min(batch_, (slice + 1) * size_); }
  int64_t rows(int64_t slice) const { return end(slice) - begin(slice); }
  bool operator==(const BatchSlices&) const = default;

 private:
  BatchSlices(int64_t batch, int64_t joined)
      : batch_(batch),
        size_(joined * std::max(kSmallestSlice, (batch + kMostSlices - 1) / kMostSlices)) {}

  int64_t batch_;
  int64_t size_;
};

}  // namespace pronghorn
