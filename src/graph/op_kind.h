#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/cost.h"
#include "graph/graph.h"

namespace pronghorn::graph {

class Builder;

// An output that takes the place of an input in memory.
struct Alias {
  int input;
  int output;
};

// All that is true of one kind of op whatever kernel runs it. One object per kind, in one file of
// graph/ops/; the object has no state.
class OpKind {
 public:
  virtual ~OpKind() = default;

  virtual std::string_view name() const = 0;

  // The types of the outputs. Throws ShapeError where inputs and attributes don't fit; the message
  // says what would.
  virtual std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const = 0;

  // Appends ops that compute the gradients to the inputs from those to the outputs. Only the inputs
  // with wanted[i] need one; the others' entries are kNoValue. diff_outputs[i] is kNoValue where
  // nothing depends on that output. The default throws std::logic_error: not differentiable.
  virtual std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                        std::span<const ValueId> diff_outputs,
                                        const std::vector<bool>& wanted) const;

  // The work beside the epilogue and beside bytes, which are the same rule for every kind: see
  // cost() below.
  virtual Cost arithmetic(const Graph& graph, const Op& op) const = 0;

  // Outputs that *must* share an input's memory: a reshape's, an updated weight's.
  virtual std::vector<Alias> required_aliases(const Op&) const { return {}; }
  // Outputs that *may* share an input's memory if that input is not needed later.
  virtual std::vector<Alias> possible_aliases(const Op&) const { return {}; }
  // True where required aliasing is all that the op does, so nothing has to run.
  virtual bool is_view() const { return false; }
};

// The op's whole cost: its kind's arithmetic, its epilogue, and its bytes (none for a view).
Cost cost(const Graph& graph, const Op& op);

}  // namespace pronghorn::graph
