#pragma once

#include <map>
#include <string>

#include "graph/cost.h"
#include "model/model.h"

namespace pronghorn::model {

// What inference with one image costs: the sum over the ops that the model lowers to.
struct ForwardCost {
  graph::Cost total;
  std::map<const Layer*, graph::Cost> by_layer;
};
ForwardCost forward_cost(const Model& model);

}  // namespace pronghorn::model
