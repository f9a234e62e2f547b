#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats/hdf5_reader.h"
#include "model/model.h"
#include "model/training_state.h"

namespace pronghorn::formats {

// Keras 3's model.weights.h5, alone (.weights.h5) or in a .keras archive
// (keras/src/saving/saving_lib.py):
//   layers/<class in snake case>[_<n>]/vars/<i>   a layer's weights, numbered per class
//   optimizer/vars/<i>                            iteration, learning rate, then its variables
// A layer's own name plays no part. Versions before 2.16 say "_layer_checkpoint_dependencies" for
// "layers".

// Fills the model's weights from a file of any kind that holds Keras's: .weights.h5, a .keras
// archive, an .h5 file of Keras 1 or 2, told apart by their bytes. `path` is for messages.
std::optional<model::TrainingState> read_weights_file(std::string_view bytes,
                                                      const std::string& path,
                                                      const model::Model& model);

// Fills the model's weights, and says what the file knows of the optimizer, if anything: `steps`,
// `variables`, and the learning rate where the file has one. All throw FileError where the file is
// broken or holds other weights than the model's.
std::optional<model::TrainingState> read_keras_weights(const Hdf5Reader& file,
                                                       const model::Model& model);

// The bytes of the file. `state` may be null.
std::string write_keras_weights(const model::Model& model, const model::TrainingState* state);

}  // namespace pronghorn::formats
