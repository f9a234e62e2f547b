#include "formats/keras_archive.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "formats/json.h"
#include "formats/keras_config.h"
#include "formats/keras_weights.h"
#include "formats/zip_archive.h"
#include "model/compile_config.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kConfig = "config.json";
constexpr const char* kMetadata = "metadata.json";
constexpr const char* kWeights = "model.weights.h5";
// Of the Keras whose files these are like.
constexpr const char* kKerasVersion = "3.15.0";

// Nothing is extracted, so such a name does no harm here; but no Keras writes one, and other
// programs may follow it.
void check_member_name(const std::string& path, const std::string& name) {
  const bool absolute = name.starts_with('/') || name.find(':') != std::string::npos ||
                        name.find('\\') != std::string::npos;
  bool climbs = false;
  for (size_t begin = 0; begin < name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    climbs = climbs || name.substr(begin, end - begin) == "..";
    begin = end + 1;
  }
  if (absolute || climbs)
    throw FileError(
        fmt::format("'{}': has a member '{}', which leads out of the archive; no Keras writes such",
                    path, name));
}

// Calls `read`, and puts the member's name before the message of what it throws.
template <class Read>
auto in_member(const std::string& path, const char* member, Read&& read) {
  const auto message = [&](const Error& error) {
    return fmt::format("{}:{}: {}", path, member, error.what());
  };
  try {
    return read();
  } catch (const FileError& error) {
    throw FileError(message(error));
  } catch (const ArgumentError& error) {
    throw ArgumentError(message(error));
  } catch (const ShapeError& error) {
    throw ShapeError(message(error));
  } catch (const UnsupportedError& error) {
    throw UnsupportedError(message(error));
  }
}

// Pronghorn's own part of metadata.json, where there is one.
void read_metadata(const std::string& text, model::Model& model) {
  const Json json = parse_json(text);
  if (!json.is_object() || !json.contains("pronghorn")) return;
  const Json& own = json["pronghorn"];
  const auto whole = [&](const char* key) {
    const auto found = own.is_object() ? own.find(key) : own.end();
    if (!own.is_object() || found == own.end() || !found->is_number_unsigned())
      throw FileError(fmt::format("pronghorn.{} must be a whole number, at least 0", key));
    return found->get<uint64_t>();
  };
  const uint64_t seed = whole("seed");
  if (model.file_config) model.file_config->seed = seed;
  if (!model.training_state) return;
  model.training_state->epochs = whole("epochs");
  const auto rate = own.find("learning_rate");
  // In full; model.weights.h5 has a float of it.
  if (rate != own.end() && rate->is_number() &&
      static_cast<float>(rate->get<double>()) ==
          static_cast<float>(model.training_state->optimizer.learning_rate))
    model.training_state->optimizer.learning_rate = rate->get<double>();
  const auto outside = own.find("epsilon_outside_root");
  if (model.file_config && outside != own.end() && outside->is_boolean())
    model.file_config->optimizer.epsilon_outside_root = outside->get<bool>();
}

}  // namespace

std::unique_ptr<model::Model> read_keras_archive(std::string bytes, const std::string& path) {
  ZipReader zip(std::move(bytes), path, ".keras");
  for (const std::string& name : zip.names()) check_member_name(path, name);
  for (const char* needed : {kConfig, kWeights})
    if (!zip.has(needed))
      throw FileError(fmt::format("'{}': no .keras archive: has no member {}", path, needed));

  const std::string config = zip.read(kConfig);
  std::unique_ptr<model::Model> model =
      in_member(path, kConfig, [&] { return read_keras_config(config); });
  const std::string weights = zip.read(kWeights);
  model->training_state =
      read_keras_weights(Hdf5Reader(weights, fmt::format("{}:{}", path, kWeights)), *model);
  model->initialized = true;
  if (zip.has(kMetadata)) {
    const std::string metadata = zip.read(kMetadata);
    in_member(path, kMetadata, [&] { read_metadata(metadata, *model); });
  }
  // An optimizer's variables mean nothing without it.
  if (!model->file_config) model->training_state.reset();
  if (model->training_state) {
    const double rate = model->training_state->optimizer.learning_rate;
    model->training_state->optimizer = model->file_config->optimizer;
    if (!std::isnan(rate))
      model->training_state->optimizer.learning_rate = model->file_config->optimizer.learning_rate =
          rate;
  }
  return model;
}

void write_keras_archive(const std::string& path, const model::Model& model,
                         const CompileConfig* config, const model::TrainingState* state) {
  Json metadata = {
      {"keras_version", kKerasVersion},
      {"date_saved", fmt::format("{:%Y-%m-%d@%H:%M:%S}", fmt::gmtime(std::time(nullptr)))}};
  if (config != nullptr) {
    Json own = {{"seed", config->seed}, {"epochs", state == nullptr ? 0 : state->epochs}};
    if (state != nullptr) own["learning_rate"] = state->optimizer.learning_rate;
    if (config->optimizer.epsilon_outside_root) own["epsilon_outside_root"] = true;
    metadata["pronghorn"] = own;
  }
  write_file_atomically(path, write_zip({{kMetadata, metadata.dump()},
                                         {kConfig, write_keras_config(model, config)},
                                         {kWeights, write_keras_weights(model, state)}}));
}

}  // namespace pronghorn::formats
