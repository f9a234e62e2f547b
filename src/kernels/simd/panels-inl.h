// Loops over a panel: sums over its rows, and maps, channel by channel (channel_panels.h).
#if defined(PRONGHORN_KERNELS_SIMD_PANELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PRONGHORN_KERNELS_SIMD_PANELS_INL_H_
#undef PRONGHORN_KERNELS_SIMD_PANELS_INL_H_
#else
#define PRONGHORN_KERNELS_SIMD_PANELS_INL_H_
#endif

#include "kernels/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

// Rows that are summed in registers before they are added to the sums in memory. It bounds the
// error of a sum of n rows to about (64 + n / 64) roundings instead of n, and keeps what a chunk
// of 64 channels reads, 16 KiB, in the L1 cache for the loops that pass over it by parts.
constexpr int64_t kChunkRows = 64;

// Adds to sums[k][channel] the sum over all rows of term k; term(at, part, terms) sets the kSums
// terms of the vector `part` of the row that begins at element `at`.
template <int kSums, class Term>
HWY_INLINE void add_channel_sums(int64_t rows, size_t channels, float* const* sums, Term term) {
  for (int64_t first = 0; first < rows; first += kChunkRows) {
    const int64_t last = HWY_MIN(rows, first + kChunkRows);
    for_parts(channels, [&](auto part) HWY_ATTR {
      // Two of each, for even and odd rows: one would wait for its last addition in each row.
      V even[kSums], odd[kSums], terms[kSums];
      for (int k = 0; k < kSums; ++k) even[k] = odd[k] = hn::Zero(D());
      const size_t begin = static_cast<size_t>(first) * channels;
      const size_t end = static_cast<size_t>(last) * channels;
      size_t at = begin;
      for (; at + 2 * channels <= end; at += 2 * channels) {
        term(at, part, terms);
        for (int k = 0; k < kSums; ++k) even[k] = hn::Add(even[k], terms[k]);
        term(at + channels, part, terms);
        for (int k = 0; k < kSums; ++k) odd[k] = hn::Add(odd[k], terms[k]);
      }
      if (at < end) {
        term(at, part, terms);
        for (int k = 0; k < kSums; ++k) even[k] = hn::Add(even[k], terms[k]);
      }
      for (int k = 0; k < kSums; ++k)
        part.store(hn::Add(part.load(sums[k]), hn::Add(even[k], odd[k])), sums[k]);
    });
  }
}

// sums[channel] += the sum over all rows of src. Many rows whose channels don't fill vectors are
// read without regard to where they begin: as many rows as a vector has lanes are as many vectors
// as there are channels, and lane l of the v-th holds channel (v lanes + l) % channels.
inline void add_rows(const float* src, int64_t rows, size_t channels, float* sums) {
  constexpr size_t kFewChannels = 32;
  const size_t lanes = hn::Lanes(D());
  size_t done = 0;
  // Adding up the lanes costs as much as four to eight groups of rows.
  const int64_t worthwhile = static_cast<int64_t>(8 * lanes);
  if (channels <= kFewChannels && channels % lanes != 0 && rows >= worthwhile) {
    HWY_ALIGN float accumulators[kFewChannels * hn::MaxLanes(D())] = {};
    const size_t group = channels * lanes;
    const size_t end = static_cast<size_t>(rows) / lanes * group;
    for (; done < end; done += group)
      for (size_t i = 0; i < group; i += lanes)
        hn::Store(hn::Add(hn::Load(D(), accumulators + i), hn::LoadU(D(), src + done + i)), D(),
                  accumulators + i);
    for (size_t i = 0; i < group; i += channels)
      for (size_t channel = 0; channel < channels; ++channel)
        sums[channel] += accumulators[i + channel];
    rows %= static_cast<int64_t>(lanes);
  }
  add_channel_sums<1>(rows, channels, &sums, [&](size_t at, auto part, V* terms) HWY_ATTR {
    terms[0] = part.load(src + done + at);
  });
}

// Calls body(at, part, constants) for every vector of the panel, where constants[k] is the part of
// parameters[k], one number per channel.
template <int kParameters, class Body>
HWY_INLINE void for_panel(int64_t rows, size_t channels, const float* const* parameters,
                          Body body) {
  for (int64_t first = 0; first < rows; first += kChunkRows) {
    const int64_t last = HWY_MIN(rows, first + kChunkRows);
    for_parts(channels, [&](auto part) HWY_ATTR {
      V constants[kParameters];
      for (int k = 0; k < kParameters; ++k) constants[k] = part.load(parameters[k]);
      for (int64_t row = first; row < last; ++row)
        body(static_cast<size_t>(row) * channels, part, constants);
    });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_PANELS_INL_H_
