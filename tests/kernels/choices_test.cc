#include "kernels/choices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "graph/builder.h"
#include "graph/op_kind.h"
#include "graph/ops/matmul.h"
#include "kernels/candidates.h"
#include "kernels/selection.h"
#include "pronghorn/error.h"

namespace pronghorn::test {
namespace {

using graph::ValueRole;
using kernels::Choices;
using kernels::Family;
using kernels::Policy;
using kernels::Selection;

// A product of so many images by weights, 256 to 128; `batch` and `relu` make another op of it.
struct Product {
  explicit Product(int64_t batch = 64, bool relu = false) {
    graph.batch = batch;
    graph::Builder builder(graph);
    // The gradient to the data: what our own kernel and oneDNN's both run.
    graph::matmul(builder, builder.add_value("a", {batch, 128}, ValueRole::kState),
                  builder.add_value("b", {256, 128}, ValueRole::kParameter), false, true);
    if (relu) graph.ops[0].epilogue = {{graph::StageFunction::kRelu}};
  }
  kernels::KernelCase kernel_case(int threads = 1) const { return {graph, graph.ops[0], threads}; }

  graph::Graph graph;
};

const kernels::Implementation& implementation(std::string_view name) {
  for (const kernels::Implementation* candidate : kernels::candidates(graph::matmul_kind()))
    if (candidate->name() == name) return *candidate;
  throw std::runtime_error("no such kernel");
}

Policy choosing(const Product& product, std::string_view name) {
  auto choices = std::make_shared<Choices>();
  choices->set(kernels::op_key(product.kernel_case()), implementation(name));
  return {.choices = std::move(choices)};
}

TEST(Choices, TheNamedKernelRunsItsOpAndNoOther) {
  const Product product;
  const auto by_order = kernels::select(product.kernel_case(), {}).chosen->name();
  ASSERT_EQ(by_order, "simd.matmul");
  const Policy policy = choosing(product, "onednn.matmul");
  const Selection selection = kernels::select(product.kernel_case(), policy);
  EXPECT_EQ(selection.chosen->name(), "onednn.matmul");
  EXPECT_EQ(selection.refused.size() + 1, kernels::candidates(graph::matmul_kind()).size());
  for (const kernels::Refusal& refusal : selection.refused)
    if (refusal.implementation->name() == by_order) {
      EXPECT_EQ(refusal.reason, "the choices name another");
    }
  // Another batch, another epilogue, another number of threads: other ops.
  for (const Product& other : {Product(65), Product(64, true)})
    EXPECT_EQ(kernels::select(other.kernel_case(), policy).chosen->name(), by_order);
  EXPECT_EQ(kernels::select(product.kernel_case(2), policy).chosen->name(), by_order);
}

TEST(Choices, AreLeftAsideWhereTheNamedKernelRefusesOrIsNotWanted) {
  const Product few(2);  // too few images for our own
  EXPECT_EQ(kernels::select(few.kernel_case(), choosing(few, "simd.matmul")).chosen,
            kernels::select(few.kernel_case(), {}).chosen);
  const Product product;
  Policy policy = choosing(product, "onednn.matmul");
  policy.family = Family::kReference;
  EXPECT_EQ(kernels::select(product.kernel_case(), policy).chosen->name(), "reference.matmul");
  EXPECT_EQ(kernels::select(product.kernel_case(), choosing(product, "onednn.matmul.bfloat16"))
                .chosen->name(),
            "simd.matmul");
}

TEST(Choices, DontDecideWhatOpsThereAre) {
  const Product product;
  EXPECT_TRUE(
      kernels::has_fast_kernel(product.kernel_case(), choosing(product, "reference.matmul")));
}

TEST(Choices, AFileSaysWhatWasWritten) {
  const Product product;
  Choices choices;
  choices.set_cpu("a \"CPU\"");
  choices.set(kernels::op_key(product.kernel_case()), implementation("onednn.matmul"));
  const Choices read = Choices::parse(choices.to_json(), "choices.json");
  EXPECT_EQ(read.cpu(), "a \"CPU\"");
  EXPECT_EQ(read.find(product.kernel_case()), &implementation("onednn.matmul"));
  EXPECT_EQ(read.find(product.kernel_case(2)), nullptr);
}

TEST(Choices, AFileThatIsNoneIsRefusedWithItsNameAndItsFault) {
  const auto refused = [](const std::string& json, std::vector<std::string> phrases) {
    try {
      Choices::parse(json, "mine.json");
      ADD_FAILURE() << json;
    } catch (const FileError& error) {
      phrases.insert(phrases.end(), {"mine.json", "pronghorn tune"});
      for (const std::string& phrase : phrases)
        EXPECT_THAT(error.what(), testing::HasSubstr(phrase));
    }
  };
  const auto file = [](const std::string& key, const std::string& name) {
    return R"({"format": "pronghorn.choices", "version": 1, "cpu": "x", "choices": {")" + key +
           R"(": ")" + name + R"("}})";
  };
  refused("", {"parse error"});
  refused("[]", {"pronghorn.choices"});
  refused(R"({"format": "pronghorn.machine", "version": 1})", {"pronghorn.choices"});
  refused(R"({"format": "pronghorn.choices", "version": 9})", {"version 9", "version 1"});
  refused(R"({"format": "pronghorn.choices", "version": 1})", {"cpu"});
  refused(R"({"format": "pronghorn.choices", "version": 1, "cpu": "x", "choices": {"a": 1}})", {});
  refused(file("matmul (2, 2)", "simd.matmull"),
          {"simd.matmull", "simd.matmul, ", "onednn.matmul"});
  refused(file("matmul3 (2, 2)", "simd.matmul"), {"matmul3"});
  EXPECT_EQ(Choices::parse(file("matmul (2, 2)", "simd.matmul"), "mine.json").size(), 1u);
}

}  // namespace
}  // namespace pronghorn::test
