#pragma once

#include <cstddef>
#include <memory>

namespace pronghorn {

// Zeroed memory that is touched before it is handed out, so that no page fault is left for the
// step loop. Small blocks are aligned to a cache line, large ones to 2 MiB with huge pages asked
// for: a first touch costs 1.6 us per 4 KiB page and a quarter of that with huge pages.
class AlignedBuffer {
 public:
  static constexpr size_t kAlignment = 64;

  AlignedBuffer() = default;
  // Throws Error, with the size, when the memory can't be had.
  explicit AlignedBuffer(size_t bytes);

  std::byte* data() const { return data_.get(); }
  float* floats() const { return reinterpret_cast<float*>(data_.get()); }
  size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* data) const;
  };
  std::unique_ptr<std::byte[], Free> data_;
  size_t bytes_ = 0;
};

}  // namespace pronghorn
