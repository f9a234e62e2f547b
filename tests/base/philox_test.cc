#include "base/philox.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace pronghorn {
namespace {

// The known answers of Random123 1.14 (tests/kat_vectors, philox4x32 with 10 rounds), from the
// authors of the generator.
TEST(Philox, GivesItsAuthorsKnownAnswers) {
  EXPECT_EQ(Philox::generate({0, 0, 0, 0}, {0, 0}),
            (Philox::Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(Philox::generate({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Philox::Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  // Digits of pi.
  EXPECT_EQ(
      Philox::generate({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      (Philox::Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, ElementIsAWordOfItsBlock) {
  const RandomStream stream(42, 3, 7);
  for (uint64_t element = 0; element < 40; ++element)
    EXPECT_EQ(stream.word(element), stream.block(element / 4)[element % 4]);
  // Elements beyond 2^34 use the upper half of the block's number.
  EXPECT_NE(stream.word(uint64_t{1} << 34), stream.word(0));
}

TEST(RandomStream, SeedStreamAndStepAllMatter) {
  std::set<uint32_t> words;
  for (uint64_t seed : {0ull, 1ull, 1ull << 32})
    for (uint64_t stream : {0ull, 1ull, 1ull << 32})
      for (uint64_t step : {0ull, 1ull, 1ull << 32})
        words.insert(RandomStream(seed, stream, step).word(0));
  EXPECT_EQ(words.size(), 27u);
}

TEST(RandomStream, UniformCoversZeroToBelowOne) {
  EXPECT_EQ(RandomStream::to_uniform(0), 0.0f);
  EXPECT_LT(RandomStream::to_uniform(0xffffffff), 1.0f);
  EXPECT_EQ(RandomStream::to_uniform(0x80000000), 0.5f);
}

TEST(RandomStream, UniformHasTheMomentsOfAUniformDistribution) {
  const RandomStream stream(1, 2, 3);
  constexpr int kSamples = 100000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kSamples; ++i) {
    const double u = stream.uniform(static_cast<uint64_t>(i));
    sum += u;
    squares += u * u;
  }
  // Five standard deviations of the means: sqrt(1/12 / n) and sqrt(4/45 / n).
  EXPECT_NEAR(sum / kSamples, 0.5, 5 * std::sqrt(1.0 / 12 / kSamples));
  EXPECT_NEAR(squares / kSamples, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / kSamples));
}

}  // namespace
}  // namespace pronghorn
