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
// of 64 channels reads, 16 KiB, in the L1 cache where several loops pass over it by parts.
constexpr int64_t kChunkRows = 64;

// Whole vectors of a row that are walked down together. One at a time, rows of 64 channels would be
// read in steps of four cache lines, which prefetchers don't follow: 10 GB/s instead of 55 on a
// Zen 4 core.
constexpr size_t kParts = 4;

// Adds the sums of terms over rows that begin at elements [begin, end), for kCount parts from
// `first` on.
template <int kSums, size_t kCount, class Part, class Term>
HWY_INLINE void add_part_sums(size_t begin, size_t end, size_t channels, Part first,
                              float* const* sums, Term term) {
  const size_t lanes = hn::Lanes(D());
  V totals[kCount][kSums], terms[kSums];
  Part parts[kCount];
  for (size_t p = 0; p < kCount; ++p) {
    parts[p] = first;
    parts[p].at += p * lanes;
    for (int k = 0; k < kSums; ++k) totals[p][k] = hn::Zero(D());
  }
  for (size_t at = begin; at < end; at += channels) {
    for (size_t p = 0; p < kCount; ++p) {
      term(at, parts[p], terms);
      for (int k = 0; k < kSums; ++k) totals[p][k] = hn::Add(totals[p][k], terms[k]);
    }
  }
  for (size_t p = 0; p < kCount; ++p)
    for (int k = 0; k < kSums; ++k)
      parts[p].store(hn::Add(parts[p].load(sums[k]), totals[p][k]), sums[k]);
}

// Adds to sums[k][channel] the sum over all rows of term k; term(at, part, terms) sets the kSums
// terms of the vector `part` of the row that begins at element `at`.
template <int kSums, class Term>
HWY_INLINE void add_channel_sums(int64_t rows, size_t channels, float* const* sums, Term term) {
  const size_t lanes = hn::Lanes(D());
  for (int64_t first = 0; first < rows; first += kChunkRows) {
    const size_t begin = static_cast<size_t>(first) * channels;
    const size_t end = static_cast<size_t>(HWY_MIN(rows, first + kChunkRows)) * channels;
    size_t channel = 0;
    for (; channel + kParts * lanes <= channels; channel += kParts * lanes)
      add_part_sums<kSums, kParts>(begin, end, channels, WholePart{channel}, sums, term);
    for_parts(
        channels,
        [&](auto part)
            HWY_ATTR { add_part_sums<kSums, 1>(begin, end, channels, part, sums, term); },
        channel);
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

template <int kParameters, size_t kCount, class Part, class Body>
HWY_INLINE void for_panel_parts(int64_t rows, size_t channels, Part first,
                                const float* const* parameters, Body body) {
  const size_t lanes = hn::Lanes(D());
  V constants[kCount][kParameters];
  Part parts[kCount];
  for (size_t p = 0; p < kCount; ++p) {
    parts[p] = first;
    parts[p].at += p * lanes;
    for (int k = 0; k < kParameters; ++k) constants[p][k] = parts[p].load(parameters[k]);
  }
  const size_t end = static_cast<size_t>(rows) * channels;
  for (size_t at = 0; at < end; at += channels)
    for (size_t p = 0; p < kCount; ++p) body(at, parts[p], constants[p]);
}

// Calls body(at, part, constants) for every vector of the panel, where constants[k] is the part of
// parameters[k], one number per channel.
template <int kParameters, class Body>
HWY_INLINE void for_panel(int64_t rows, size_t channels, const float* const* parameters,
                          Body body) {
  const size_t lanes = hn::Lanes(D());
  for (int64_t first = 0; first < rows; first += kChunkRows) {
    const int64_t count = HWY_MIN(rows - first, kChunkRows);
    const size_t begin = static_cast<size_t>(first) * channels;
    const auto shifted = [&](size_t at, auto part, const V* constants)
                             HWY_ATTR { body(begin + at, part, constants); };
    size_t channel = 0;
    for (; channel + kParts * lanes <= channels; channel += kParts * lanes)
      for_panel_parts<kParameters, kParts>(count, channels, WholePart{channel}, parameters,
                                           shifted);
    for_parts(
        channels,
        [&](auto part) HWY_ATTR {
          for_panel_parts<kParameters, 1>(count, channels, part, parameters, shifted);
        },
        channel);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_PANELS_INL_H_
