#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.h"
#include "graph/op_kind.h"
#include "kernels/kernel.h"

namespace pronghorn::test {

// A value's elements in plain order, whatever their type: doubles hold floats, bytes and 32-bit
// integers exactly.
using Tensor = std::vector<double>;

// A graph and the contents of its values, by id; empty for those not yet computed.
struct FilledGraph {
  graph::Graph graph;
  std::vector<Tensor> values;
};

struct RunOptions {
  int threads = 1;
  uint64_t seed = 7;
  uint64_t step = 3;
  float learning_rate = 0.01f;
  // Put the output that may share an input's memory there (the kernels::possible_aliases() with
  // this number); -1 for none.
  int possible_alias = -1;
};

// Runs one op of a graph with an implementation that accepts it, as a compiled step would: inputs
// arrive in the layouts of their values and are converted to those that the implementation wants,
// required aliases share memory. Outputs and workspace hold NaNs before. Reports a test failure
// where the kernel writes beside its outputs or changes an input that it doesn't share with one.
// Returns the outputs in plain order.
std::vector<Tensor> run_op(const FilledGraph& filled, const graph::Op& op,
                           const kernels::Implementation& implementation,
                           const RunOptions& options = {});

// What the op's reference kernel computes in double precision.
std::vector<Tensor> run_op_in_double(const FilledGraph& filled, const graph::Op& op,
                                     const RunOptions& options = {});

// The same graph with the two matrices or images that the op multiplies rounded to bfloat16, to
// nearest even.
FilledGraph with_bfloat16_operands(const FilledGraph& filled, const graph::Op& op);

// Runs all ops of a graph in double precision; the results stay in `filled`. With `rounded`, each
// result is rounded to float, so that it can be an input of a kernel.
void run_in_double(FilledGraph& filled, bool rounded, const RunOptions& options = {});

}  // namespace pronghorn::test
