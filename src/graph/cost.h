#pragma once

#include <cstdint>

namespace pronghorn::graph {

// What an op needs, whatever kernel runs it, as a function of its shapes. One multiply-accumulate
// is two flops; `other_flops` are those that are no part of one. Bytes are compulsory: each input
// element read once, each output element written once.
struct Cost {
  int64_t multiply_accumulates = 0;
  int64_t other_flops = 0;
  int64_t bytes_read = 0;
  int64_t bytes_written = 0;

  Cost& operator+=(const Cost& other) {
    multiply_accumulates += other.multiply_accumulates;
    other_flops += other.other_flops;
    bytes_read += other.bytes_read;
    bytes_written += other.bytes_written;
    return *this;
  }
};

}  // namespace pronghorn::graph
