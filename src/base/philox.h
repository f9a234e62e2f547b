#pragma once

#include <array>
#include <cstdint>

namespace pronghorn {

// Philox4x32-10, a counter-based generator: a keyed bijection of 128-bit counters, so the random
// words at a counter depend on nothing but counter and key, in any order and on any thread.
// Salmon, Moraes, Dror, Shaw: "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
struct Philox {
  static constexpr uint32_t kMultiplier0 = 0xD2511F53u;
  static constexpr uint32_t kMultiplier1 = 0xCD9E8D57u;
  static constexpr uint32_t kWeyl0 = 0x9E3779B9u;
  static constexpr uint32_t kWeyl1 = 0xBB67AE85u;
  static constexpr int kRounds = 10;

  using Counter = std::array<uint32_t, 4>;
  using Key = std::array<uint32_t, 2>;

  static constexpr Counter generate(Counter counter, Key key) {
    for (int round = 0; round < kRounds; ++round) {
      const uint64_t product0 = uint64_t{kMultiplier0} * counter[0];
      const uint64_t product1 = uint64_t{kMultiplier1} * counter[2];
      counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
                 static_cast<uint32_t>(product1),
                 static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
                 static_cast<uint32_t>(product0)};
      key[0] += kWeyl0;
      key[1] += kWeyl1;
    }
    return counter;
  }
};

// What a random number in Pronghorn is addressed by. `stream` tells uses apart (a dropout layer, a
// weight's initializer, the shuffling of an epoch), `step` the training step or epoch. The element
// with index e is word e % 4 of the block with counter {e / 4 (64 bits), step (64 bits)}; the key
// mixes seed and stream, so that streams of one seed are unrelated.
struct RandomStream {
  Philox::Key key;
  uint64_t step;

  RandomStream(uint64_t seed, uint64_t stream, uint64_t step_number) : key(), step(step_number) {
    // One Philox call turns (seed, stream) into a key: different pairs give unrelated keys.
    const Philox::Counter mixed =
        Philox::generate({static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                          static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)},
                         {0x50524F4Eu, 0x47484F52u});  // "PRON" "GHOR": nothing up our sleeve
    key = {mixed[0], mixed[1]};
  }

  Philox::Counter block(uint64_t index) const {
    return Philox::generate({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
                             static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32)},
                            key);
  }

  uint32_t word(uint64_t element) const { return block(element / 4)[element % 4]; }

  // Uniform in [0, 1): the upper 24 bits, so that every value is a float exactly.
  float uniform(uint64_t element) const { return to_uniform(word(element)); }
  static float to_uniform(uint32_t word) {
    return static_cast<float>(word >> 8) * (1.0f / 16777216.0f);
  }
};

}  // namespace pronghorn
