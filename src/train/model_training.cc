// The members of pronghorn::Model that train, predict, and read and write weights.

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/file.h"
#include "formats/hdf5_reader.h"
#include "formats/keras_archive.h"
#include "formats/keras_weights.h"
#include "formats/safetensors.h"
#include "formats/zip_archive.h"
#include "pronghorn/error.h"
#include "pronghorn/model.h"
#include "train/trainer.h"

namespace pronghorn {

struct Model::Training {
  Training(model::Model& model, const CompileConfig& config) : trainer(model, config) {}
  train::Trainer trainer;
  // False for one that was made for predict() alone.
  bool compiled = false;
};

void Model::compile(const CompileConfig& config) {
  auto training = std::make_shared<Training>(*model_, config);
  if (!model_->initialized) model_->initialize(config.seed);
  // That of a file, once: compiled again, a model starts with a fresh optimizer, as in Keras.
  if (model_->training_state) {
    model_->training_state->optimizer.learning_rate = config.optimizer.learning_rate;
    training->trainer.resume(*model_->training_state);
    model_->training_state.reset();
  }
  training->compiled = true;
  training_ = std::move(training);
}

Model::Training& Model::compiled_training(const char* function) {
  if (training_ == nullptr || !training_->compiled) {
    throw ArgumentError(
        fmt::format("{} needs an optimizer and a loss; call compile() first", function));
  }
  if (!training_->trainer.suits_model())
    throw ArgumentError("layers were added since compile(); call it again");
  return *training_;
}

History Model::fit(const Arrays& x, const Arrays& y, const FitOptions& options) {
  return compiled_training("fit").trainer.fit(*this, x, y, options);
}

Logs Model::evaluate(const Arrays& x, const Arrays& y, const EvaluateOptions& options) {
  return compiled_training("evaluate").trainer.evaluate(x, y, options);
}

std::vector<NamedArray> Model::predict_outputs(const Arrays& x, const EvaluateOptions& options) {
  // Needs no loss; what compile() says of threads and kernels holds where it was called.
  CompileConfig defaults;
  defaults.loss = Loss();
  if (training_ == nullptr || (!training_->compiled && !training_->trainer.suits_model()))
    training_ = std::make_shared<Training>(*model_, defaults);
  if (!model_->initialized) {
    // The weights that get_weights() shows; they don't keep compile() from drawing its own.
    model_->initialize(defaults.seed);
    model_->initialized = false;
  }
  if (training_->compiled) return compiled_training("predict").trainer.predict(x, options);
  return training_->trainer.predict(x, options);
}

Array Model::predict(const Arrays& x, const EvaluateOptions& options) {
  if (model_->outputs.size() != 1)
    throw ArgumentError(
        fmt::format("the model has {} outputs; predict_outputs gives an array for each",
                    model_->outputs.size()));
  return std::move(predict_outputs(x, options).front().array);
}

std::string Model::graph_summary(int64_t batch_size) const {
  if (training_ != nullptr && training_->compiled && training_->trainer.suits_model())
    return training_->trainer.graph_summary(batch_size);
  const CompileConfig defaults;
  return train::Trainer(*model_, defaults).graph_summary(batch_size);
}

void Model::save_weights(const std::string& path) const {
  if (path.ends_with(".safetensors")) return formats::write_safetensors(path, get_weights());
  if (!path.ends_with(".weights.h5"))
    throw ArgumentError(fmt::format(
        "'{}': weights are written as .weights.h5 or .safetensors; a whole model as .keras", path));
  get_weights();  // gives them values
  const std::optional<model::TrainingState> state = training_state();
  write_file_atomically(path, formats::write_keras_weights(*model_, state ? &*state : nullptr));
}

void Model::save(const std::string& path) const {
  if (!path.ends_with(".keras"))
    throw ArgumentError(fmt::format(
        "'{}': a whole model is written as .keras; weights alone as .weights.h5 or .safetensors",
        path));
  get_weights();
  const bool compiled = training_ != nullptr && training_->compiled;
  const CompileConfig* config = compiled              ? &training_->trainer.config()
                                : model_->file_config ? &*model_->file_config
                                                      : nullptr;
  const std::optional<model::TrainingState> state = training_state();
  formats::write_keras_archive(path, *model_, config, state ? &*state : nullptr);
}

std::optional<model::TrainingState> Model::training_state() const {
  if (training_ == nullptr || !training_->compiled) return model_->training_state;
  return training_->trainer.state();
}

int64_t Model::optimizer_steps() const {
  if (training_ != nullptr && training_->compiled)
    return static_cast<int64_t>(training_->trainer.steps());
  return model_->training_state ? static_cast<int64_t>(model_->training_state->steps) : 0;
}

void Model::load_weights(const std::string& path) {
  const std::string bytes = read_file(path);
  if (formats::is_zip(bytes) || formats::is_hdf5(bytes)) {
    std::optional<model::TrainingState> state = formats::read_weights_file(bytes, path, *model_);
    model_->initialized = true;
    if (!state) return;
    if (training_ == nullptr || !training_->compiled) {
      if (!model_->training_state) return;
      state->optimizer = model_->training_state->optimizer;
      model_->training_state = std::move(state);
      return;
    }
    // The file does not say whose it is, only its arrays; Keras goes by them too.
    state->optimizer.name = training_->trainer.config().optimizer.name;
    training_->trainer.resume(*state);
    return;
  }
  std::vector<NamedArray> given = formats::parse_safetensors(bytes, path);
  // In the model's order, whatever the file's is.
  std::vector<NamedArray> weights;
  for (const NamedArray& wanted : get_weights()) {
    const auto found = std::find_if(given.begin(), given.end(), [&](const NamedArray& weight) {
      return weight.name == wanted.name;
    });
    if (found == given.end()) {
      throw ShapeError(
          fmt::format("'{}': weights of another model: it holds no '{}'", path, wanted.name));
    }
    if (found->array.shape != wanted.array.shape) {
      throw ShapeError(fmt::format("'{}': weights of another model: '{}' is {}, the model's is {}",
                                   path, wanted.name, found->array.shape.to_string(),
                                   wanted.array.shape.to_string()));
    }
    weights.push_back(std::move(*found));
    given.erase(found);
  }
  if (!given.empty()) {
    throw ShapeError(fmt::format("'{}': weights of another model: this one has no '{}'", path,
                                 given.front().name));
  }
  set_weights(weights);
}

}  // namespace pronghorn
