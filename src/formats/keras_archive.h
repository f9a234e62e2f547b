#pragma once

#include <memory>
#include <string>

#include "model/model.h"
#include "model/training_state.h"

namespace pronghorn::formats {

// Keras 3's .keras: a zip archive of config.json (formats/keras_config.h), metadata.json and
// model.weights.h5 (formats/keras_weights.h). Pronghorn's own counters, of which Keras knows
// nothing, stand in metadata.json under "pronghorn"; Keras does not read that file.
//
// A file is data: no member is extracted, none is code. All throw FileError, and UnsupportedError
// for a model that Pronghorn can't be given.

// `path` is for messages only. The model's weights are the file's; its file_config and
// training_state too, where the file has such.
std::unique_ptr<model::Model> read_keras_archive(std::string bytes, const std::string& path);

// `config`: how it was compiled, null where it was not; `state` null where nothing was trained. The
// file appears when it is complete.
void write_keras_archive(const std::string& path, const model::Model& model,
                         const CompileConfig* config, const model::TrainingState* state);

}  // namespace pronghorn::formats
