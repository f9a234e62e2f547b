#include "kernels/selection.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "graph/op_kind.h"
#include "kernels/case_graphs.h"
#include "pronghorn/error.h"

namespace pronghorn::test {
namespace {

using kernels::Arithmetic;
using kernels::Selection;

// Calls what(kernel case) for each op of each case of the convolutions.
template <class What>
void for_each_convolution(What&& what) {
  for (const Case& described : read_cases("conv2d")) {
    const FilledGraph filled = make_unfilled_graph(described);
    for (const graph::Op& op : filled.graph.ops)
      if (!op.kind->is_view()) what(kernels::KernelCase{filled.graph, op, 1});
  }
}

TEST(Selection, AnExactPolicyChoosesNoWinogradKernelWhereverOthersDo) {
  int winograd = 0;
  for_each_convolution([&](const kernels::KernelCase& kernel_case) {
    const Selection any = kernels::select(kernel_case, {});
    const Selection exact = kernels::select(kernel_case, {.exact = true});
    EXPECT_EQ(exact.chosen->arithmetic(), Arithmetic::kDirect) << exact.chosen->name();
    if (any.chosen->arithmetic() == Arithmetic::kDirect) {
      EXPECT_EQ(exact.chosen, any.chosen);
      return;
    }
    ++winograd;
    const auto refusal =
        std::find_if(exact.refused.begin(), exact.refused.end(),
                     [&](const auto& refused) { return refused.implementation == any.chosen; });
    ASSERT_NE(refusal, exact.refused.end());
    EXPECT_EQ(refusal->reason, "only exact kernels are wanted, and it is Winograd's");
  });
  EXPECT_GT(winograd, 3);
}

TEST(Selection, AFamilyThatIsNoneIsRefusedByName) {
  EXPECT_EQ(kernels::parse_family("auto"), std::nullopt);
  EXPECT_EQ(kernels::parse_family("simd"), kernels::Family::kSimd);
  try {
    kernels::parse_family("cuda");
    FAIL();
  } catch (const ArgumentError& error) {
    EXPECT_STREQ(error.what(),
                 "no family of kernels is called 'cuda'; there are auto, reference, simd, onednn");
  }
}

TEST(Selection, MixedBfloat16NeedsTheDotProduct) {
  EXPECT_EQ(kernels::parse_precision("", false), kernels::Precision::kFloat32);
  EXPECT_EQ(kernels::parse_precision("float32", false), kernels::Precision::kFloat32);
  EXPECT_EQ(kernels::parse_precision("mixed_bfloat16", true), kernels::Precision::kMixedBfloat16);
  EXPECT_THROW(kernels::parse_precision("mixed_bfloat16", false), UnsupportedError);
  EXPECT_THROW(kernels::parse_precision("float16", true), ArgumentError);
}

}  // namespace
}  // namespace pronghorn::test
