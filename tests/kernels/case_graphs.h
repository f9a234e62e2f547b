#pragma once

#include <string>
#include <vector>

#include "graph/builder.h"
#include "kernels/case_file.h"
#include "kernels/single_op.h"

namespace pronghorn::test {

// The graph that a case stands for: its op, and the ops of its gradient where it has one. Inputs
// hold seeded random numbers that the ops can take (labels are labels, a centered variance is no
// less than its mean's square); everything else holds what the ops before computed.
FilledGraph make_graph(const Case& described);

// The same without contents.
FilledGraph make_unfilled_graph(const Case& described);

// The names of the files in bench/shapes that make_graph knows.
const std::vector<std::string>& case_files();

// Builds graphs of ops with random inputs: make_graph's means, for tests that need other graphs.
class GraphMaker {
 public:
  GraphMaker();

  graph::Builder& builder() { return builder_; }

  // An input with these elements.
  graph::ValueId input(const Shape& shape, Tensor elements);
  // One with elements uniform in [low, high).
  graph::ValueId uniform(const Shape& shape, double low, double high);
  // One with elements in [-high, -low] and [low, high]: away from the kinks at zero.
  graph::ValueId away_from_zero(const Shape& shape, double low, double high);
  Tensor random(int64_t elements, double low, double high);

  // Appends the gradient ops of the op with this number, for a random gradient to its first output
  // and for the inputs below `differentiable`. Returns the gradients to its inputs.
  std::vector<graph::ValueId> append_gradient(size_t op, int differentiable);
  // The same for a given gradient to its first output.
  std::vector<graph::ValueId> append_gradient(size_t op, int differentiable,
                                              graph::ValueId diff_output);

  // Gives an op this epilogue, with random operands. Each stage is "function" or "function:alpha".
  void set_epilogue(size_t op, const std::vector<std::string>& stages);

  // Fills what the ops compute; the results are rounded to float.
  FilledGraph finish();
  // The graph as it stands, its inputs filled.
  FilledGraph& filled() { return filled_; }

 private:
  FilledGraph filled_;
  graph::Builder builder_;
  uint64_t drawn_ = 0;
};

// The stage called "function" or "function:alpha".
graph::Stage parse_stage(const std::string& text);

}  // namespace pronghorn::test
