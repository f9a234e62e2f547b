#include "kernels/simd/bfloat16.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "graph/ops/conv2d.h"
#include "graph/ops/matmul.h"
#include "kernels/candidates.h"
#include "kernels/case_graphs.h"
#include "kernels/selection.h"
#include "kernels/single_op.h"
#include "platform/cpu_info.h"

namespace pronghorn::test {
namespace {

uint16_t rounded(float value) {
  uint16_t result = 0;
  kernels::simd::round_to_bfloat16(&value, 1, &result);
  return result;
}

float from_bits(uint32_t bits) { return std::bit_cast<float>(bits); }

TEST(Bfloat16, RoundsToTheNearestAndTiesToEven) {
  EXPECT_EQ(rounded(0.0f), 0);
  EXPECT_EQ(rounded(-0.0f), 0x8000);
  EXPECT_EQ(rounded(1.0f), 0x3F80);
  EXPECT_EQ(rounded(from_bits(0x3F807FFF)), 0x3F80);
  EXPECT_EQ(rounded(from_bits(0x3F808000)), 0x3F80);  // a tie: the even one is below
  EXPECT_EQ(rounded(from_bits(0x3F808001)), 0x3F81);
  EXPECT_EQ(rounded(from_bits(0x3F818000)), 0x3F82);  // a tie: the even one is above
  EXPECT_EQ(rounded(from_bits(0xBF818000)), 0xBF82);
  EXPECT_EQ(rounded(std::numeric_limits<float>::infinity()), 0x7F80);
  EXPECT_EQ(rounded(std::numeric_limits<float>::max()), 0x7F80);
}

TEST(Bfloat16, ANanStaysOneWhateverItsPayload) {
  for (const uint32_t bits : {0x7FC00000u, 0x7F800001u, 0xFF800001u, 0x7FFFFFFFu}) {
    const uint16_t result = rounded(from_bits(bits));
    EXPECT_TRUE(std::isnan(from_bits(uint32_t{result} << 16))) << bits;
  }
}

TEST(Bfloat16, WritesAsManyAsItReadsAtAllLengths) {
  for (int64_t length = 0; length <= 67; ++length) {
    std::vector<float> src(static_cast<size_t>(length));
    for (size_t i = 0; i < src.size(); ++i) src[i] = static_cast<float>(i) + 0.3f;
    std::vector<uint16_t> dst(src.size() + 1, 0xABCD);
    kernels::simd::round_to_bfloat16(src.data(), length, dst.data());
    for (size_t i = 0; i < src.size(); ++i) EXPECT_EQ(dst[i], rounded(src[i])) << i;
    EXPECT_EQ(dst.back(), 0xABCD);
  }
}

// The errors themselves are tested where all candidates' are (candidates_test.cc).
TEST(Bfloat16, ProductsTakeItOnlyWhereMixedBfloat16IsWanted) {
  if (!has_bfloat16_dot_product()) GTEST_SKIP() << "no dot product of bfloat16s";
  int rounding = 0;
  for (const char* file : {"conv2d", "matmul"})
    for (const Case& described : read_cases(file)) {
      const FilledGraph filled = make_unfilled_graph(described);
      for (const graph::Op& op : filled.graph.ops) {
        if (op.kind->is_view()) continue;
        const kernels::KernelCase kernel_case{filled.graph, op, 1};
        EXPECT_NE(kernels::select(kernel_case, {}).chosen->arithmetic(),
                  kernels::Arithmetic::kBfloat16);
        const auto mixed =
            kernels::select(kernel_case, {.precision = kernels::Precision::kMixedBfloat16});
        if (mixed.chosen->arithmetic() == kernels::Arithmetic::kBfloat16) ++rounding;
      }
    }
  EXPECT_GT(rounding, 8);
}

}  // namespace
}  // namespace pronghorn::test
