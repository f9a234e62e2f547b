#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/layer.h"
#include "model/model.h"
#include "pronghorn/shape.h"

namespace pronghorn::model {

// A call of a layer that is part of no model yet; its only output is what the functional API's
// tensors stand for. Inputs have no inputs.
struct SymbolicNode {
  std::shared_ptr<Layer> layer;
  std::vector<std::shared_ptr<const SymbolicNode>> inputs;
  Shape shape;
};
using SymbolicTensor = std::shared_ptr<const SymbolicNode>;

// Calls the layer, which builds it if this is the first time.
SymbolicTensor call(const std::shared_ptr<Layer>& layer, std::vector<SymbolicTensor> inputs);
SymbolicTensor make_input(const Shape& shape, std::string_view name);

// All that the outputs depend on, as a model whose nodes stand in Keras's order
// (keras/src/ops/function.py, map_graph): by depth, the distance to the outputs, greatest first,
// and within a depth as a walk from the outputs first meets the layers. Throws ArgumentError where
// an output depends on an input that is not listed, or an input is no Input.
std::unique_ptr<Model> functional_model(const std::vector<SymbolicTensor>& inputs,
                                        const std::vector<SymbolicTensor>& outputs,
                                        std::string name);

// Layers called each on the one before; the first is the InputLayer.
std::unique_ptr<Model> sequential_model(const std::vector<std::shared_ptr<Layer>>& layers,
                                        std::string name);
// Leaves the model as it was where it throws.
void append(Model& model, const std::shared_ptr<Layer>& layer);

// Names the layers that have none as Keras does after clear_session: the class in snake case,
// numbered from the second on ("dense", "dense_1"), skipping names that are taken. Throws
// ArgumentError where two layers have one name.
void assign_names(Model& model);

// "MaxPooling2D" -> "max_pooling2d" (keras/src/utils/naming.py).
std::string snake_case(std::string_view class_name);

}  // namespace pronghorn::model
