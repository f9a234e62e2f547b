#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

namespace pronghorn {

// The extents of a dense row-major tensor, outermost first. Images are (batch, height, width,
// channels). A scalar has no dimensions and one element. Model shapes leave the batch out.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> extents) : extents_(extents) {}
  explicit Shape(std::vector<int64_t> extents) : extents_(std::move(extents)) {}

  int rank() const { return static_cast<int>(extents_.size()); }
  int64_t operator[](int axis) const { return extents_[static_cast<size_t>(axis)]; }
  // The extent of the last axis: channels of an image, units of a row.
  int64_t back() const { return extents_.back(); }
  int64_t elements() const;
  std::span<const int64_t> extents() const { return extents_; }

  // This shape behind a new outermost axis: (28, 28, 1) with batch 128 is (128, 28, 28, 1).
  Shape with_batch(int64_t batch) const;
  // This shape less its outermost axis.
  Shape without_batch() const;

  // "(128, 28, 28, 1)"; one dimension prints as "(10,)", as in Python.
  std::string to_string() const;
  // Keras's way to print a layer's shape: "(None, 28, 28, 1)" for (28, 28, 1).
  std::string to_string_any_batch() const;

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::vector<int64_t> extents_;
};

}  // namespace pronghorn
