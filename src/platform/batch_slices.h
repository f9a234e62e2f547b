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
  // Eight slices keep eight threads busy, and 16 images fill the tiles of the convolution kernels;
  // see docs/kernels.md for what other sizes cost.
  static constexpr int64_t kMostSlices = 8;
  static constexpr int64_t kSmallestSlice = 16;

  explicit BatchSlices(int64_t batch)
      : batch_(batch), size_(std::max(kSmallestSlice, (batch + kMostSlices - 1) / kMostSlices)) {}

  int64_t batch() const { return batch_; }
  int64_t size() const { return size_; }
  int64_t count() const { return (batch_ + size_ - 1) / size_; }
  int64_t begin(int64_t slice) const { return slice * size_; }
  int64_t end(int64_t slice) const { return std::min(batch_, (slice + 1) * size_); }
  int64_t rows(int64_t slice) const { return end(slice) - begin(slice); }

 private:
  int64_t batch_;
  int64_t size_;
};

}  // namespace pronghorn
