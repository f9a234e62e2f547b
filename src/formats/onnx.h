#pragma once

#include <string>

#include "model/model.h"

namespace pronghorn::formats {

// The model's inference as ONNX (opset 17, IR version 8), for ONNX Runtime and others; write only.
// Inputs and outputs have the model's shapes, images channels-last, with any batch; ONNX's
// convolutions and poolings take channels-first ones, and stand between Transposes, of which those
// that would undo each other are left out. Dropout and noise are nothing at inference; batch
// normalization is a product and a sum.
//
// Throws UnsupportedError, with the layer's name and the classes that can be written, for others,
// before anything is written; FileError.
void write_onnx(const std::string& path, const model::Model& model);

}  // namespace pronghorn::formats
