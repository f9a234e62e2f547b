#include "model/cost.h"

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::model {

ForwardCost forward_cost(const Model& model) {
  graph::Graph graph;
  graph::Builder builder(graph);
  graph.batch = 1;
  model.lower(builder, 1, /*training=*/false);

  std::map<std::string, const Layer*> layers;
  for (const Layer* layer : model.layers()) layers.emplace(layer->name(), layer);
  ForwardCost cost;
  for (const graph::Op& op : graph.ops) {
    const graph::Cost op_cost = graph::cost(graph, op);
    cost.total += op_cost;
    // "encoder/dense" is part of the layer 'encoder'.
    cost.by_layer[layers.at(op.layer.substr(0, op.layer.find('/')))] += op_cost;
  }
  return cost;
}

}  // namespace pronghorn::model
