#pragma once

#include <memory>
#include <optional>

#include "formats/hdf5_reader.h"
#include "model/model.h"
#include "model/training_state.h"

namespace pronghorn::formats {

// The .h5 files of Keras 1 and 2 (and of Keras 3, when told to), whole models and weights alone:
//   attributes model_config, training_config (JSON), keras_version, backend
//   model_weights/<layer>/...  weights, in the order of the group's attribute weight_names
//   optimizer_weights/...      likewise
// A file of weights has the layers' groups at its root.
//
// What other times and backends kept in another way is turned into Keras 3's layout:
//   Theano's convolutions are true ones, so kernels are turned by 180 degrees;
//   Keras 1's channels-first kernels are (out, in, height, width);
//   a Dense behind a channels-first Flatten has its rows in the order channels, height, width;
//   Keras 1's LSTM and GRU have an array per gate.
// Keras 1 does not say its backend: files with channels-first kernels are taken as Theano's, which
// was its default.

bool is_legacy_file(const Hdf5Reader& file);

// A whole model; its file_config and training_state where the file has such. Throws FileError for
// weights alone.
std::unique_ptr<model::Model> read_legacy_model(const Hdf5Reader& file);

// Fills the model's weights, or leaves them as they were and throws FileError. The state has the
// optimizer's steps and variables, if the file has any that are kept as Keras 3 would.
std::optional<model::TrainingState> read_legacy_weights(const Hdf5Reader& file,
                                                        const model::Model& model);

}  // namespace pronghorn::formats
