#pragma once

#include <algorithm>
#include <cstdint>

#include "graph/graph.h"

namespace pronghorn::kernels::simd {

// A part of a tensor as a matrix whose rows hold some of the channels: the unit in which kernels
// walk over a tensor channel by channel.
struct ChannelPanel {
  int64_t offset;         // of its first element in the tensor
  int64_t first_channel;  // of those in its columns
  int64_t rows;
  int64_t channels;  // also the distance of its rows
};

// The panels of a tensor (N, ..., C). In plain layout any number of images is one panel; in a
// blocked layout each image has one for each block of channels.
class ChannelPanels {
 public:
  explicit ChannelPanels(const graph::Value& value)
      : images_(value.shape[0]), channels_(value.shape.back()), block_(channels_) {
    if (value.layout == graph::Layout::kBlocked8) block_ = 8;
    if (value.layout == graph::Layout::kBlocked16) block_ = 16;
    blocked_ = value.layout != graph::Layout::kPlain;
    pixels_ = value.shape.elements() / (images_ * channels_);
  }

  int64_t images() const { return images_; }
  int64_t channels() const { return channels_; }
  // Over which a channel's statistics are taken.
  int64_t rows() const { return images_ * pixels_; }
  // Images that a thread takes at a time where all elements are independent.
  int64_t grain() const { return std::max<int64_t>(1, 16384 / (pixels_ * channels_)); }

  // Calls f(panel) for all panels of images [first, last).
  template <class F>
  void for_panels(int64_t first, int64_t last, F&& f) const {
    const int64_t image_elements = pixels_ * channels_;
    if (!blocked_) {
      f(ChannelPanel{first * image_elements, 0, (last - first) * pixels_, channels_});
      return;
    }
    for (int64_t image = first; image < last; ++image)
      for (int64_t channel = 0; channel < channels_; channel += block_)
        f(ChannelPanel{image * image_elements + channel * pixels_, channel, pixels_, block_});
  }

 private:
  int64_t images_, channels_, block_, pixels_;
  bool blocked_;
};

}  // namespace pronghorn::kernels::simd
