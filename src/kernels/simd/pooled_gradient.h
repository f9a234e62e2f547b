#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "graph/graph.h"
#include "kernels/kernel.h"
#include "kernels/simd/workspace.h"

// What the two gradients of a max-pooled convolution share. Of each pooling window at most one
// element has a gradient, and none where relu cut the maximum: these kernels go from one gradient
// that is not zero to the next, and learn from the pooling's index where it belongs. The sums are
// those of dense kernels in another order (SparseTrain: Gong et al., PACT 2020).
namespace pronghorn::kernels::simd {

// How the elements of one image lie in memory, plain or in blocks of 16 channels: those of channels
// c to c + 15 (c a multiple of 16) are neighbours.
template <class T>
struct View {
  T* data;
  int64_t row;    // from a row to the next
  int64_t pixel;  // from a pixel to the next
  int64_t block;  // from 16 channels to the next 16

  T* channel(int64_t c) const { return data + c / 16 * block + c % 16; }
};
using ImageView = View<float>;

// An image in one of these layouts.
template <class T>
View<T> image_view(T* data, graph::Layout layout, int64_t rows, int64_t columns, int64_t channels) {
  if (layout == graph::Layout::kPlain) return {data, columns * channels, channels, 16};
  return {data, columns * 16, 16, rows * columns * 16};
}
// One of a tensor's images.
template <class T>
View<T> image_view(T* tensor, const graph::Value& value, int64_t image) {
  const int64_t height = value.shape[1], width = value.shape[2], channels = value.shape[3];
  return image_view(tensor + image * height * width * channels, value.layout, height, width,
                    channels);
}

// The gradients to one image's pooling windows of 2x2, and which element of its window each belongs
// to: 2 row + column.
struct PooledGradient {
  ImageView values;
  View<const uint8_t> winners;
};

// Images with zeros around them, where the convolution pads: one per thread, in the layout of the
// tensor.
class PaddedImage {
 public:
  PaddedImage() = default;
  PaddedImage(const graph::Value& value, int64_t rows, int64_t columns, int64_t top, int64_t left)
      : value_(value), rows_(rows), columns_(columns), top_(top), left_(left) {}

  // False where the image fits as it is.
  bool needed() const { return rows_ != value_.shape[1] || columns_ != value_.shape[2]; }
  int64_t elements() const { return needed() ? rows_ * columns_ * value_.shape[3] : 0; }

  ImageView view(float* storage) const {
    return image_view(storage, value_.layout, rows_, columns_, value_.shape[3]);
  }
  void clear(float* storage) const { std::fill(storage, storage + elements(), 0.0f); }

  // The part of the padded image that is the image; calls copy(of the image, of the padded one,
  // floats) for each row of each block of channels.
  template <class Copy>
  void for_rows(const ImageView& image, const ImageView& padded, Copy&& copy) const {
    const bool plain = value_.layout == graph::Layout::kPlain;
    const int64_t blocks = plain ? 1 : value_.shape[3] / 16;
    const int64_t row_floats = value_.shape[2] * image.pixel;
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t y = 0; y < value_.shape[1]; ++y) {
        if (y + top_ >= rows_) break;
        const int64_t floats = std::min(row_floats, (columns_ - left_) * image.pixel);
        copy(image.data + block * image.block + y * image.row,
             padded.data + block * padded.block + (y + top_) * padded.row + left_ * padded.pixel,
             floats);
      }
  }

 private:
  graph::Value value_;
  int64_t rows_ = 0, columns_ = 0, top_ = 0, left_ = 0;
};

// What can be asked of both kernels.
class PooledGradientImplementation : public Implementation {
 public:
  Family family() const override { return Family::kSimd; }
  std::optional<std::string> refuse(const KernelCase& kernel_case) const override;
  Execution execution(const KernelCase& kernel_case) const override;

 protected:
  // The layout itself where the kernels run in it.
  static graph::Layout own(graph::Layout layout) {
    return layout == graph::Layout::kBlocked16 ? layout : graph::Layout::kPlain;
  }
};

}  // namespace pronghorn::kernels::simd
