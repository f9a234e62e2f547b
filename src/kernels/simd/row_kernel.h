#pragma once

#include <algorithm>
#include <cstdint>

#include "platform/parallel.h"
#include "pronghorn/shape.h"

namespace pronghorn::kernels::simd {

// The rows of a tensor along its last axis, and how many of them a thread takes at a time: some
// 8192 elements, so that few rows of ten classes don't wake a team of threads.
struct RowGeometry {
  int64_t rows, columns;

  explicit RowGeometry(const Shape& shape)
      : RowGeometry(shape.elements() / shape.back(), shape.back()) {}
  RowGeometry(int64_t row_count, int64_t column_count) : rows(row_count), columns(column_count) {}

  // Calls run(first, last) for ranges of rows.
  template <class Run>
  void for_rows(const Parallel& parallel, Run&& run) const {
    parallel.for_ranges(rows, grain(), run);
  }
  // How many ranges that are.
  int64_t tasks() const { return (rows + grain() - 1) / grain(); }

 private:
  int64_t grain() const {
    constexpr int64_t kGrainElements = 8192;
    return std::max<int64_t>(1, kGrainElements / columns);
  }
};

}  // namespace pronghorn::kernels::simd
