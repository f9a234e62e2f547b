#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "model/model.h"

namespace pronghorn::formats {

// Models as Keras writes them to JSON (model.to_json(), config.json of a .keras file, model_config
// of an .h5 file): class Sequential or Functional, any Keras 3.0 to 3.16, and Keras 1 and 2
// (formats/keras_legacy_config.h). The JSON is data: nothing in it is executed.
//
// Throws FileError for what is no such JSON (a syntax error with line and column, a missing key
// with its path), UnsupportedError for layers and arguments that Pronghorn has not, ArgumentError
// and ShapeError for arguments that are wrong or don't fit each other.
std::unique_ptr<model::Model> read_keras_config(std::string_view json);

// One line. Arguments that only newer versions of Keras 3 know, and that are at their defaults, are
// left out, so that all of them can read it.
// `config`: how the model is compiled now; null: as the file that it was read from says, if any.
std::string write_keras_config(const model::Model& model, const CompileConfig* config = nullptr);

}  // namespace pronghorn::formats
