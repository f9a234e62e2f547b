#pragma once

#include "graph/graph.h"

namespace pronghorn::compiler {

// The gradient of a (leaky) relu whose output is dropped out reads the dropout's output in place of
// the relu's: where an element was kept its sign is the same, and where it was dropped the gradient
// is zero already. The same numbers to the bit; but only the dropout reads the relu's output then,
// which so need not be written. Behind a relu, whose gradient is zero where the dropout's output
// is, the dropout's own gradient is no more than its factor then, without random numbers.
void read_signs_behind_dropout(graph::Graph& graph);

}  // namespace pronghorn::compiler
