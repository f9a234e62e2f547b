#pragma once

#include <cstdint>

namespace pronghorn::kernels::simd {

// How the floats of one image lie in memory, plain or in blocks of 16 channels: those of channels
// c to c + 15 (c a multiple of 16) are neighbours.
struct ImageView {
  float* data;
  int64_t row;    // from a row to the next
  int64_t pixel;  // from a pixel to the next
  int64_t block;  // from 16 channels to the next 16

  float* channel(int64_t c) const { return data + c / 16 * block + c % 16; }
};

// A gradient that is not zero, and where its patch of the input begins, in floats from the begin of
// a channel.
struct GradientEntry {
  int32_t place;
  float value;
};

// Of one image, by output channel.
struct GradientLists {
  GradientEntry* entries;  // `capacity` for each channel
  int32_t* counts;
  int64_t channels;
  int64_t capacity;
};

}  // namespace pronghorn::kernels::simd
