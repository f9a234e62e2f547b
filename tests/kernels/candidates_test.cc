// Every candidate of every kind on every case of bench/shapes: a kernel is tested because it is
// listed.

#include "kernels/candidates.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "graph/ops/elementwise.h"
#include "kernels/case_graphs.h"
#include "kernels/error_bounds.h"
#include "kernels/expect_within.h"
#include "kernels/selection.h"
#include "kernels/single_op.h"

namespace pronghorn::test {
namespace {

using kernels::Implementation;

bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(double)) != 0) return false;
  return true;
}

void check(const FilledGraph& filled, const graph::Op& op, const Implementation& implementation) {
  // What is rounded to bfloat16 is rounded before the exact sum too: the bound is then float32's.
  const FilledGraph exact = implementation.arithmetic() == kernels::Arithmetic::kBfloat16
                                ? with_bfloat16_operands(filled, op)
                                : filled;
  const std::vector<Tensor> expected = run_op_in_double(exact, op);
  const bool winograd = implementation.arithmetic() == kernels::Arithmetic::kWinograd;
  const std::vector<Tensor> bounds = error_bounds(exact, op, expected, winograd);
  const std::vector<Tensor> actual = run_op(filled, op, implementation);
  for (size_t i = 0; i < expected.size(); ++i)
    expect_within(expected[i], actual[i], bounds[i], fmt::format("output {}", i));

  for (int threads : {2, 3, 7})
    EXPECT_TRUE(same_bits(actual, run_op(filled, op, implementation, {.threads = threads})))
        << "other bits on " << threads << " threads";

  const auto possible =
      static_cast<int>(kernels::possible_aliases({filled.graph, op, 1}, &implementation).size());
  for (int alias = 0; alias < possible; ++alias)
    EXPECT_TRUE(same_bits(actual, run_op(filled, op, implementation, {.possible_alias = alias})))
        << "other bits where possible alias " << alias << " shares memory";

  // Images may arrive in another layout.
  for (graph::Layout layout : {graph::Layout::kBlocked8, graph::Layout::kBlocked16}) {
    if (op.kind != &graph::elementwise_kind()) break;
    const Shape& shape = filled.graph.output(op, 0).shape;
    if (shape.rank() != 4 || shape[3] % (layout == graph::Layout::kBlocked8 ? 8 : 16) != 0) break;
    FilledGraph blocked = filled;
    for (graph::ValueId id : op.inputs)
      if (blocked.graph.value(id).shape == shape) blocked.graph.value(id).layout = layout;
    EXPECT_TRUE(same_bits(actual, run_op(blocked, op, implementation)))
        << "other bits where inputs arrive in " << to_string(layout);
  }
}

std::string op_name(const FilledGraph& filled, const graph::Op& op) {
  return fmt::format("op {} ({})", &op - filled.graph.ops.data(), op.kind->name());
}

// One candidate on one case: on all ops of the case's graph of the kinds that it is listed for.
struct CandidateCase {
  const Implementation* implementation;
  Case described;
};

void PrintTo(const CandidateCase& value, std::ostream* stream) {
  *stream << value.implementation->name() << " on " << value.described.file << "/"
          << value.described.name;
}

bool is_candidate(const Implementation& implementation, const graph::OpKind& kind) {
  const auto list = kernels::candidates(kind);
  return std::find(list.begin(), list.end(), &implementation) != list.end();
}

std::vector<CandidateCase> all_cases() {
  std::vector<CandidateCase> all;
  for (const std::string& file : case_files()) {
    for (const Case& described : read_cases(file)) {
      const FilledGraph unfilled = make_unfilled_graph(described);
      std::set<const graph::OpKind*> kinds;
      std::set<const Implementation*> seen;
      for (const graph::Op& op : unfilled.graph.ops) {
        if (op.kind->is_view() || !kinds.insert(op.kind).second) continue;
        for (const Implementation* implementation : kernels::candidates(*op.kind))
          if (seen.insert(implementation).second) all.push_back({implementation, described});
      }
    }
  }
  return all;
}

class Candidates : public testing::TestWithParam<CandidateCase> {};

TEST_P(Candidates, StaysWithinTheErrorOfItsArithmeticOnAnyNumberOfThreads) {
  const Implementation& implementation = *GetParam().implementation;
  const FilledGraph filled = make_graph(GetParam().described);
  int checked = 0;
  std::string refusals;
  for (const graph::Op& op : filled.graph.ops) {
    if (op.kind->is_view() || !is_candidate(implementation, *op.kind)) continue;
    SCOPED_TRACE(op_name(filled, op));
    if (const auto reason = why_not(implementation, {filled.graph, op, 1})) {
      refusals += fmt::format("{}: {}; ", op_name(filled, op), *reason);
      continue;
    }
    check(filled, op, implementation);
    ++checked;
  }
  if (checked == 0) GTEST_SKIP() << refusals;
}

std::string test_name(const testing::TestParamInfo<CandidateCase>& info) {
  std::string name = fmt::format("{}__{}__{}", info.param.implementation->name(),
                                 info.param.described.file, info.param.described.name);
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Shapes, Candidates, testing::ValuesIn(all_cases()), test_name);

}  // namespace
}  // namespace pronghorn::test
