#pragma once

#include <string>
#include <string_view>

#include "pronghorn/data.h"

namespace pronghorn {

class Model;

// Files appear under their names when they are complete; a failed write leaves nothing behind and
// an older file as it was. All throw FileError. Weights: Model::save_weights.

// The model's inference as ONNX (opset 17), for ONNX Runtime and others: inputs and outputs have
// the model's shapes, with any batch. Throws UnsupportedError for layers that can't be written so.
void export_onnx(const Model& model, const std::string& path);

// NumPy's .npy, float32.
void save_npy(const std::string& path, const Array& array);
void save_text(const std::string& path, std::string_view text);

// Throws unless a file of this name could be written now. For asking before hours of work whose
// result is to be written there; changes nothing.
void check_writable(const std::string& path);

}  // namespace pronghorn
