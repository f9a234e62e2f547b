#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace pronghorn::graph {

// Appends values and ops to a graph. The functions that add ops of one kind (conv2d(builder, ...))
// stand in that kind's header in graph/ops/.
class Builder {
 public:
  explicit Builder(Graph& graph) : graph_(graph) {}

  Graph& graph() { return graph_; }
  const Graph& graph() const { return graph_; }

  // Ops added from here on carry this layer's name and this phase.
  void set_layer(std::string layer) { layer_ = std::move(layer); }
  const std::string& layer() const { return layer_; }
  void set_phase(Phase phase) { phase_ = phase; }
  Phase phase() const { return phase_; }

  ValueId add_value(std::string name, Shape shape, ValueRole role);

  // Adds an op of this kind and the values that it computes, named after layer and kind. Returns
  // the op's outputs. Throws what infer_outputs throws, with the layer's name in front.
  std::vector<ValueId> add_op(const OpKind& kind, std::vector<ValueId> inputs,
                              Attributes attributes = {}, std::vector<Stage> epilogue = {});

 private:
  Graph& graph_;
  std::string layer_;
  Phase phase_ = Phase::kForward;
};

}  // namespace pronghorn::graph
