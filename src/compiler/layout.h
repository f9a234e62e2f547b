#pragma once

#include <vector>

#include "graph/graph.h"
#include "kernels/selection.h"

namespace pronghorn::compiler {

// Gives every value the memory layout that the kernels chosen for its writer and readers want, and
// puts a reorder op where they disagree. selections[i] belongs to graph.ops[i], before and after:
// the ones of new ops are put in. What the step's caller sees (inputs, outputs, weights) is plain.
void assign_layouts(graph::Graph& graph, std::vector<kernels::Selection>& selections, int threads,
                    const kernels::Policy& policy);

}  // namespace pronghorn::compiler
