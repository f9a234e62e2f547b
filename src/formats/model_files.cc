// Models of the zoo and of files, and JSON: the functions of include/pronghorn/model.h for them.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "formats/hdf5_reader.h"
#include "formats/keras_archive.h"
#include "formats/keras_config.h"
#include "formats/keras_legacy_weights.h"
#include "formats/onnx.h"
#include "formats/zip_archive.h"
#include "formats/zoo.h"
#include "pronghorn/error.h"
#include "pronghorn/model.h"
#include "pronghorn/saving.h"

namespace pronghorn {
namespace {

// The largest that Keras's JSON is likely to be is a few megabytes.
constexpr uint64_t kMaxJsonBytes = uint64_t{64} << 20;

// The embedded text, or none.
std::string_view zoo_text(std::string_view file) {
  for (const EmbeddedFile& entry : formats::zoo_files())
    if (entry.name == file) return entry.text;
  return {};
}

// Calls `read`, and puts the file's path before the message of what it throws.
template <class Read>
Model with_path(const std::string& path, Read&& read) {
  const auto message = [&](const Error& error) {
    return fmt::format("{}: {}", path, error.what());
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

}  // namespace

void export_onnx(const Model& model, const std::string& path) {
  model.get_weights();  // gives them values
  formats::write_onnx(path, model.implementation());
}

std::string Model::to_json() const { return formats::write_keras_config(*model_); }

Model model_from_json(std::string_view json) { return Model(formats::read_keras_config(json)); }

Model load_model(const std::string& name_or_path) {
  if (const std::string_view text = zoo_text(name_or_path + ".json"); !text.empty())
    return model_from_json(text);
  if (!is_file(name_or_path)) {
    std::vector<std::string> names;
    for (const ZooEntry& entry : zoo()) names.push_back(entry.name);
    throw ArgumentError(fmt::format("'{}' is neither a file nor a model of the zoo, which are {}",
                                    name_or_path, fmt::join(names, ", ")));
  }
  std::string bytes = read_file(name_or_path);
  if (formats::is_zip(bytes))
    return Model(formats::read_keras_archive(std::move(bytes), name_or_path));
  if (formats::is_hdf5(bytes))
    return with_path(name_or_path, [&] {
      return Model(formats::read_legacy_model(formats::Hdf5Reader(bytes, name_or_path)));
    });
  if (bytes.size() > kMaxJsonBytes)
    throw FileError(fmt::format("{}: has {} bytes; JSON of a model has at most {}", name_or_path,
                                bytes.size(), kMaxJsonBytes));
  return with_path(name_or_path, [&] { return model_from_json(bytes); });
}

std::vector<ZooEntry> zoo() {
  const auto descriptions = nlohmann::ordered_json::parse(zoo_text("descriptions.json"));
  std::vector<ZooEntry> entries;
  for (const auto& [name, description] : descriptions.items())
    entries.push_back({name, description.get<std::string>()});
  return entries;
}

}  // namespace pronghorn
