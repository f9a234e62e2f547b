// That fast kernels do run what the zoo's models are made of: without this, a family that refused
// everything would pass all other tests.

#include <gtest/gtest.h>

#include <algorithm>

#include "graph/ops/batch_norm.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/reshape.h"
#include "kernels/candidates.h"
#include "kernels/case_graphs.h"
#include "kernels/selection.h"

namespace pronghorn::test {
namespace {

using kernels::Family;

Case find_case(const std::string& file, const std::string& name) {
  for (Case& described : read_cases(file))
    if (described.name == name) return described;
  throw std::runtime_error("no case " + name + " in " + file);
}

// Names of the kernels chosen for the ops of a case.
std::vector<std::string> chosen(const std::string& file, const std::string& name) {
  const FilledGraph filled = make_unfilled_graph(find_case(file, name));
  std::vector<std::string> names;
  for (const graph::Op& op : filled.graph.ops)
    names.emplace_back(kernels::select({filled.graph, op, 1}, {}).chosen->name());
  return names;
}

TEST(CandidateList, TheReferenceKernelIsLastAndAcceptsEverything) {
  for (const graph::OpKind* kind : kernels::kinds_with_candidates()) {
    const auto list = kernels::candidates(*kind);
    ASSERT_FALSE(list.empty());
    EXPECT_EQ(list.back()->family(), Family::kReference) << kind->name();
    EXPECT_EQ(list.back()->name(), "reference." + std::string(kind->name()));
    EXPECT_EQ(std::count_if(list.begin(), list.end(),
                            [](const auto* one) { return one->family() == Family::kReference; }),
              1);
  }
}

TEST(CandidateList, ViewsHaveNone) {
  EXPECT_TRUE(kernels::candidates(graph::reshape_kind()).empty());
}

TEST(CandidateList, EveryKindHasACase) {
  std::vector<const graph::OpKind*> covered;
  for (const std::string& file : case_files())
    for (const Case& described : read_cases(file)) {
      const FilledGraph filled = make_unfilled_graph(described);
      for (const graph::Op& op : filled.graph.ops) covered.push_back(op.kind);
    }
  for (const graph::OpKind* kind : kernels::kinds_with_candidates())
    EXPECT_NE(std::find(covered.begin(), covered.end(), kind), covered.end())
        << kind->name() << " is in no file of bench/shapes";
}

TEST(CandidateList, ForcingTheReferenceFamilyChoosesIt) {
  const FilledGraph filled = make_unfilled_graph(find_case("conv2d", "bias_relu"));
  const kernels::KernelCase kernel_case{filled.graph, filled.graph.ops[0], 1};
  const kernels::Selection selection = kernels::select(kernel_case, {.family = Family::kReference});
  EXPECT_EQ(selection.chosen->name(), "reference.conv2d");
  for (const kernels::Refusal& refusal : selection.refused)
    EXPECT_EQ(refusal.reason, "only reference kernels are wanted");
}

TEST(CandidateList, NoMainstreamCaseFallsBackToTheReference) {
  const std::pair<const char*, const char*> mainstream[] = {
      {"conv2d", "first_layer"},
      {"conv2d", "channels_32_to_64"},
      {"conv2d", "four_channels"},
      {"conv2d", "stride_2_same"},
      {"conv2d", "dilation_2"},
      {"conv2d", "bias_relu"},
      {"conv2d", "bias_relu_dropout"},
      {"conv2d", "relu_backward"},
      {"conv2d", "batch_17"},
      {"conv2d", "pooled_winograd"},
      {"matmul", "last_layer"},
      {"matmul", "bias_relu"},
      {"matmul", "bias_relu_dropout"},
      {"matmul", "gradient_data"},
      {"matmul", "gradient_weights_128"},
      {"matmul", "relu_backward"},
      {"pool2d", "pool_2"},
      {"pool2d", "overlapping"},
      {"pool2d", "channels_64"},
      {"elementwise", "chain_dense"},
      {"elementwise", "chain_residual"},
      {"sum_rows", "dense"},
      {"softmax", "digits"},
      {"loss", "categorical"},
      {"loss", "binary_logits"},
      {"loss", "fused_categorical"},
      {"batch_norm", "images_16"},
      {"optimizer_update", "rmsprop"},
      {"optimizer_update", "adam"},
      {"optimizer_update", "adadelta"},
      {"optimizer_update", "sgd_nesterov"},
  };
  for (const auto& [file, name] : mainstream)
    for (const std::string& kernel : chosen(file, name)) {
      if (kernel == "reference.mean") continue;  // of a batch's losses: there is no other
      EXPECT_FALSE(kernel.starts_with("reference."))
          << file << "/" << name << " runs on " << kernel;
    }
}

TEST(CandidateList, WinogradRunsTheLayerThatDoesMostOfMnistCnnsWork) {
  const std::vector<std::string> names = chosen("conv2d", "channels_32_to_64");
  EXPECT_NE(names[0].find("winograd"), std::string::npos) << names[0];
}

}  // namespace
}  // namespace pronghorn::test
