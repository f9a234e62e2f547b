// Philox4x32-10 for whole vectors of counters: the words of base/philox.h, bit for bit.
#if defined(PRONGHORN_KERNELS_SIMD_PHILOX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PRONGHORN_KERNELS_SIMD_PHILOX_INL_H_
#undef PRONGHORN_KERNELS_SIMD_PHILOX_INL_H_
#else
#define PRONGHORN_KERNELS_SIMD_PHILOX_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

#include "base/philox.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// What philox_words may write beyond the words it was asked for: it works on two vectors of 64-bit
// lanes, each lane a block of four words.
constexpr size_t kPhiloxOverrun = 2 * 4 * HWY_MAX_BYTES / sizeof(uint64_t);

#if HWY_TARGET == HWY_SCALAR

inline void philox_words(const RandomStream& random, uint64_t first_block, size_t blocks,
                         uint32_t* words) {
  for (size_t i = 0; i < blocks; ++i) {
    const Philox::Counter block = random.block(first_block + i);
    for (size_t word = 0; word < 4; ++word) words[4 * i + word] = block[word];
  }
}

#else

// Each 64-bit lane holds one of a block's four words in its lower half; what is in the upper half
// is arbitrary. So the products of a round are one widening multiplication of even lanes and
// nothing has to be moved between rounds: six instructions a round for as many blocks as there are
// lanes, where vectors of 32-bit lanes need sixteen for twice as many.
struct PhiloxState {
  using D = hn::ScalableTag<uint64_t>;
  using V = hn::Vec<D>;
  V word0, word1, word2, word3;
};

HWY_INLINE void philox_round(PhiloxState& state, PhiloxState::V multiplier0,
                             PhiloxState::V multiplier1, PhiloxState::V key0, PhiloxState::V key1) {
  const hn::Repartition<uint32_t, PhiloxState::D> d32;
  const auto product0 = hn::MulEven(hn::BitCast(d32, state.word0), hn::BitCast(d32, multiplier0));
  const auto product1 = hn::MulEven(hn::BitCast(d32, state.word2), hn::BitCast(d32, multiplier1));
  state.word0 = hn::Xor3(hn::ShiftRight<32>(product1), state.word1, key0);
  state.word2 = hn::Xor3(hn::ShiftRight<32>(product0), state.word3, key1);
  state.word1 = product1;
  state.word3 = product0;
}

// Stores the words of the blocks in the lanes, those of lanes 0, 2, 4... first, then those of
// lanes 1, 3, 5...
HWY_INLINE void store_words(const PhiloxState& state, uint32_t* words) {
  const PhiloxState::D d;
  const hn::Repartition<uint32_t, PhiloxState::D> d32;
  const auto join = [&](PhiloxState::V low, PhiloxState::V high) {
    return hn::BitCast(
        d, hn::OddEven(hn::BitCast(d32, hn::ShiftLeft<32>(high)), hn::BitCast(d32, low)));
  };
  const PhiloxState::V first = join(state.word0, state.word1);
  const PhiloxState::V second = join(state.word2, state.word3);
  hn::StoreU(hn::BitCast(d32, hn::InterleaveLower(d, first, second)), d32, words);
  hn::StoreU(hn::BitCast(d32, hn::InterleaveUpper(d, first, second)), d32, words + hn::Lanes(d32));
}

// The words of blocks [first_block, first_block + blocks), four each. `words` must have room for
// kPhiloxOverrun more.
inline void philox_words(const RandomStream& random, uint64_t first_block, size_t blocks,
                         uint32_t* words) {
  const PhiloxState::D d;
  const size_t lanes = hn::Lanes(d);
  uint64_t keys[Philox::kRounds][2];
  for (uint32_t round = 0; round < Philox::kRounds; ++round) {
    keys[round][0] = random.key[0] + round * Philox::kWeyl0;
    keys[round][1] = random.key[1] + round * Philox::kWeyl1;
  }
  // Block numbers in the order of store_words: lane 2 j holds block j, lane 2 j + 1 block
  // lanes / 2 + j.
  HWY_ALIGN uint64_t order[hn::MaxLanes(d)];
  for (size_t lane = 0; lane < lanes; ++lane) order[lane] = lane / 2 + lane % 2 * (lanes / 2);
  const auto offsets = hn::Load(d, order);
  const auto multiplier0 = hn::Set(d, Philox::kMultiplier0);
  const auto multiplier1 = hn::Set(d, Philox::kMultiplier1);
  const auto step_low = hn::Set(d, random.step);
  const auto step_high = hn::Set(d, random.step >> 32);

  for (size_t i = 0; i < blocks; i += 2 * lanes) {
    const auto block_a = hn::Add(hn::Set(d, first_block + i), offsets);
    const auto block_b = hn::Add(hn::Set(d, first_block + i + lanes), offsets);
    PhiloxState a{block_a, hn::ShiftRight<32>(block_a), step_low, step_high};
    PhiloxState b{block_b, hn::ShiftRight<32>(block_b), step_low, step_high};
    for (int round = 0; round < Philox::kRounds; ++round) {
      const auto key0 = hn::Set(d, keys[round][0]);
      const auto key1 = hn::Set(d, keys[round][1]);
      philox_round(a, multiplier0, multiplier1, key0, key1);
      philox_round(b, multiplier0, multiplier1, key0, key1);
    }
    store_words(a, words + 4 * i);
    store_words(b, words + 4 * (i + lanes));
  }
}

#endif  // HWY_TARGET == HWY_SCALAR

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_PHILOX_INL_H_
